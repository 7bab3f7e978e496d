from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest
from typer.testing import CliRunner

from bench_material import OVERLAPS, clips_manifest, write_lines
from prosody_gate import GateFactory
from prosody_gate.bench import BenchSettings, read_manifest, run_bench
from prosody_gate.cli import app

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'prosody-gate[cluster]'")

pytestmark = pytest.mark.filterwarnings("default")  # Dask's own warnings are not ours


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A real Dask cluster of two worker processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


def test_a_dask_cluster_gives_the_report_that_one_process_gives(scheduler: str, tmp_path: Path) -> None:
    manifest = clips_manifest(tmp_path, count=20)
    light = ["bench", str(manifest), "--vad", "webrtc", "--no-listener", "--json"]
    alone = CliRunner().invoke(app, [*light, str(tmp_path / "alone.json"), "--jobs", "1"])
    assert alone.exit_code == 0
    on_cluster = [*light, str(tmp_path / "cluster.json"), "--backend", "dask", "--scheduler", scheduler]
    spread = CliRunner().invoke(app, on_cluster)
    assert spread.exit_code == 0, spread.output
    assert (tmp_path / "cluster.json").read_bytes() == (tmp_path / "alone.json").read_bytes()


def test_the_work_is_done_by_the_workers(scheduler: str, tmp_path: Path) -> None:
    manifest = read_manifest(write_lines(tmp_path / "o.jsonl", OVERLAPS * 40))
    with distributed.Client(scheduler) as client, joblib.parallel_config(backend="dask", n_jobs=-1):
        before = sum(len(tasks) for tasks in client.run(lambda dask_worker: list(dask_worker.state.log)).values())
        report = run_bench(manifest, BenchSettings(), gates=GateFactory())
        after = sum(len(tasks) for tasks in client.run(lambda dask_worker: list(dask_worker.state.log)).values())
    assert after > before
    assert report.gate.caught.of == 120


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["prosody_gate.bench.run_bench"], "CONNECT_TIMEOUT", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        path = write_lines(tmp_path / "o.jsonl", OVERLAPS)
        result = CliRunner().invoke(app, ["bench", str(path), "--backend", "dask", "--scheduler", address])
    assert result.exit_code == 2
    assert f"--scheduler {address}: no Dask scheduler answers there" in result.stderr

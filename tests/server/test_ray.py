"""The server on a real Ray cluster of this machine, and the benchmark on the same."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from bench_material import clips_manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None or importlib.util.find_spec("uvicorn") is None,
        reason="Ray is not installed: pip install 'prosody-gate[ray]'",
    ),
]

WALK = Path(__file__).resolve().parents[1] / "support" / "ray_walk.py"
ENVIRONMENT = {
    # A busy machine takes longer to start a process than Ray has patience by itself.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONWARNINGS": "ignore",
}
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process with a Ray cluster found, by step."""
    folder = tmp_path_factory.mktemp("ray")
    samples, _ = sf.read(DEMO, dtype="int16")
    # "stop", from a second before it.
    np.save(folder / "stop.npy", samples[round(40.3 * 16_000) : round(42.8 * 16_000), 1])
    done = subprocess.run(
        [sys.executable, WALK, clips_manifest(folder, count=20), folder, folder / "stop.npy"],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=500,
    )
    lines = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    found = {step["step"]: step["found"] for step in map(json.loads, lines)}
    assert done.returncode == 0, f"{lines}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return found


def test_a_ray_cluster_gives_the_report_that_one_process_gives(walked: dict[str, Any]) -> None:
    assert walked["bench"] is True


def test_sessions_of_all_replicas_are_told_of_the_interruption_once(walked: dict[str, Any]) -> None:
    assert [kinds.count("bargein_detected") for kinds in walked["verdicts"]] == [1, 1, 1, 1]
    assert {kind for kinds in walked["verdicts"] for kind in kinds} == {"bargein_detected", "inference_done"}


def test_a_wrong_token_is_refused_through_rays_proxy(walked: dict[str, Any]) -> None:
    # Ray's proxy has a status of its own for a refused upgrade.
    assert walked["wrong token"] in (401, 403)


def test_a_replica_that_is_to_end_waits_for_its_sessions(walked: dict[str, Any]) -> None:
    assert walked["scaled down"] == {
        "answered": ["inference_done", "inference_done"],
        "new": 101,
        "waits": True,
    }

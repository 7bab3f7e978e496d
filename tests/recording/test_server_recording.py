"""A server with recording on: each overlap of a served session is in the folder once, the user's sound alone."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import shutil
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import Client, RunningServer, client, running_server, serving, windows_of
from gate_timeline import Says
from loud_speech import LevelDetector, sound
from prosody_gate.bench import read_manifest
from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.gate_factory import GateFactory
from prosody_gate.recording import OverlapRecorder, RecordOptions, overlap_files, read_line, set_label
from prosody_gate.server import ServerSettings
from prosody_gate.server.frames import SessionCreate
from prosody_gate.server.window_gate import WindowGate

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
RATE, STEP = 16_000, 1_600
TWO = sound(("room", 1.5), ("speech", 0.4), ("room", 1.4), ("speech", 0.5), ("room", 0.6))
"""An overlap at 1.5 s, and one at 3.3 s."""


def windows_of_two() -> Iterator[np.ndarray]:
    """What a client sends of both, with nothing sent in between: its window still holds the first one."""
    yield from windows_of(TWO[: round(2.5 * RATE)], 24_800)
    yield from (TWO[max(end - 48_000, 8_800) : end] for end in range(54_400, len(TWO), STEP))


async def served(
    folder: Path, *sources: Any, during: Any = None, windows: Iterable[np.ndarray] | None = None, **given: Any
) -> None:
    async with serving(*sources, record=str(folder), **given) as (url, _), client(url) as one:
        await one.create()
        for at, window in enumerate(windows_of_two() if windows is None else windows):
            await one.judge(at, window)
            if during is not None and at == 0:
                during()


def test_each_overlap_of_a_session_is_recorded_once_with_the_user_alone(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, Says(-2.0)))
    first, second = (read_line(path) for path in overlap_files(tmp_path))
    assert [one["kind"] for one in first["decisions"]] == ["hold", "cancel"]
    assert second["decisions"][0]["kind"] == "hold"
    assert first["speaker"] == second["speaker"]
    assert [first["name"][-4:], second["name"][-4:]] == ["0001", "0002"]
    for fields, onset in ((first, 1.5), (second, 3.3)):
        samples, rate = soundfile.read(tmp_path / fields["audio"], dtype="int16")
        assert (rate, samples.ndim, "agent_audio" in fields, "transcripts" in fields) == (RATE, 1, False, False)
        assert (fields["source"], fields["languages"]) == ("server", ["en"])
        assert fields["agent"] == [[0.0, fields["duration"]]]
        # The very samples that the client sent, from the beginning of its window or 2 s before the onset.
        place = next(at for at in range(len(TWO)) if np.array_equal(TWO[at : at + 64], samples[:64]))
        assert np.array_equal(samples, TWO[place : place + len(samples)])
        assert place / RATE == pytest.approx(max(0.55, onset - 2.0), abs=0.04)
        assert place / RATE + fields["overlap"][0] == pytest.approx(onset, abs=0.04)


def test_sound_of_the_first_window_that_is_none_of_its_overlap_is_not_recorded(tmp_path: Path) -> None:
    second = [TWO[max(end - 48_000, 8_800) : end] for end in range(54_400, len(TWO), STEP)]
    asyncio.run(served(tmp_path, Says(-2.0), windows=second))
    (path,) = overlap_files(tmp_path)
    fields = read_line(path)
    assert (fields["name"][-4:], fields["decisions"][0]["kind"]) == ("0002", "hold")
    assert fields["overlap"][0] + fields["stream_start"] == pytest.approx(3.3 - 0.55, abs=0.04)


def test_an_overlap_after_a_rest_has_a_file_and_a_clip_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr("prosody_gate.server.bargein_session.REST_AFTER", 0.2)
        async with serving(Says(-2.0), record=str(tmp_path)) as (url, _), client(url) as one:
            await one.create()
            for _ in range(2):
                for at, window in enumerate(windows_of(TWO[: round(2.5 * RATE)], 24_800)):
                    await one.judge(at, window)
                await asyncio.sleep(1.0)  # the server looks after its sessions every half second

    asyncio.run(test())
    names = [path.stem for path in overlap_files(tmp_path)]
    assert [name[-4:] for name in names] == ["0001", "0002"]
    assert len({name[:-5] for name in names}) == 1


def test_a_confirm_is_recorded_with_what_came_until_then(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, Says(5.0, after=0.2)))
    fields = read_line(overlap_files(tmp_path)[0])
    assert [one["kind"] for one in fields["decisions"]] == ["hold", "confirm"]
    assert fields["duration"] >= fields["decisions"][1]["time"]


def test_a_folder_that_goes_in_mid_session_is_logged_once_and_the_session_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "calls"
    asyncio.run(served(folder, Says(-2.0), during=lambda: shutil.rmtree(folder)))
    lines = [one.message for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert lines[0].startswith(f"an overlap is not recorded (disk): record: {folder}: is not there any more")


@pytest.mark.parametrize(
    "slow", ["prosody_gate.server.window_gate.WindowGate.rest", "prosody_gate.recording.RecordingFolder.write"]
)
def test_what_is_not_written_yet_when_the_server_ends_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    module, _, rest = slow.rpartition(".")
    owner = getattr(importlib.import_module(module.rpartition(".")[0]), module.rpartition(".")[2])
    original = getattr(owner, rest)

    def slowly(self: Any, *arguments: Any) -> Any:
        time.sleep(0.3)
        return original(self, *arguments)

    monkeypatch.setattr(owner, rest, slowly)
    asyncio.run(served(tmp_path, Says(-2.0)))
    assert len(overlap_files(tmp_path)) == 2


def test_a_share_of_nothing_records_nothing(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, Says(-2.0), record_share=0.0))
    assert list(tmp_path.iterdir()) == []


def test_two_workers_record_into_one_folder_and_their_end_in_mid_session_loses_nothing(tmp_path: Path) -> None:
    folder, clients = tmp_path / "calls", 6
    samples, _ = soundfile.read(DEMO, dtype="int16", start=40 * RATE, stop=43 * RATE)
    user = samples[:, 1].copy()

    async def session(one: Client) -> list[dict[str, Any]]:
        await one.create()
        return [await one.judge(at, window) for at, window in enumerate(windows_of(user, round(1.4 * RATE)))]

    async def sessions(server: RunningServer) -> list[list[dict[str, Any]]]:
        async with contextlib.AsyncExitStack() as opened:
            open_ones = [await opened.enter_async_context(client(server.url)) for _ in range(clients)]
            answered = await asyncio.gather(*map(session, open_ones))
            server.process.send_signal(signal.SIGTERM)
            assert [await one.closed(10.0) for one in open_ones] == [1001] * clients
            return answered

    given = ("--workers", "2", "--no-listener", "--record", str(folder), "--drain", "0")
    with running_server(*given, environment={}) as server:
        answered = asyncio.run(sessions(server))
        status = server.process.wait(20.0)
    assert status == 0
    assert {[answer["type"] for answer in answers].count("bargein_detected") for answers in answered} == {1}
    paths = overlap_files(folder)
    assert len(paths) == clients
    assert len({read_line(path)["speaker"] for path in paths}) == clients
    for path in paths:
        set_label(path, "interruption")
    assert len(read_manifest(folder).items) == clients
    report = tmp_path / "report.json"
    ran = CliRunner().invoke(app, ["bench", str(folder), "--no-listener", "--json", str(report), "-q", "--jobs", "1"])
    assert ran.exit_code == 0, ran.output
    confirmed = [one["confirmed"] for one in json.loads(report.read_text(encoding="utf-8"))["outcomes"]]
    live = [read_line(path)["decisions"][-1] for path in paths]
    assert confirmed == pytest.approx([one["time"] - one["onset"] for one in live], abs=0.033)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"record_share": 0.1}, "--record-share: nothing is recorded; expected --record FOLDER beside it"),
        ({"record": "calls", "record_share": 2.0}, "--record-share: expected 0 to 1, got 2"),
        ({"record": "calls", "record_quota_mb": 0.0}, "--record-quota-mb: expected 1 to"),
    ],
)
def test_a_wrong_setting_of_recording_is_one_line(given: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        ServerSettings(**given)


def test_recording_is_set_in_the_environment_too() -> None:
    given = ServerSettings(
        record="calls", record_share=0.5, record_text=False, record_quota_mb=12.5, record_keep_days=0
    )
    assert ServerSettings.from_environment(given.to_environment()) == given
    options = given.recording()
    assert options is not None
    assert (options.folder, options.share, options.text, options.quota_mb, options.keep_days) == (
        Path("calls"), 0.5, False, 12.5, None,
    )  # fmt: skip
    assert ServerSettings().recording() is None


def test_a_folder_that_cannot_be_written_to_is_one_line_before_anything_is_served() -> None:
    ran = CliRunner().invoke(app, ["serve", "--record", "/dev/null/calls"])
    assert ran.exit_code == 2
    assert "record: /dev/null/calls: cannot be written" in ran.output


def test_over_http_what_is_undecided_when_the_server_ends_is_recorded(tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(Says(-0.5), record=str(tmp_path)) as (url, _), aiohttp.ClientSession() as http:
            for window in windows_of(TWO[: round(1.8 * RATE)], 24_800):
                async with http.post(url + "/bargein", params={"created_at": 1}, data=window.tobytes()) as answer:
                    assert answer.status == 200

    asyncio.run(test())
    (fields,) = (read_line(path) for path in overlap_files(tmp_path))
    assert [one["kind"] for one in fields["decisions"]] == ["hold", "cancel"]


def test_what_another_gate_goes_on_with_is_that_ones_to_record(tmp_path: Path) -> None:
    factory = GateFactory.create(listener=False, sources=[Says(-0.5)])
    options = RecordOptions(folder=tmp_path)
    for superseded in (True, False):
        recorder = OverlapRecorder(options)
        gate = WindowGate(factory, SessionCreate(None, 2), make_detector=LevelDetector, recorder=recorder)
        for window in windows_of(TWO[: round(1.8 * RATE)], 24_800):
            gate.judge(window)
        gate.superseded = superseded
        gate.rest()
        recorder.close(wait=5.0)
        assert len(list(tmp_path.glob("*.json"))) == (0 if superseded else 1)

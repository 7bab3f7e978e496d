"""A real pipeline with recording on: both voices, the decision, and a folder that `bench` takes as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.audio.vad.silero import SileroVADAnalyzer

from pipecat_call import RATE, PipecatCall, recorded
from prosody_gate import OptionError
from prosody_gate.cli import app
from prosody_gate.pipecat import ProsodyGate
from prosody_gate.pipecat.testing import speech
from prosody_gate.recording import RecordOptions, overlap_files, read_line, set_label
from virtual_time import run_virtual


def run(body: Callable[[PipecatCall], Awaitable[None]], *confirm_at: float, **options: Any) -> PipecatCall:
    """Run `body(call)` in a call, to its end; all is written then."""

    async def main() -> PipecatCall:
        async with PipecatCall(*confirm_at, **options) as call:
            await body(call)
        return call

    call = run_virtual(main, monotonic=True)
    assert call.gate is not None
    if call.gate._recorder is not None:
        call.gate._recorder._writer.close(wait=10.0)
    return call


async def an_okay_over_the_bot(call: PipecatCall) -> None:
    await call.silence(2.5)
    await call.speak(6.0)
    await call.silence(1.0)
    await call.audio("s" * 12)
    await call.final("okay")
    await call.silence(7.0)


def test_a_pipeline_records_both_voices_and_what_was_decided(tmp_path: Path) -> None:
    call = run(an_okay_over_the_bot, gate={"record": tmp_path / "calls"})
    assert call.gate is not None
    assert call.gate.recorded is not None
    assert (call.gate.recorded.written, dict(call.gate.recorded.dropped)) == (1, {})
    (path,) = overlap_files(tmp_path / "calls")
    fields = read_line(path)
    assert [one["kind"] for one in fields["decisions"]] == ["hold", "cancel"]
    assert [one["text"] for one in fields["transcripts"]] == ["okay"]
    assert (fields["pipecat"][0].isdigit(), fields["profile"], fields["languages"]) == (True, None, ["en"])
    start, end = fields["overlap"]
    samples, _ = soundfile.read(path.with_suffix(".flac"))
    user, agent = samples.T
    loud = np.flatnonzero(np.abs(user) > 0.5 * np.abs(user).max()) / RATE
    assert loud[0] == pytest.approx(start, abs=0.04)
    assert loud[-1] == pytest.approx(end, abs=0.04)
    # The bot began a second before the user; what it said is where the gate took it for speaking.
    played = np.flatnonzero(agent) / RATE
    assert start - played[0] == pytest.approx(1.0, abs=0.1)
    assert fields["agent_spoke"][0][0] == pytest.approx(played[0], abs=0.1)
    assert np.diff(played).max() == pytest.approx(1 / RATE)
    assert set(agent[agent != 0]) == {1_000 / 32_768}


def test_what_the_bot_says_ends_in_the_recording_where_the_user_cut_it_off(tmp_path: Path) -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(2.5)
        await call.speak(6.0)
        await call.silence(1.0)
        await call.audio("s" * 20 + "-" * 20)
        await call.final("what was that")
        await call.silence(4.0)

    call = run(body, 4.0, gate={"record": tmp_path})
    assert call.playout() == ["play", "cut"]
    (path,) = overlap_files(tmp_path)
    fields = read_line(path)
    confirmed = next(one["time"] for one in fields["decisions"] if one["kind"] == "confirm")
    agent = soundfile.read(path.with_suffix(".flac"))[0][:, 1]
    assert np.flatnonzero(agent)[-1] / RATE == pytest.approx(confirmed, abs=0.15)
    assert fields["agent"][-1][1] == fields["duration"]


def test_bench_takes_the_folder_and_decides_as_the_pipeline_did(tmp_path: Path) -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(1.0)
        voice = recorded("yeah wait a second")
        await call.put(*speech(np.tile(voice, 8), RATE))
        await call.silence(2.5)
        await call.sound("mm-hm")
        await call.silence(4.0)
        await call.sound("stop")
        await call.silence(3.0)

    folder = tmp_path / "calls"
    call = run(body, real=True, gate={"record": folder, "listener": False})
    assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
    for path, label in zip(overlap_files(folder), ("backchannel", "interruption"), strict=True):
        set_label(path, label)
    report = tmp_path / "report.json"
    arguments = ["bench", str(folder), "--no-listener", "--json", str(report), "-q", "--jobs", "1"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    first, second = json.loads(report.read_text(encoding="utf-8"))["outcomes"]
    assert (first["confirmed"], first["right"], second["right"]) == (None, True, True)
    live = next(event for event in call.decisions if event.kind.value == "confirm")
    assert second["confirmed"] == pytest.approx(live.latency, abs=0.033)


def test_a_folder_that_goes_in_mid_call_changes_nothing_for_the_pipeline(tmp_path: Path) -> None:
    async def body(call: PipecatCall) -> None:
        shutil.rmtree(tmp_path / "calls")
        await an_okay_over_the_bot(call)

    plain = run(an_okay_over_the_bot)
    call = run(body, gate={"record": tmp_path / "calls"})
    assert call.kinds() == plain.kinds() == ["hold", "cancel"]
    assert (call.vad(), call.backchannels(), call.playout()) == (plain.vad(), plain.backchannels(), plain.playout())
    assert call.gate is not None
    assert call.gate.recorded is not None
    assert (call.gate.recorded.written, dict(call.gate.recorded.dropped)) == (0, {"disk": 1})


def test_a_bot_whose_sound_cannot_be_read_is_left_out_and_the_user_is_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prosody_gate.session.PlayedAudio.captured", lambda *_: 1 / 0)
    call = run(an_okay_over_the_bot, gate={"record": tmp_path})
    assert call.kinds() == ["hold", "cancel"]
    assert [one.message for one in caplog.records if one.message.startswith("record: the bot's voice")] == [
        "record: the bot's voice cannot be recorded (division by zero); the user's is"
    ]
    (path,) = overlap_files(tmp_path)
    assert "agent_audio" not in read_line(path)


def test_share_and_text_are_said_beside_the_folder_and_a_bad_one_is_one_line(tmp_path: Path) -> None:
    gate = ProsodyGate(vad_analyzer=SileroVADAnalyzer(), record=tmp_path, record_share=0.1, record_text=False)
    assert gate._recorder is not None
    assert gate._recorder._options == RecordOptions(folder=tmp_path, share=0.1, text=False)
    assert ProsodyGate(vad_analyzer=SileroVADAnalyzer()).recorded is None
    with pytest.raises(OptionError, match="record: /dev/null/calls: cannot be written"):
        ProsodyGate(vad_analyzer=SileroVADAnalyzer(), record="/dev/null/calls")
    with pytest.raises(OptionError, match="record_share: nothing is recorded; expected record=FOLDER beside it"):
        ProsodyGate(vad_analyzer=SileroVADAnalyzer(), record_share=0.5)

"""The whole loop: sessions with a bad profile record, the folder is labelled and tuned on, `compare` says what came."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from prosody_gate.audio import AudioFile
from prosody_gate.cli import app
from prosody_gate.recording import overlap_files, read_line, set_label
from prosody_gate.replay import read_frames, spans_of_channel
from prosody_gate.vad import create_detector

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from make_calls import label_at, make_calls

BAD = """\
[microphone]
name = "bad"

[gate]
confirm_probability = 0.5
prior = 2.0
"""


def cli(*arguments: object, status: int = 0) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code == status, ran.output
    return ran.output


def session_records(call: Path, profile: Path, folder: Path) -> None:
    """A real AgentSession over a recorded call, on a clock that jumps: what the agent says is said where it was."""
    from livekit import rtc
    from livekit.plugins import silero

    from virtual_session import RATE, VirtualCall, run_virtual

    def pieces(samples: np.ndarray, step: int) -> Iterator[rtc.AudioFrame]:
        for begin in range(0, len(samples) - step + 1, step):
            yield rtc.AudioFrame(samples[begin : begin + step].tobytes(), RATE, 1, step)

    async def said(samples: np.ndarray) -> AsyncIterator[rtc.AudioFrame]:
        for piece in pieces(samples, RATE // 10):
            yield piece

    with AudioFile(call) as recording:
        spans = list(spans_of_channel(read_frames(recording, 0), create_detector("silero")))
    samples, rate = soundfile.read(call, dtype="int16")
    assert rate == RATE
    agent, user = (np.ascontiguousarray(channel) for channel in samples.T)

    async def main() -> None:
        given = {"profile": profile, "record": folder, "sources": None, "listener": False}
        async with VirtualCall(vad=silero.VAD.load(), gate=given) as one:
            # By the names of the calls `tune` holds some out: a random name would be another test each time.
            one.gate._recorder._call = call.stem
            for number, piece in enumerate(pieces(user, 512)):
                if spans and number * 512 / RATE >= spans[0].start:
                    start, end = (round(RATE * time) for time in spans.pop(0))
                    one.session.say("lorem", audio=said(agent[start:end]), add_to_chat_ctx=False)
                one.microphone.feed(piece)
                await asyncio.sleep(512 / RATE)
        assert one.gate is not None
        assert one.gate._recorder is not None
        one.gate._recorder._writer.close(wait=10.0)

    run_virtual(main)


@pytest.mark.slow
def test_from_recorded_calls_to_a_better_gate(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    pytest.importorskip("livekit.agents", reason="needs LiveKit: pip install 'prosody-gate[livekit]'")
    recorded, bad = tmp_path / "recorded", tmp_path / "bad.toml"
    bad.write_text(BAD, encoding="utf-8")
    for call in make_calls(tmp_path / "calls"):
        session_records(call, bad, recorded)
    files = overlap_files(recorded)
    assert len(files) > 70
    for path in files:
        fields = read_line(path)
        set_label(path, label_at(fields["stream_start"] + fields["overlap"][0]))
    before, after, tuned = tmp_path / "before.json", tmp_path / "after.json", tmp_path / "tuned.toml"
    cli("bench", recorded, "--profile", bad, "--no-listener", "--json", before, "-q")
    cli("tune", recorded, "--profile", bad, "--no-listener", "--output", tuned, "--trials", 40, "-q")
    cli("bench", recorded, "--profile", tuned, "--no-listener", "--json", after, "-q")
    output = cli("compare", before, after, "--json")
    found = json.loads(output)
    interruptions, others = found["totals"]
    assert others["right_after"]["share"] > others["right_before"]["share"] + 0.2
    assert others["change"]["low"] > 0.0
    assert interruptions["right_after"]["share"] >= interruptions["right_before"]["share"] - 0.05
    assert found["options"]
    assert "broken; interruptions caught" in cli("compare", before, after, "-q")

"""A real AgentSession with recording on: both voices, the decision, and a call that goes on whatever the disk does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from prosody_gate.errors import OptionError
from prosody_gate.livekit import ProsodyGate
from prosody_gate.recording import RecordOptions, overlap_files, read_line
from virtual_session import VirtualCall, run_virtual


def call(*confirm_at: float, **gate: Any) -> VirtualCall:
    return VirtualCall(*confirm_at, gate=gate)


def recorded(gate: ProsodyGate | None) -> ProsodyGate:
    assert gate is not None
    assert gate._recorder is not None
    gate._recorder.close(wait=10.0)
    return gate


def test_a_session_records_both_voices_and_what_was_decided(tmp_path: Path) -> None:
    async def main() -> VirtualCall:
        async with call(record=tmp_path / "calls") as one:
            await one.silence(2.5)
            one.speak(6.0)
            await one.silence(1.0)
            await one.audio("s" * 12)
            await one.final("okay")
            await one.silence(7.0)
        return one

    made = run_virtual(main)
    gate = recorded(made.gate)
    assert gate.recorded is not None
    assert (gate.recorded.written, dict(gate.recorded.dropped)) == (1, {})
    (path,) = overlap_files(tmp_path / "calls")
    fields = read_line(path)
    assert [one["kind"] for one in fields["decisions"]] == ["hold", "cancel"]
    assert [one["text"] for one in fields["transcripts"]] == ["okay"]
    assert fields["livekit_agents"][0].isdigit()
    start, end = fields["overlap"]
    samples, _ = soundfile.read(path.with_suffix(".flac"))
    user, agent = samples.T
    loud = np.flatnonzero(np.abs(user) > 0.5 * np.abs(user).max()) / 16_000
    assert loud[0] == pytest.approx(start, abs=0.04)
    assert loud[-1] == pytest.approx(end, abs=0.04)
    # The agent began a second before the user, as far as a session says when.
    begins = np.flatnonzero(np.abs(agent) > 0.005)[0] / 16_000
    assert fields["agent_spoke"][0][0] == pytest.approx(begins, abs=0.15)
    assert start - begins == pytest.approx(1.0, abs=0.2)


def test_a_folder_that_goes_in_mid_call_changes_nothing_for_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "calls"

    async def main(record: Path | None) -> VirtualCall:
        given: dict[str, Any] = {} if record is None else {"record": record}
        async with call(0.3, **given) as one:
            await one.silence(0.5)
            handle = one.speak(6.0)
            if record is not None:
                shutil.rmtree(record)
            await one.silence(1.0)
            await one.audio("s" * 20)
            await one.final("wait a moment please")
            await one.silence(4.0)
            assert handle.interrupted
        return one

    plain, with_record = run_virtual(lambda: main(None)), run_virtual(lambda: main(folder))
    assert with_record.kinds() == plain.kinds() == ["hold", "confirm"]
    assert with_record.user_states() == plain.user_states()
    assert with_record.finals() == plain.finals()
    counts = recorded(with_record.gate).recorded
    assert counts is not None
    assert (counts.written, dict(counts.dropped)) == (0, {"disk": 1})
    assert not folder.exists()


def test_share_and_text_are_said_beside_the_folder(tmp_path: Path) -> None:
    gate = ProsodyGate(record=tmp_path / "calls", record_share=0.1, record_text=False)
    assert gate._recorder is not None
    options = gate._recorder._options
    assert (options.share, options.text, options.audio) == (0.1, False, True)
    without_audio = ProsodyGate(record=RecordOptions(folder=tmp_path / "calls", audio=False))
    assert without_audio._agent_recording is None
    assert ProsodyGate().recorded is None


def test_a_folder_that_cannot_be_written_to_is_one_line_at_the_start() -> None:
    with pytest.raises(OptionError, match="record: /dev/null/calls: cannot be written"):
        ProsodyGate(record="/dev/null/calls")
    with pytest.raises(OptionError, match="record_share: nothing is recorded; expected record=FOLDER beside it"):
        ProsodyGate(record_share=0.5)

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gate_timeline import LEXICON
from prosody_gate import AudioFile, Gate, GateEvent, ReplayResult, Transcript, replay
from prosody_gate.evidence import EvidenceSource, default_sources
from prosody_gate.replay import PART_LEAD_IN, PART_LEAD_OUT, Span, length_with_leads, replay_part
from prosody_gate.vad import WebRtcDetector

RATE = 16_000
DEMO = Path(__file__).parents[2] / "examples" / "demo.flac"
SECONDS = 46.0
"""Length of the demonstration call."""


def sources() -> list[EvidenceSource]:
    """All but the level: of the user's turns before it a part knows nothing."""
    return [source for source in default_sources(LEXICON) if source.name != "level"]


@pytest.fixture(scope="module")
def long_call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration call four times over: 184 s."""
    samples, rate = soundfile.read(DEMO, dtype="int16")
    path = tmp_path_factory.mktemp("long") / "long.flac"
    soundfile.write(path, np.concatenate([samples] * 4), rate)
    return path


@pytest.fixture(scope="module")
def whole(long_call: Path) -> ReplayResult:
    return replay(long_call, Gate(lexicon=LEXICON, sources=sources()), user_channel=1, agent_channel=0, trace=True)


def part_of(path: Path, part: Span, **settings: object) -> ReplayResult:
    with AudioFile(path) as recording:
        given = {"user_channel": 1, "agent_channel": 0, "trace": True, **settings}
        return replay_part(recording, Gate(lexicon=LEXICON, sources=sources()), part, **given)  # type: ignore[arg-type]


def outline(events: Sequence[GateEvent]) -> list[tuple[float, float, str, str]]:
    return [(round(event.onset, 3), round(event.time, 3), event.kind.value, event.reason) for event in events]


@pytest.mark.parametrize("part", [Span(0.0, 46.0), Span(90.0, 130.0), Span(100.5, 118.0), Span(150.0, 184.0)])
def test_a_part_is_decided_as_in_the_whole_recording(long_call: Path, whole: ReplayResult, part: Span) -> None:
    result = part_of(long_call, part)
    expected = [event for event in whole.events if part.start <= event.onset < part.end]
    assert expected
    assert outline(result.events) == outline(expected)
    assert [event.probability for event in result.events] == pytest.approx(
        [event.probability for event in expected], abs=0.05
    )
    numbers = sorted({event.overlap for event in result.events})
    assert numbers == list(range(1, len(numbers) + 1))


def test_times_spans_and_trace_are_those_of_the_recording(long_call: Path, whole: ReplayResult) -> None:
    part = Span(100.5, 118.0)
    result = part_of(long_call, part)
    assert result.span == result.part == part
    assert result.duration == whole.duration == 4 * SECONDS
    clipped = [Span(max(span.start, 100.5), min(span.end, 118.0)) for span in whole.agent]
    expected = [span for span in clipped if span.start < span.end]
    assert len(result.agent) == len(expected) > 0
    for span, other in zip(result.agent, expected, strict=True):
        assert span == pytest.approx(other, abs=0.1)
    times = [point.time for point in result.trace]
    assert times[0] == pytest.approx(100.5, abs=0.033)
    assert times[-1] == pytest.approx(118.0, abs=0.033)
    levels = {round(point.time, 3): point.level_dbfs for point in whole.trace}
    assert [point.level_dbfs for point in result.trace] == pytest.approx(
        [levels[round(time, 3)] for time in times], abs=0.01
    )


def test_what_begins_at_the_end_of_a_part_is_decided_by_what_comes_after_it(
    long_call: Path, whole: ReplayResult
) -> None:
    confirm = next(event for event in whole.decisions if event.kind.value == "confirm" and event.onset > 60.0)
    result = part_of(long_call, Span(confirm.onset - 1.0, confirm.onset + 0.01))
    assert outline(result.decisions) == outline([confirm])
    assert confirm.time > confirm.onset + 0.01


def test_spans_of_the_agent_and_transcripts_move_along(tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(100 * RATE, np.int16), RATE)
    transcripts = [
        Transcript(40.0, "long before", final=True),
        Transcript(70.0, "in the lead", final=True),
        Transcript(82.0, "within", final=True, start=81.0, end=81.5),
        Transcript(83.0, "since long before", start=10.0, end=81.5),
        Transcript(91.0, "after"),
    ]
    result = part_of(
        silent,
        Span(80.0, 90.0),
        user_channel=None,
        agent_channel=None,
        agent=[(10.0, 85.0), (88.0, 99.0)],
        transcripts=transcripts,
        detector=WebRtcDetector(),
    )
    assert result.agent == (Span(80.0, 85.0), Span(88.0, 90.0))
    assert result.transcripts == (transcripts[2], transcripts[3])


def test_a_part_of_a_long_recording_is_all_that_is_read(long_call: Path) -> None:
    done: list[float] = []
    part = Span(100.0, 110.0)
    part_of(long_call, part, progress=done.append, detector=WebRtcDetector(), trace=False)
    with AudioFile(long_call) as recording:
        assert length_with_leads(recording, part) == PART_LEAD_IN + 10.0 + PART_LEAD_OUT == 50.0
    assert done[-1] == pytest.approx(2 * 50.0, abs=0.2)  # both channels

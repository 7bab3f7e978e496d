from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate_timeline import LEXICON, Says, make_gate
from prosody_gate import (
    AudioError,
    Gate,
    OptionError,
    PhonemeListener,
    Transcript,
    TranscriptError,
    read_spans,
    read_transcripts,
    replay,
)
from prosody_gate.gate import GateEventKind, GateOptions
from prosody_gate.replay import Span
from prosody_gate.replay.replay_words import LEAD_IN, TimedWord, replay_words
from prosody_gate.vad import WebRtcDetector

DEMO = Path(__file__).parents[2] / "examples" / "demo.flac"


def as_json(events: object) -> str:
    return json.dumps([event.to_dict() for event in events])  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def demo_events() -> str:
    gate = Gate(lexicon=LEXICON, listener=PhonemeListener())
    return as_json(replay(DEMO, gate, user_channel=1, agent_channel=0).events)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block_seconds=st.floats(0.002, 60.0))
def test_the_demo_gives_the_same_events_whatever_the_block_size(demo_events: str, block_seconds: float) -> None:
    gate = Gate(lexicon=LEXICON, listener=PhonemeListener())
    result = replay(DEMO, gate, user_channel=1, agent_channel=0, block_seconds=block_seconds)
    assert as_json(result.events) == demo_events


def test_a_gate_that_was_used_is_refused() -> None:
    gate = Gate(lexicon=LEXICON)
    replay(DEMO, gate, user_channel=1, agent_channel=0)
    with pytest.raises(OptionError, match="gate: was used for another stream; expected a fresh one"):
        replay(DEMO, gate, user_channel=1, agent_channel=0)


def test_the_demo_cancels_backchannels_cough_and_background_and_confirms_both_interruptions() -> None:
    gate = Gate(lexicon=LEXICON, listener=PhonemeListener())
    result = replay(DEMO, gate, user_channel=1, agent_channel=0)
    assert [(round(event.onset), event.kind.value) for event in result.decisions] == [
        (7, "cancel"),  # mm-hmm
        (10, "cancel"),  # yeah
        (13, "cancel"),  # okay, right
        (18, "cancel"),  # the cough
        (21, "cancel"),  # the colleague in the background
        (25, "confirm"),  # yeah, but wait a second
        (41, "confirm"),  # stop
    ]
    # The "yeah" at 35 s answers a question: the agent is silent, and nothing is held.
    assert not any(34 < event.onset < 37 for event in result.events)


def test_spans_of_the_agent_are_found_in_its_own_channel() -> None:
    result = replay(DEMO, make_gate(), user_channel=1, agent_channel=0)
    assert [(round(span.start, 1), round(span.end, 1)) for span in result.agent] == [
        (3.9, 27.2),
        (30.6, 34.4),
        (36.5, 42.7),
    ]


@pytest.fixture
def word(tmp_path: Path) -> Path:
    """The "stop" of the demo, by itself, ending with the file."""
    samples, rate = soundfile.read(DEMO, dtype="float32")
    path = tmp_path / "stop.flac"
    soundfile.write(path, samples[int(41.0 * rate) : int(41.8 * rate), 1], rate)
    return path


def test_with_a_silent_agent_nothing_is_held(word: Path) -> None:
    assert replay(word, make_gate(Says(9.0)), agent="never").events == ()


def test_an_agent_that_always_speaks_spoke_before_the_recording(word: Path) -> None:
    result = replay(word, make_gate(Says(9.0)), agent="always")
    assert [event.kind.value for event in result.events] == ["hold", "confirm"]
    assert result.agent == (Span(0.0, result.duration),)


def test_what_a_recording_ends_in_is_decided_as_in_a_call_that_goes_on(word: Path) -> None:
    result = replay(word, make_gate(), agent="always")
    assert [(event.kind.value, event.reason) for event in result.events] == [("hold", "speech"), ("cancel", "evidence")]


def test_a_transcript_after_the_end_of_the_file_is_still_heard(word: Path) -> None:
    heard = [Transcript(1.2, "stop", final=True)]
    result = replay(word, make_gate(expects_transcripts=True), transcripts=heard)
    assert [(event.kind.value, event.reason) for event in result.events] == [("hold", "speech"), ("confirm", "phrase")]


def test_spans_decide_who_speaks(word: Path) -> None:
    assert replay(word, make_gate(Says(9.0)), agent=[(5.0, 9.0)]).events == ()
    result = replay(word, make_gate(), agent=[(0.0, 0.7)])
    assert [event.kind for event in result.events] == [GateEventKind.HOLD, GateEventKind.RELEASE]


def test_the_light_vad_can_stand_in(word: Path) -> None:
    result = replay(word, make_gate(Says(9.0)), detector=WebRtcDetector())
    assert [event.kind.value for event in result.events][:2] == ["hold", "confirm"]


def test_a_trace_has_one_point_a_frame(word: Path) -> None:
    result = replay(word, make_gate(Says(1.0)), trace=True)
    times = np.array([point.time for point in result.trace])
    assert np.allclose(np.diff(times), 0.032)
    held = [point for point in result.trace if not np.isnan(point.probability)]
    assert held
    assert all(point.probability == pytest.approx(0.731, abs=1e-3) for point in held)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("nothing", "not JSON"),
        ('{"a": 1}', "expected a JSON list"),
        ("[[1, 2], [3]]", "entry 2"),
        ("[[1, 2], [1.5, 3]]", "entry 2 starts at 1.5 s, before entry 1 ends"),
        ("[[2, 1]]", "expected 0 <= start < end"),
        ("[[0, true]]", "entry 1"),
        ("[[0, 1e400]]", "entry 1"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_spans_file_is_named_with_its_entry(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "spans.json"
    path.write_text(content)
    with pytest.raises(AudioError, match=r"spans\.json") as error:
        read_spans(path)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("hello", "not JSON"),
        ("[1]", "expected"),
        ('{"at": 1}', "at least with at and text"),
        ('{"at": "1", "text": "a"}', "at is '1'"),
        ('{"at": -1, "text": "a"}', "at is -1"),
        ('{"at": 1, "text": 3}', "text is 3"),
        ('{"at": 1, "text": "a", "final": 1}', "final is 1"),
        ('{"at": 1, "text": "a", "end": "x"}', "end is 'x'"),
        ('{"at": 1, "text": "a", "start": 2, "end": 1}', "before its start"),
        ('{"at": 1, "text": "a", "speaker": 1}', "unknown field 'speaker'"),
    ],
)
def test_a_bad_transcript_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"at": 0.5, "text": "fine"}\n\n' + line + "\n")
    with pytest.raises(TranscriptError, match=r"t\.jsonl:3") as error:
        read_transcripts(path)
    assert complaint in str(error.value)


def test_transcripts_are_sorted_by_arrival(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"at": 2, "text": "b", "final": true}\n{"at": 1, "text": "a"}\n')
    assert read_transcripts(path) == (Transcript(1, "a"), Transcript(2, "b", True))


def test_word_timed_overlaps_reach_the_gate_with_their_lag() -> None:
    words = [TimedWord("hold", 0.0, 0.2), TimedWord("on", 0.2, 0.4)]
    gate = make_gate(expects_transcripts=True)
    confirm = replay_words(words, gate, interim_lag=0.3)[-1]
    assert confirm.reason == "phrase"
    assert confirm.time - LEAD_IN == pytest.approx(0.7)


def test_word_timed_overlaps_without_transcripts_leave_only_time() -> None:
    words = [TimedWord("stop", 0.0, 0.4)]
    events = replay_words(words, make_gate(Says(3.0, after=0.3)), interim_lag=None)
    assert [event.reason for event in events] == ["speech", "evidence"]


def test_a_recording_is_not_over_before_its_last_transcript(tmp_path: Path) -> None:
    kinds = []
    for tail in (0.2, 5.0):
        path = tmp_path / f"{tail}.wav"
        quiet = np.random.default_rng(3).normal(0.0, 3e-4, round((1.8 + tail) * 16_000))
        times = np.arange(round(0.8 * 16_000)) / 16_000
        buzz = sum(np.sin(2 * np.pi * 120.0 * n * times) / n for n in range(1, 20)) * np.hanning(times.size)
        quiet[16_000 : 16_000 + buzz.size] += 0.1 * buzz
        soundfile.write(path, quiet.astype(np.float32), 16_000)
        said = [Transcript(at=3.2, text="wait", final=True, start=1.1, end=1.5)]
        gate = Gate(GateOptions(transcript_timeout=0.2, tail_boundary=0.2), sources=[])
        events = replay(path, gate, transcripts=said, detector=WebRtcDetector()).events
        kinds.append([event.kind.value for event in events])
    assert kinds[0] == kinds[1]
    assert kinds[0][-1] == "confirm"

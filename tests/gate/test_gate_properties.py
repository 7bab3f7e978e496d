from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate_timeline import LEXICON, WordCount
from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES
from prosody_gate.evidence import default_sources
from prosody_gate.gate import Gate, GateEvent, GateEventKind, GateOptions, Transcript

WORDS = st.sampled_from(["yeah", "mm-hm", "okay", "stop", "but", "so", "the", "sto", "", "hold on", "はい"])
TIMES = st.floats(-5.0, 40.0)
RNG = np.random.default_rng(3)
SOUNDS = [
    np.clip(RNG.normal(0.0, scale, FRAME_SAMPLES), -1.0, 1.0).astype(np.float32) for scale in (0.0, 1e-4, 0.02, 0.9)
]

frames = st.tuples(st.just("frames"), st.integers(1, 40), st.sampled_from([0.0, 0.4, 0.6, 1.0]), st.integers(0, 4))
transcripts = st.tuples(
    st.just("hear"),
    st.lists(WORDS, max_size=4).map(" ".join),
    st.booleans(),
    TIMES,
    st.one_of(st.none(), st.tuples(TIMES, st.floats(0.0, 3.0))),
)
agent = st.tuples(st.sampled_from(["agent_started", "agent_stopped"]), st.one_of(st.none(), TIMES))
option = st.tuples(st.just("options"), st.floats(0.0, 1.0))
happenings = st.lists(st.one_of(frames, frames, transcripts, agent, option), max_size=40)


def drive(gate: Gate, steps: list[tuple[object, ...]]) -> list[GateEvent]:
    events: list[GateEvent] = []
    for step in steps:
        match step:
            case ("frames", int(count), float(probability), int(sound)):
                samples = SOUNDS[sound] if sound < len(SOUNDS) else None
                for _ in range(count):
                    events += gate.push(samples, probability)
            case ("hear", str(text), bool(final), float(at), times):
                start, end = (None, None) if times is None else (times[0], times[0] + times[1])  # type: ignore[index]
                events += gate.push_transcript(Transcript(at, text, final, start, end))
            case ("agent_started", time):
                events += gate.agent_started(time)  # type: ignore[arg-type]
            case ("agent_stopped", time):
                events += gate.agent_stopped(time)  # type: ignore[arg-type]
            case ("options", float(sensitivity)):
                gate.update_options(sensitivity=sensitivity)
    return events + gate.close()


def check(events: list[GateEvent]) -> None:
    times = [event.time for event in events]
    assert times == sorted(times)
    kinds = defaultdict(list)
    for event in events:
        kinds[event.overlap].append(event.kind)
        assert event.onset <= event.time
        assert 0.0 <= event.probability <= 1.0
        total = sum(event.evidence.values())
        assert math.isclose(event.probability, 1.0 / (1.0 + math.exp(-total)), abs_tol=1e-9)
    for overlap in kinds.values():
        assert overlap[0] is GateEventKind.HOLD
        assert len(overlap) == 2
        assert overlap[1] is not GateEventKind.HOLD


@settings(max_examples=150, deadline=None)
@given(happenings)
def test_any_order_of_inputs_ends_every_hold_in_exactly_one_decision(steps: list[tuple[object, ...]]) -> None:
    gate = Gate(lexicon=LEXICON, sources=[WordCount()], expects_transcripts=True)
    events = drive(gate, steps)
    assert gate.failure is None
    check(events)


@settings(max_examples=40, deadline=None)
@given(happenings)
def test_the_built_in_evidence_survives_any_input(steps: list[tuple[object, ...]]) -> None:
    gate = Gate(lexicon=LEXICON, sources=default_sources(LEXICON))
    events = drive(gate, steps)
    assert gate.failure is None
    check(events)


@settings(max_examples=30, deadline=None)
@given(happenings)
def test_the_same_input_gives_the_same_events(steps: list[tuple[object, ...]]) -> None:
    first, second = (drive(Gate(lexicon=LEXICON), steps) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("pause", [70, 45])
def test_an_hour_of_stream_is_remembered_in_bounded_memory(pause: int) -> None:
    gate = Gate(GateOptions(), lexicon=LEXICON, sources=[WordCount()], expects_transcripts=True)
    gate.agent_started(0.0)
    rng = np.random.default_rng(5)
    events = 0
    largest = 0
    for index in range(round(3600 / FRAME_DURATION)):
        at = index * FRAME_DURATION
        if index % 50 == 0:
            events += len(
                gate.push_transcript(Transcript(at, "yeah " * int(rng.integers(1, 200)), final=index % 100 == 0))
            )
        events += len(gate.push(None, 1.0 if index % pause < 20 else 0.0))
        if index % 5000 == 0:
            largest = max(largest, remembered(gate))
    assert events > 1000
    assert largest < 40_000


def remembered(gate: Gate) -> int:
    """Size of all that a gate holds, roughly: its pickled state."""
    import pickle

    state = {name: value for name, value in vars(gate).items() if name not in ("_lexicon", "_analyzer", "_rule")}
    return len(pickle.dumps(state))

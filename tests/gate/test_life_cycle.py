"""The life of an overlap, what others may see of it, and what is refused."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from gate_timeline import LEXICON, Says, WordCount, make_gate, outline, run_timeline
from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.errors import AudioError, OptionError
from prosody_gate.gate import Gate, GateEventKind, Transcript
from prosody_gate.gate.life_cycle import REMEMBERED_DECISIONS, TRANSITIONS, Cause, LifeCycle
from prosody_gate.gate.overlap import OverlapState

DESIGN = Path(__file__).resolve().parents[2] / "docs" / "design.md"


def test_the_table_in_the_design_is_the_one_in_the_code() -> None:
    row = r"^\| (held|pending|-) \| ([^|]+) \| (\w+) \| (hold|confirm|cancel|release|-) \|$"
    rows = re.findall(row, DESIGN.read_text(), re.MULTILINE)
    written = {
        (None if state == "-" else OverlapState(state), Cause(cause.strip())): (
            OverlapState(becomes),
            None if kind == "-" else GateEventKind(kind),
        )
        for state, cause, becomes, kind in rows
    }
    assert written == TRANSITIONS


def test_what_is_not_in_the_table_cannot_happen() -> None:
    final = {OverlapState.CONFIRMED, OverlapState.CANCELLED, OverlapState.RELEASED}
    assert not {state for state, _ in TRANSITIONS} & final
    overlap = gate_overlap()
    with pytest.raises(KeyError):
        LifeCycle().move(overlap, Cause.CONFIRMED)


def gate_overlap() -> object:
    from prosody_gate.evidence import Observation
    from prosody_gate.gate.overlap import Overlap

    return Overlap(1, Observation(onset=1.0, time=1.1, speech_end=1.1), ())


def test_the_view_of_an_overlap_does_not_change_while_the_overlap_does() -> None:
    gate = make_gate(WordCount(), expects_transcripts=True)
    said = Transcript(1.5, "and so", start=1.0, end=1.4)
    run_timeline(gate, speech=[(1.0, 5.0)], transcripts=[said], until=1.2)
    before = gate.held_overlap
    assert before is not None
    assert (before.number, before.transcript, before.decision, before.previous) == (1, "", None, None)
    gate.push_transcript(said)
    after = gate.overlap_of(said)
    assert after is not None
    assert (before.transcript, after.transcript, after.text) == ("", "and so", "and so")
    with pytest.raises(dataclasses.FrozenInstanceError):
        after.transcript = "stop"  # type: ignore[misc]


def test_an_overlap_that_continues_another_names_it() -> None:
    gate = make_gate(Says(-2.0))
    run_timeline(gate, speech=[(1.0, 1.4), (2.0, 3.0)], until=2.2)
    held = gate.held_overlap
    assert held is not None
    assert (held.number, held.previous) == (2, 1)


def test_the_decision_of_an_overlap_can_be_asked_for_by_its_number() -> None:
    gate = make_gate(Says(-2.0))
    run_timeline(gate, speech=[(1.0, 1.4), (5.0, 9.0)], until=1.3)
    assert gate.decision_of(1) is None
    events = run_more(gate, 1.3, 8.5, speech=[(1.0, 1.4), (5.0, 9.0)])
    assert outline(events)[-1][0] == "confirm"
    assert gate.decision_of(1) is GateEventKind.CANCEL
    assert gate.decision_of(2) is GateEventKind.CONFIRM
    assert gate.decision_of(3) is None


def run_more(gate: Gate, start: float, until: float, *, speech: list[tuple[float, float]]) -> list[object]:
    frame = 0.032
    events: list[object] = []
    for index in range(round(start / frame), round(until / frame)):
        middle = (index + 0.5) * frame
        events += gate.push(None, 1.0 if any(begin <= middle < end for begin, end in speech) else 0.0)
    return events


def test_decisions_of_long_ago_are_forgotten() -> None:
    gate = make_gate(Says(-2.0), tail_boundary=0.0)
    gate.agent_started(0.0)
    while gate.decision_of(REMEMBERED_DECISIONS + 1) is None:
        for probability in (1.0, 1.0, 1.0, *[0.0] * 60):
            gate.push(None, probability)
    assert gate.decision_of(1) is None
    assert gate.decision_of(2) is GateEventKind.CANCEL


@pytest.mark.parametrize("name", ["listener", "expects_transcripts", "lexicon", "analyzer"])
def test_the_parts_of_a_gate_are_not_set_from_outside(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Gate(lexicon=LEXICON), name, None)


@pytest.mark.parametrize("probability", [7.0, -0.1, float("nan"), float("inf")])
def test_a_speech_probability_outside_0_to_1_is_an_error(probability: float) -> None:
    with pytest.raises(OptionError, match="speech_probability: expected a number from 0 to 1, got "):
        Gate(lexicon=LEXICON).push(None, probability)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (np.zeros(FRAME_SAMPLES, np.int16), "float32"),
        (np.zeros(FRAME_SAMPLES, np.float64), "float32"),
        (np.zeros((1, FRAME_SAMPLES), np.float32), "512 samples"),
        (np.zeros(160, np.float32), "512 samples"),
        (np.full(FRAME_SAMPLES, 3000.0, np.float32), r"\[-1, 1\]"),
        (np.full(FRAME_SAMPLES, np.nan, np.float32), "not finite"),
    ],
)
def test_a_frame_of_the_wrong_form_is_an_error(frame: np.ndarray, said: str) -> None:
    gate = Gate(lexicon=LEXICON)
    with pytest.raises(AudioError, match=said):
        gate.push(frame, 0.5)
    assert gate.is_fresh


def test_a_gate_is_fresh_until_it_is_given_something() -> None:
    assert Gate(lexicon=LEXICON).is_fresh
    for use in (
        lambda gate: gate.push(None, 0.0),
        lambda gate: gate.push_transcript(Transcript(1.0, "yes")),
        lambda gate: gate.agent_started(),
        lambda gate: gate.close(),
    ):
        gate = Gate(lexicon=LEXICON)
        use(gate)
        assert not gate.is_fresh

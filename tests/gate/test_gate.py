from __future__ import annotations

import logging

import numpy as np
import pytest

from gate_timeline import LEXICON, Says, WordCount, make_gate, outline, run_timeline
from prosody_gate.errors import AudioError, ModelError, OptionError
from prosody_gate.evidence import Observation
from prosody_gate.gate import Gate, GateOptions, GateState, TimedWord, Transcript
from prosody_gate.listener import Hypothesis, RecognisedWord

# Frames end at multiples of 0.032 s; speech from 1.024 s is seen as speech after its second frame, at 1.088 s.
ONSET = 1.024
HELD = 1.088


def test_speech_while_the_agent_speaks_is_held_after_the_minimum_speech_duration() -> None:
    events = run_timeline(make_gate(), speech=[(ONSET, 1.5)], until=1.2)
    assert outline(events) == [("hold", HELD, "speech")]
    assert events[0].onset == pytest.approx(ONSET)
    assert events[0].speech_duration == pytest.approx(0.064)
    assert events[0].latency == pytest.approx(0.064)


def test_speech_shorter_than_the_minimum_is_not_held() -> None:
    assert run_timeline(make_gate(), speech=[(ONSET, ONSET + 0.032)], until=3.0) == []


def test_speech_while_the_agent_is_silent_passes() -> None:
    gate = make_gate(Says(9.0))
    assert run_timeline(gate, speech=[(ONSET, 2.0)], agent=[], until=1.5) == []
    assert gate.state is GateState.PASSING


def test_speech_that_began_before_the_agent_spoke_is_never_held() -> None:
    events = run_timeline(make_gate(Says(9.0)), speech=[(ONSET, 4.0)], agent=[(1.5, 9.0)], until=5.0)
    assert events == []


def test_evidence_over_the_threshold_confirms() -> None:
    gate = make_gate(Says(3.0, after=0.4))
    events = run_timeline(gate, speech=[(ONSET, 3.0)], until=2.0)
    assert outline(events) == [("hold", HELD, "speech"), ("confirm", 1.44, "evidence")]
    assert events[1].evidence == {"prior": 0.0, "says": 3.0}
    assert events[1].probability == pytest.approx(0.9526, abs=1e-4)
    assert gate.state is GateState.PASSING


def test_evidence_that_stays_below_the_threshold_cancels_when_the_tail_has_passed() -> None:
    events = run_timeline(make_gate(Says(1.7)), speech=[(ONSET, 1.536)], until=4.0)
    assert outline(events) == [("hold", HELD, "speech"), ("cancel", 2.56, "evidence")]


def test_a_pause_shorter_than_the_minimum_silence_belongs_to_the_speech() -> None:
    events = run_timeline(make_gate(), speech=[(ONSET, 1.28), (1.504, 1.76)], until=4.0)
    assert [event.kind.value for event in events] == ["hold", "cancel"]
    assert events[1].speech_duration == pytest.approx(0.736)


def test_speech_that_goes_on_is_confirmed_at_max_hold_whatever_the_evidence() -> None:
    events = run_timeline(make_gate(Says(-20.0)), speech=[(ONSET, 9.0)], until=5.0)
    assert outline(events) == [("hold", HELD, "speech"), ("confirm", 3.84, "max_hold")]


def test_ignore_phrases_that_were_transcribed_do_not_count_for_max_hold() -> None:
    yeahs = [Transcript(at, "yeah " * count, start=1.1, end=at - 0.2) for count, at in enumerate((2.0, 3.0, 4.0), 1)]
    events = run_timeline(make_gate(), speech=[(ONSET, 9.0)], transcripts=yeahs, until=7.0)
    assert outline(events)[1] == ("confirm", 6.624, "max_hold")


def test_the_agents_end_releases_what_is_held() -> None:
    events = run_timeline(make_gate(), speech=[(ONSET, 3.0)], agent=[(0.0, 1.5)], until=4.0)
    assert outline(events) == [("hold", HELD, "speech"), ("release", 1.5, "agent_stopped")]


def test_speech_that_ends_within_the_tail_boundary_of_the_agents_end_is_released() -> None:
    events = run_timeline(make_gate(), speech=[(ONSET, 1.536)], agent=[(0.0, 2.4)], until=4.0)
    assert outline(events) == [("hold", HELD, "speech"), ("release", 2.4, "agent_stopped")]


def test_speech_that_ended_longer_ago_is_cancelled_even_while_its_transcript_is_awaited() -> None:
    gate = make_gate(expects_transcripts=True, transcript_timeout=3.0)
    events = run_timeline(gate, speech=[(ONSET, 1.536)], agent=[(0.0, 2.7)], until=4.0)
    assert outline(events) == [("hold", HELD, "speech"), ("cancel", 2.7, "evidence")]


def test_an_interrupt_phrase_confirms_at_once_against_all_evidence() -> None:
    heard = [Transcript(1.45, "yeah wait")]
    events = run_timeline(make_gate(Says(-9.0)), speech=[(ONSET, 2.0)], transcripts=heard, until=3.0)
    assert outline(events) == [("hold", HELD, "speech"), ("confirm", 1.45, "phrase")]
    assert events[1].text == "yeah wait"


class HearsStop:
    """A listener that hears "stop" 0.2 s after the onset."""

    def start(self, pre_roll: object, *, onset: float) -> None:
        self.onset = onset

    def push(self, frame: object, *, time: float) -> Hypothesis | None:
        if time < self.onset + 0.2:
            return None
        return Hypothesis("stop", time, (RecognisedWord("stop", self.onset, time, self.onset + 0.2, -3.0),))

    def finish(self, *, time: float) -> None: ...

    def reset(self) -> None: ...


@pytest.mark.parametrize(("voice", "decided"), [(0.5, ["hold", "confirm"]), (0.3, ["hold"])])
def test_an_interrupt_phrase_heard_on_the_device_confirms_above_its_confidence(
    voice: float, decided: list[str]
) -> None:
    gate = Gate(
        lexicon=LEXICON,
        listener=HearsStop(),
        sources=[Says(voice, name="voice", on_device=True), Says(-5.0, name="time")],
    )
    gate.agent_started(0.0)
    events = [event for _ in range(20) for event in gate.push(np.zeros(512, np.float32), 1.0)]
    assert [event.kind.value for event in events] == decided
    assert all(event.reason == "heard_phrase" and event.text == "stop" for event in events[1:])


def test_half_an_interrupt_phrase_does_not_confirm() -> None:
    heard = [Transcript(1.45, "sto"), Transcript(1.6, "hold o")]
    events = run_timeline(make_gate(), speech=[(ONSET, 2.0)], transcripts=heard, until=1.9)
    assert [event.kind.value for event in events] == ["hold"]


def test_a_final_transcript_of_ignore_phrases_cancels_with_that_reason() -> None:
    heard = [Transcript(1.8, "Mm-hm, okay.", final=True)]
    gate = make_gate(expects_transcripts=True)
    events = run_timeline(gate, speech=[(ONSET, 1.536)], transcripts=heard, until=4.0)
    assert outline(events)[1] == ("cancel", 2.56, "ignore_phrase")


def test_a_transcript_after_the_speech_ended_still_confirms() -> None:
    heard = [Transcript(2.2, "Stop.", final=True)]
    gate = make_gate(expects_transcripts=True)
    events = run_timeline(gate, speech=[(ONSET, 1.536)], transcripts=heard, until=4.0)
    assert outline(events)[1] == ("confirm", 2.2, "phrase")


def test_without_expected_transcripts_only_the_tail_is_waited_for() -> None:
    gate = make_gate(tail_boundary=0.4, transcript_timeout=3.0)
    events = run_timeline(gate, speech=[(ONSET, 1.536)], until=4.0)
    assert outline(events)[1] == ("cancel", 1.952, "evidence")


def test_words_before_in_the_same_utterance_count_for_the_next_overlap() -> None:
    heard = [Transcript(1.5, "okay so", final=True), Transcript(2.6, "what is", start=2.1, end=2.5)]
    gate = make_gate(WordCount(), confirm_probability=0.97)
    events = run_timeline(gate, speech=[(ONSET, 1.4), (2.08, 3.0)], transcripts=heard, until=4.0)
    assert outline(events)[:3] == [
        ("hold", HELD, "speech"),
        ("hold", 2.144, "speech"),
        ("confirm", 2.6, "evidence"),
    ]
    assert events[2].evidence["words"] == 4.0
    # "okay so" is no mere backchannel and runs into what was confirmed: it goes along.
    assert outline(events)[3] == ("confirm", 2.6, "continued")


def test_words_before_a_longer_pause_do_not_count() -> None:
    heard = [Transcript(1.5, "okay so", final=True), Transcript(3.2, "what is", start=2.7, end=3.1)]
    gate = make_gate(WordCount(), confirm_probability=0.97)
    events = run_timeline(gate, speech=[(ONSET, 1.4), (2.688, 3.5)], transcripts=heard, until=6.0)
    assert [event.kind.value for event in events] == ["hold", "cancel", "hold", "cancel"]


def test_a_backchannel_just_before_an_interruption_is_cancelled_with_its_confirm() -> None:
    heard = [Transcript(1.5, "okay", final=True), Transcript(2.4, "wait")]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.4), (2.08, 3.0)], transcripts=heard, until=3.0)
    assert outline(events) == [
        ("hold", HELD, "speech"),
        ("hold", 2.144, "speech"),
        ("confirm", 2.4, "phrase"),
        ("cancel", 2.4, "ignore_phrase"),
    ]
    assert [event.overlap for event in events] == [1, 2, 2, 1]


def test_transcripts_with_times_go_to_the_speech_they_describe() -> None:
    heard = [
        Transcript(2.3, "right", start=1.05, end=1.4, final=True),
        Transcript(2.45, "but", start=2.1, end=2.4),
    ]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.4), (2.08, 3.0)], transcripts=heard, until=2.5)
    assert [(event.kind.value, event.text) for event in events[2:]] == [
        ("confirm", "but"),
        ("cancel", "right"),
    ]


def test_a_transcript_of_passed_speech_decides_nothing() -> None:
    heard = [Transcript(2.4, "stop that", start=0.5, end=0.9, final=True)]
    events = run_timeline(
        make_gate(), speech=[(0.512, 0.96), (1.92, 2.3)], agent=[(1.5, 9.0)], transcripts=heard, until=2.6
    )
    assert [event.kind.value for event in events] == ["hold"]


def test_repeated_and_out_of_order_transcripts_change_nothing() -> None:
    once = [
        Transcript(1.5, "yeah", start=1.0, end=1.4),
        Transcript(1.7, "Yeah.", start=1.0, end=1.5, final=True),
    ]
    again = [
        *once,
        Transcript(1.8, "Yeah.", start=1.0, end=1.5, final=True),
        Transcript(1.9, "ye", start=1.0, end=1.2),
    ]
    speech = [(ONSET, 1.5)]
    first = run_timeline(make_gate(WordCount()), speech=speech, transcripts=once, until=4.0)
    second = run_timeline(make_gate(WordCount()), speech=speech, transcripts=again, until=4.0)
    assert first == second


def test_an_interrupt_phrase_confirms_whatever_was_said_before() -> None:
    heard = [
        Transcript(1.5, "yeah", start=1.05, end=1.4, final=True),
        Transcript(2.6, "no", start=2.1, end=2.5, final=True),
    ]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.4), (2.08, 2.5)], transcripts=heard, until=3.0)
    assert outline(events)[2:] == [("confirm", 2.6, "phrase"), ("cancel", 2.6, "ignore_phrase")]


def test_speech_after_a_confirmed_overlap_goes_along() -> None:
    heard = [Transcript(2.3, "stop", start=1.05, end=1.4, final=True)]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.4), (2.08, 2.8)], transcripts=heard, until=3.0)
    assert outline(events)[2:] == [("confirm", 2.3, "phrase"), ("confirm", 2.3, "continued")]
    assert [event.overlap for event in events[2:]] == [1, 2]


def test_speech_that_was_continued_waits_for_what_continues_it() -> None:
    heard = [
        Transcript(1.6, "my card", start=1.05, end=1.4, final=True),
        Transcript(3.0, "stop", start=1.85, end=2.3, final=True),
    ]
    gate = make_gate(expects_transcripts=True)
    events = run_timeline(gate, speech=[(ONSET, 1.4), (1.824, 2.3)], transcripts=heard, until=5.0)
    assert outline(events)[2:] == [("confirm", 3.0, "phrase"), ("confirm", 3.0, "continued")]


def test_a_transcript_that_spans_passed_and_held_speech_is_about_the_latest() -> None:
    heard = [Transcript(5.2, "so that is it stop", start=1.0, end=5.1)]
    events = run_timeline(
        make_gate(), speech=[(1.0, 4.0), (4.6, 5.3)], agent=[(4.1, 20.0)], transcripts=heard, until=6.0
    )
    assert [event.kind.value for event in events] == ["hold", "confirm"]


def test_a_quick_transcript_without_times_is_not_taken_for_speech_of_long_ago() -> None:
    heard = [Transcript(10.25, "stop")]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.4), (10.0, 11.0)], transcripts=heard, until=10.5)
    assert [event.kind.value for event in events] == ["hold", "cancel", "hold", "confirm"]


def test_a_final_that_begins_like_the_one_before_is_no_repeat() -> None:
    heard = [Transcript(1.6, "Not bad.", final=True), Transcript(1.9, "No.", final=True)]
    events = run_timeline(make_gate(), speech=[(ONSET, 2.5)], transcripts=heard, until=2.0)
    assert outline(events)[1] == ("confirm", 1.9, "phrase")


class FailsAtTheEnd(HearsStop):
    """A listener that fails when it is told that the overlap is over."""

    def finish(self, *, time: float) -> None:
        raise RuntimeError("a fault")


class FailsInACall(HearsStop):
    """A listener whose model fails half a second after the onset."""

    def push(self, frame: object, *, time: float) -> Hypothesis | None:
        if time > 0.5:
            raise ModelError("the phoneme recogniser failed (out of memory)")
        return None


def test_a_listener_whose_model_fails_is_left_out_and_the_gate_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(lexicon=LEXICON, listener=FailsInACall(), sources=[Says(9.0, after=0.9)])
    gate.agent_started(0.0)
    silence = np.zeros(512, np.float32)
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        events = [event for _ in range(40) for event in gate.push(silence, 1.0)]
    assert gate.failure is None
    assert gate.listener is None
    assert [event.kind.value for event in events] == ["hold", "confirm"]
    assert [record.getMessage() for record in caplog.records] == [
        "the gate goes on without its listener: the phoneme recogniser failed (out of memory)"
    ]


def test_a_decision_stands_when_the_listener_fails_on_it() -> None:
    gate = Gate(lexicon=LEXICON, listener=FailsAtTheEnd(), sources=[Says(9.0)])
    gate.agent_started(0.0)
    events = [event for _ in range(20) for event in gate.push(np.zeros(512, np.float32), 1.0)]
    assert [event.kind.value for event in events] == ["hold", "confirm"]
    assert gate.state is GateState.FAILED
    assert gate.close() == []


def test_sources_of_the_same_name_are_refused() -> None:
    with pytest.raises(OptionError, match="names that differ"):
        make_gate(Says(1.0), Says(2.0))


def test_audio_after_frames_without_audio_does_no_harm() -> None:
    gate = Gate(lexicon=LEXICON, listener=HearsStop(), sources=[Says(0.0)])
    gate.agent_started(0.0)
    for index in range(20):
        gate.push(None if index < 10 else np.zeros(512, np.float32), 1.0)
    assert gate.failure is None


def test_a_late_transcript_of_a_cancelled_overlap_that_says_stop_holds_and_confirms_anew() -> None:
    heard = [Transcript(3.0, "Wait!", start=1.05, end=1.5, final=True)]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.536)], transcripts=heard, until=4.0)
    assert outline(events) == [
        ("hold", HELD, "speech"),
        ("cancel", 2.56, "evidence"),
        ("hold", 3.0, "late_transcript"),
        ("confirm", 3.0, "phrase"),
    ]
    assert [event.overlap for event in events] == [1, 1, 2, 2]


def test_a_transcript_that_comes_after_everything_is_forgotten_is_ignored() -> None:
    heard = [Transcript(9.0, "Wait!", start=1.05, end=1.5, final=True)]
    events = run_timeline(make_gate(), speech=[(ONSET, 1.536)], transcripts=heard, until=10.0)
    assert [event.kind.value for event in events] == ["hold", "cancel"]


def test_closing_the_stream_cancels_what_is_undecided() -> None:
    gate = make_gate()
    run_timeline(gate, speech=[(ONSET, 3.0)], until=1.5)
    assert outline(gate.close()) == [("cancel", 1.504, "stream_end")]
    assert gate.close() == []
    assert gate.push(None, 1.0) == []


def test_sensitivity_moves_the_threshold() -> None:
    def confirmed(sensitivity: float) -> bool:
        gate = make_gate(Says(1.5), sensitivity=sensitivity)
        events = run_timeline(gate, speech=[(ONSET, 1.6)], until=4.0)
        return any(event.kind.value == "confirm" for event in events)

    assert [confirmed(value) for value in (0.3, 0.5, 0.7)] == [False, False, True]


def test_the_prior_is_part_of_the_evidence() -> None:
    events = run_timeline(make_gate(Says(1.0), prior=2.0), speech=[(ONSET, 1.6)], until=1.2)
    assert events[1].evidence == {"prior": 2.0, "says": 1.0}


def test_options_changed_in_mid_stream_hold_from_the_next_frame() -> None:
    gate = make_gate(Says(1.0))
    run_timeline(gate, speech=[(ONSET, 9.0)], until=1.28)
    gate.update_options(sensitivity=1.0)
    assert outline(gate.push(None, 1.0)) == [("confirm", 1.312, "evidence")]


def test_an_option_that_cannot_be_leaves_all_options_as_they_were() -> None:
    gate = make_gate()
    with pytest.raises(OptionError, match=r"max_hold: expected a number from 0\.2 to 30, got 99"):
        gate.update_options(max_hold=99)
    assert gate.options == GateOptions()


class Broken:
    name = "broken"

    def reset(self) -> None: ...

    def update(self, observation: Observation) -> float:
        if observation.speech_duration > 0.2:
            raise RuntimeError("a fault")
        return 0.0


def test_a_failing_part_releases_what_is_held_and_makes_the_gate_transparent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = make_gate(Broken())
    with caplog.at_level(logging.ERROR), pytest.raises(RuntimeError, match="a fault"):
        run_timeline(gate, speech=[(ONSET, 1.5), (3.0, 4.0)], until=5.0)
    assert len(caplog.records) == 1
    assert gate.state is GateState.FAILED


def test_a_failure_ends_the_hold_with_a_release() -> None:
    gate = make_gate(Broken())
    gate.agent_started(0.0)
    events = [event for _ in range(20) for event in gate.push(None, 1.0)]
    assert [(event.kind.value, event.reason) for event in events] == [
        ("hold", "speech"),
        ("release", "failure"),
    ]


def test_evidence_that_is_no_number_is_a_failure() -> None:
    gate = make_gate(Says(float("nan")))
    gate.agent_started(0.0)
    for _ in range(4):
        gate.push(None, 1.0)
    assert "says" in str(gate.failure)


def test_each_overlap_has_its_own_copy_of_a_source() -> None:
    class Counts:
        name = "counts"

        def reset(self) -> None:
            self.updates = 0

        def update(self, observation: Observation) -> float:
            self.updates += 1
            return self.updates / 1000

    gate = Gate(lexicon=LEXICON, sources=[Counts()], expects_transcripts=True)
    heard = [Transcript(2.3, "so", start=1.05, end=1.3)]
    events = run_timeline(gate, speech=[(ONSET, 1.4), (2.08, 2.5)], transcripts=heard, until=6.0)
    holds = [event for event in events if event.kind.value == "hold"]
    assert [event.evidence["counts"] for event in holds] == [0.001, 0.001]


def test_a_frame_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(AudioError, match="expected 512 samples, got 100"):
        make_gate().push(np.zeros(100, np.float32), 0.0)
    with pytest.raises(AudioError, match=r"expected 512 samples, got an array of shape \[512, 1\]"):
        make_gate().push(np.zeros((512, 1), np.float32), 0.0)
    with pytest.raises(AudioError, match="expected a NumPy array of 512 samples, got list"):
        make_gate().push([0.0] * 512, 0.0)  # type: ignore[arg-type]


def test_an_agent_that_pauses_keeps_the_floor_and_what_is_undecided_is_weighed_on() -> None:
    gate = make_gate(Says(9.0, after=1.0))
    events = run_timeline(gate, speech=[(ONSET, 5.0)], until=1.5)
    events += gate.agent_paused(1.5)
    assert outline(events) == [("hold", HELD, "speech")]
    for _ in range(20):
        events += gate.push(None, 1.0)
    assert outline(events)[1:] == [("confirm", 2.048, "evidence")]


@pytest.mark.parametrize(("text", "kinds"), [("okay", ["hold", "cancel"]), ("okay the red one", ["hold"])])
def test_an_agent_that_pauses_cancels_what_has_ended_and_is_ignore_phrases_alone(text: str, kinds: list[str]) -> None:
    gate = make_gate(expects_transcripts=True)
    said = [Transcript(at=1.7, text=text, final=True)]
    events = run_timeline(gate, speech=[(ONSET, 1.28)], transcripts=said, until=1.8)
    events += gate.agent_paused(1.8)
    assert [event.kind.value for event in events] == kinds


def test_an_agent_that_pauses_and_then_stops_releases_what_is_undecided() -> None:
    gate = make_gate()
    run_timeline(gate, speech=[(ONSET, 1.28)], until=1.8)
    assert gate.agent_paused(1.8) == []
    assert [event.kind.value for event in gate.agent_stopped(1.9)] == ["release"]


def test_speech_that_begins_while_an_agent_pauses_passes() -> None:
    gate = make_gate(Says(9.0))
    run_timeline(gate, speech=[], until=1.0)
    gate.agent_paused(1.0)
    for _ in range(20):
        assert gate.push(None, 1.0) == []
    assert gate.state is GateState.PASSING


OWN_TURN = (0.2, 0.7)
"""What the user says in silence; the agent begins at 1.0 s, and "yes" over it lasts from 1.1 to 1.4 s."""


@pytest.mark.parametrize(
    "said",
    [
        [Transcript(at=1.6, text="five five five one two", final=True)],
        [Transcript(at=1.6, text="five five five one two yes", final=True, start=0.2, end=1.4)],
        [
            Transcript(at=0.8, text="five five"),
            Transcript(at=1.9, text="five five five one two yes", final=True),
        ],
        [
            Transcript(
                at=1.6,
                text="five five yes",
                final=True,
                start=0.2,
                end=1.4,
                words=(TimedWord("five", 0.2, 0.5), TimedWord("five", 0.5, 0.7), TimedWord("yes", 1.1, 1.4)),
            )
        ],
    ],
)
def test_words_from_before_the_agent_began_are_no_evidence(said: list[Transcript]) -> None:
    gate = make_gate(WordCount(), expects_transcripts=True)
    events = run_timeline(gate, speech=[OWN_TURN, (1.1, 1.4)], agent=[(1.0, 9.0)], transcripts=said, until=4.0)
    assert [event.kind.value for event in events] == ["hold", "cancel"]


def test_words_of_the_overlap_itself_are_evidence_whatever_was_said_before_the_agent_began() -> None:
    gate = make_gate(WordCount(), expects_transcripts=True)
    words = (("five", 0.3, 0.7), ("I", 1.1, 1.2), ("want", 1.2, 1.3), ("the", 1.3, 1.35), ("red", 1.35, 1.4))
    said = Transcript(
        at=1.6, text="five I want the red", final=True, start=0.3, end=1.4, words=tuple(TimedWord(*w) for w in words)
    )
    events = run_timeline(gate, speech=[OWN_TURN, (1.1, 1.4)], agent=[(1.0, 9.0)], transcripts=[said], until=4.0)
    assert [event.kind.value for event in events] == ["hold", "confirm"]
    assert events[1].transcript == "I want the red"


def test_an_interrupt_phrase_at_the_end_of_the_users_own_turn_confirms() -> None:
    gate = make_gate(expects_transcripts=True)
    said = Transcript(at=1.6, text="five five one stop", final=True, start=0.2, end=1.4)
    events = run_timeline(gate, speech=[OWN_TURN, (1.1, 1.4)], agent=[(1.0, 9.0)], transcripts=[said], until=4.0)
    assert [event.reason for event in events] == ["speech", "phrase"]


@pytest.mark.parametrize("min_speech_duration", [0.0, 0.064, 0.25])
def test_frames_that_are_measured_ahead_of_an_onset_are_those_that_a_look_back_gives(
    monkeypatch: pytest.MonkeyPatch, min_speech_duration: float
) -> None:
    random = np.random.default_rng(5)
    frames = random.normal(0.0, 0.05, (120, 512)).astype(np.float32).clip(-1.0, 1.0)
    probabilities = [1.0 if index % 40 in (5, 12, *range(20, 35)) else 0.0 for index in range(120)]

    def events_of(gate: Gate) -> list[dict[str, object]]:
        gate.agent_started(0.0)
        found = [gate.push(frame, p) for frame, p in zip(frames, probabilities, strict=True)]
        return [event.to_dict() for events in found for event in events]

    options = GateOptions(min_speech_duration=min_speech_duration)
    ahead = events_of(Gate(options, lexicon=LEXICON))
    monkeypatch.setattr(Gate, "_measure_ahead", lambda self: None)
    assert events_of(Gate(options, lexicon=LEXICON)) == ahead
    assert len(ahead) >= 3

"""The transcript hold without any framework: payloads are the texts themselves."""

from __future__ import annotations

import pytest

from gate_timeline import Says, make_gate
from prosody_gate.gate import GateEvent, TimedWord, Transcript
from prosody_gate.session import GateDriver, HeldItem, ItemKind, RemainingWords, TranscriptHold
from prosody_gate.session.transcript_hold import MAX_HELD, PATIENCE

STEP = 0.032


class Call:
    """One gate, one hold. `call.audio("--ss")` is two frames of silence and two of speech, 32 ms each."""

    def __init__(self, *sources: object, cuts: bool = True, **options: float) -> None:
        options = {"tail_boundary": 1.0, "transcript_timeout": 1.0, **options}
        gate = make_gate(*(sources or (Says(-9.0),)), expects_transcripts=True, **options)  # type: ignore[arg-type]
        self.decisions: list[GateEvent] = []
        self.dropped: list[str] = []
        self.got: list[str] = []
        """What the session got, in order."""
        self.errors: list[Exception] = []
        self.driver = GateDriver(gate, on_event=self.decisions.append, on_error=self.errors.append)
        self.hold: TranscriptHold[str] = TranscriptHold(
            self.driver, on_drop=lambda payload, reason: self.dropped.append(payload), cut=self.cut if cuts else None
        )
        self.driver.follow(self)
        self.now = 0.0
        """The clock of the process, which goes on without audio."""

    @staticmethod
    def cut(payload: str, remaining: RemainingWords) -> str:
        return remaining.text

    def gate_moved(self, events: list[GateEvent]) -> None:
        self.got += self.hold.gate_moved(events)

    def audio(self, script: str) -> None:
        for character in script:
            self.driver.time += STEP
            self.now += STEP
            self.driver.push(None, 1.0 if character == "s" else 0.0)  # type: ignore[arg-type]

    def send(self, kind: str, payload: str = "", *, words: tuple[tuple[str, float, float], ...] = ()) -> None:
        """The recogniser sends something; a transcript goes to the gate first."""
        timed = tuple(TimedWord(*word) for word in words)
        is_text = kind == ItemKind.TRANSCRIPT
        transcript = Transcript(
            at=self.driver.time,
            text=payload if is_text else "",
            final=is_text,
            start=timed[0].start if timed else None,
            end=timed[-1].end if timed else None,
            words=timed,
        )
        if is_text:
            self.driver.push_transcript(transcript)
        item = HeldItem(payload or kind, ItemKind(kind), transcript)
        self.got += self.hold.push(item, now=self.now)

    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.decisions]


def test_while_the_agent_is_silent_everything_is_sent_at_once() -> None:
    call = Call()
    call.audio("-" * 5 + "s" * 10)
    for kind, text in [("speech_start", ""), ("transcript", "yes I do"), ("other", "usage"), ("speech_end", "")]:
        call.send(kind, text)
    assert call.got == ["speech_start", "yes I do", "usage", "speech_end"]
    assert call.hold.held == 0


def test_the_words_of_a_cancelled_overlap_are_dropped_with_their_start_and_end() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    call.send("speech_start")
    call.send("transcript", "okay")
    call.send("speech_end")
    assert call.hold.held == 2
    call.audio("-" * 60)
    assert call.kinds() == ["hold", "cancel"]
    assert call.got == []
    assert call.dropped == ["okay"]
    assert call.hold.held == 0
    # A late one of the same speech too.
    call.send("transcript", "okay")
    assert call.dropped == ["okay", "okay"]


def test_what_is_held_is_sent_in_order_with_the_confirm() -> None:
    call = Call(Says(9.0, after=0.5))
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    call.send("speech_start")
    call.send("transcript", "I meant")
    call.send("transcript", "I meant Tuesday")
    assert call.got == []
    call.audio("s" * 10)
    assert call.kinds() == ["hold", "confirm"]
    assert call.got == ["speech_start", "I meant", "I meant Tuesday"]
    call.send("speech_end")
    assert call.got[3:] == ["speech_end"]


def test_usage_is_never_held() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    call.send("other", "usage")
    assert call.got == ["usage"]


def test_the_answer_to_the_agents_last_words_is_sent_with_the_release() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10 + "-" * 12)
    call.send("transcript", "Yes.")
    call.driver.agent_changed(False)
    assert call.kinds() == ["hold", "release"]
    assert call.got == ["Yes."]


def test_a_start_that_was_sent_always_gets_its_end() -> None:
    call = Call()
    call.audio("-" * 5 + "s" * 5)
    call.send("speech_start")
    call.audio("-" * 15)
    call.driver.agent_changed(True)
    call.audio("-" * 10 + "s" * 12)
    call.send("transcript", "okay")
    call.send("speech_end")
    assert call.got == ["speech_start"]
    call.audio("-" * 60)
    assert call.kinds() == ["hold", "cancel"]
    assert call.got == ["speech_start", "speech_end"]


def test_a_start_that_was_sent_gets_the_end_of_one_that_a_new_connection_says_again() -> None:
    call = Call()
    call.audio("-" * 5 + "s" * 5)
    call.send("speech_start")
    call.driver.agent_changed(True)
    call.audio("-" * 15)
    call.send("speech_start")  # the connection that owed the end of the first one is gone
    assert call.got == ["speech_start"]
    call.send("speech_end")
    assert call.got == ["speech_start", "speech_end"]
    call.audio("s" * 12)
    call.send("speech_start")
    call.send("speech_end")
    call.audio("-" * 60)
    assert call.got == ["speech_start", "speech_end"]


def test_starts_and_ends_that_pass_while_the_gate_may_hold_nothing_are_no_part_of_what_comes_later() -> None:
    call, may_hold = Call(), True
    call.driver._may_hold = lambda: may_hold
    call.audio("-" * 5 + "s" * 5)
    call.send("speech_start", "first start")
    may_hold = False
    call.send("speech_end", "first end")
    call.send("speech_start", "second start")
    may_hold = True
    call.driver.agent_changed(True)
    call.audio("-" * 15)
    call.send("speech_end", "second end")
    call.send("speech_start", "third start")
    call.send("speech_end", "third end")
    assert call.got == ["first start", "first end", "second start", "second end"]


def test_a_transcript_of_no_known_speech_is_sent_unless_it_is_a_backchannel() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 300)
    call.send("transcript", "okay")
    call.send("transcript", "what is the price")
    assert (call.got, call.dropped) == (["what is the price"], ["okay"])


def test_the_words_of_a_cancelled_overlap_are_cut_out_of_a_transcript_over_two() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 8)
    call.send("transcript", "okay", words=(("okay", 0.16, 0.4),))
    call.audio("-" * 45)
    assert call.kinds() == ["hold", "cancel"]
    call.audio("s" * 10)
    words = (("Okay.", 0.16, 0.4), ("Wait,", 1.9, 2.05), ("a", 2.05, 2.1), ("second", 2.1, 2.15))
    call.send("transcript", "Okay. Wait, a second.", words=words)
    assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
    assert call.got == ["Wait, a second."]


def test_words_without_an_integration_that_can_cut_them_are_sent_whole() -> None:
    call = Call(cuts=False)
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 8 + "-" * 45 + "s" * 10)
    call.send("transcript", "Okay. Wait.", words=(("Okay.", 0.16, 0.4), ("Wait.", 1.9, 2.05)))
    assert call.got == ["Okay. Wait."]


def test_words_that_are_not_spelled_as_in_the_text_are_sent_as_the_words_have_them() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 8 + "-" * 45 + "s" * 10)
    call.send("transcript", "OK, wait up", words=(("okay", 0.16, 0.4), ("wait", 1.9, 2.05), ("up", 2.05, 2.1)))
    assert call.got == ["wait up"]


def test_a_cancelled_word_with_an_interrupt_phrase_is_not_cut() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 8 + "-" * 45 + "s" * 10)
    call.send("transcript", "Stop it now", words=(("Stop", 0.16, 0.4), ("it now", 1.9, 2.15)))
    assert call.got == ["Stop it now"]


@pytest.mark.parametrize(("text", "got"), [("okay", []), ("I think", ["I think"])])
def test_what_is_held_too_long_is_sent_or_dropped_where_it_is_a_backchannel(text: str, got: list[str]) -> None:
    call = Call(max_hold=0.2, tail_boundary=0.0, transcript_timeout=0.0)
    assert call.hold.longest_hold == pytest.approx(0.2 + PATIENCE)
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 3)
    call.send("transcript", text)
    since = call.hold.held_since
    assert since == pytest.approx(8 * STEP)
    assert call.hold.release_overdue(since) == []
    assert call.hold.held == 1
    assert call.hold.release_overdue(since + 0.001) == got
    assert call.hold.held == 0


def test_too_much_to_hold_is_sent_oldest_first() -> None:
    call = Call(max_hold=30.0)
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    for index in range(MAX_HELD + 3):
        call.send("transcript", f"okay {'okay ' * (index % 7)}{index}")
    assert [payload.split()[-1] for payload in call.got] == ["0", "1", "2"]


def test_an_error_releases_what_is_held_and_all_that_follows_passes() -> None:
    call = Call()
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    call.send("speech_start")
    call.send("transcript", "okay")
    call.driver.fail(RuntimeError("broken"))
    assert call.got == ["speech_start", "okay"]
    call.send("transcript", "right")
    assert call.got[2:] == ["right"]
    assert [str(error) for error in call.errors] == ["broken"]


def test_what_is_cleared_never_comes_out() -> None:
    call = Call(Says(9.0, after=0.5))
    call.driver.agent_changed(True)
    call.audio("-" * 5 + "s" * 10)
    call.send("speech_start")
    call.send("transcript", "I think")
    call.hold.clear()
    assert call.hold.held_since is None
    call.audio("s" * 10)
    assert call.kinds() == ["hold", "confirm"]
    assert call.got == []

"""The driver: makes its gate late, fails open, and lets one stream feed the gate."""

from __future__ import annotations

import logging

import pytest

from gate_timeline import Says, make_gate
from prosody_gate.gate import Gate, GateEvent, Transcript
from prosody_gate.session import GateDriver


class Follower:
    def __init__(self, *, fails: bool = False) -> None:
        self.steps: list[list[str]] = []
        self.fails = fails

    def gate_moved(self, events: list[GateEvent]) -> None:
        self.steps.append([event.kind.value for event in events])
        if self.fails:
            raise ValueError("no such stream")


class Driven:
    """A driver with a gate that confirms after 0.3 s of speech, and what it reports."""

    def __init__(self) -> None:
        self.made = 0
        self.events: list[str] = []
        self.errors: list[str] = []
        self.driver = GateDriver(
            self.make,
            on_event=lambda event: self.events.append(event.kind.value),
            on_error=lambda error: self.errors.append(str(error)),
        )

    def make(self) -> Gate:
        self.made += 1
        return make_gate(Says(9.0, after=0.3))

    def audio(self, script: str) -> None:
        for character in script:
            self.driver.time += 0.032
            self.driver.push(None, 1.0 if character == "s" else 0.0)  # type: ignore[arg-type]


def test_the_gate_is_made_once_and_not_before_it_is_needed() -> None:
    driven = Driven()
    driven.driver.follow(Follower())
    driven.driver.agent_changed(False)
    assert (driven.driver.has_gate, driven.made) == (False, 0)
    driven.audio("-" * 3)
    assert driven.driver.gate is driven.driver.gate
    assert (driven.driver.has_gate, driven.made) == (True, 1)


def test_a_gate_that_is_there_already_is_taken_as_it_is() -> None:
    gate = make_gate()
    driver = GateDriver(gate, on_event=lambda event: None, on_error=lambda error: None)
    assert driver.has_gate
    assert driver.gate is gate


def test_a_driver_that_is_closed_before_it_was_needed_makes_no_gate() -> None:
    driven = Driven()
    driven.driver.close()
    assert driven.made == 0
    assert driven.driver.transparent


def test_followers_are_called_after_every_step_before_the_event_is_reported() -> None:
    driven = Driven()
    last, first = Follower(), Follower()
    driven.driver.follow(last)
    driven.driver.follow(first, first=True)
    driven.driver.agent_changed(True)
    driven.audio("-" * 5 + "s" * 12)
    driven.driver.push_transcript(Transcript(at=driven.driver.time, text="I"))
    assert driven.events == ["hold", "confirm"]
    assert [step for step in first.steps if step] == [["hold"], ["confirm"]]
    assert first.steps == last.steps
    assert len(first.steps) == 1 + 17 + 1
    driven.driver.unfollow(first)
    driven.audio("s")
    assert len(last.steps) == len(first.steps) + 1


def test_a_follower_that_fails_makes_the_driver_transparent_and_releases_what_is_held(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driven = Driven()
    driven.driver.agent_changed(True)
    driven.audio("-" * 5 + "s" * 4)
    driven.driver.follow(Follower(fails=True))
    with caplog.at_level(logging.ERROR, "prosody_gate"):
        driven.audio("s" * 10)
    assert driven.driver.transparent
    assert driven.events == ["hold", "release"]
    assert driven.errors == ["no such stream"]
    assert caplog.text.count("is transparent from here on") == 1


def test_the_end_cancels_what_is_undecided_and_nothing_is_pushed_after_it() -> None:
    driven = Driven()
    driven.driver.agent_changed(True)
    driven.audio("-" * 5 + "s" * 4)
    driven.driver.close()
    driven.driver.close()
    time = driven.driver.gate.time
    driven.audio("s" * 10)
    assert driven.events == ["hold", "cancel"]
    assert driven.driver.gate.time == time
    assert driven.driver.closed


def test_one_stream_feeds_the_gate_until_it_leaves() -> None:
    driver = Driven().driver
    first, second = object(), object()
    assert driver.claim(first)
    assert not driver.claim(second)
    assert driver.claim(first)
    driver.leave(second)
    assert not driver.claim(second)
    driver.leave(first)
    assert driver.claim(second)


def test_the_log_has_decisions_without_what_was_said_and_the_words_at_debug_level(
    caplog: pytest.LogCaptureFixture,
) -> None:
    driven = Driven()
    driven.driver.agent_changed(True)
    with caplog.at_level(logging.DEBUG, "prosody_gate"):
        driven.audio("-" * 5 + "s" * 4)
        driven.driver.push_transcript(Transcript(at=driven.driver.time, text="secret stop"))
    (confirmed,) = [record for record in caplog.records if record.levelno == logging.INFO]
    assert confirmed.getMessage() == "confirm: phrase"
    assert "transcript" not in confirmed.prosody_gate  # type: ignore[attr-defined]
    assert [record.levelname for record in caplog.records if "secret" in record.getMessage()] == ["DEBUG"]


def test_a_gate_that_cannot_be_made_leaves_everything_passing() -> None:
    errors: list[str] = []

    def make() -> Gate:
        raise ValueError("no model")

    driver = GateDriver(make, on_event=lambda event: None, on_error=lambda error: errors.append(str(error)))
    driver.agent_changed(True)
    driver.push(None, 1.0)  # type: ignore[arg-type]
    assert errors == ["no model"]
    assert driver.transparent
    driver.close()
    assert errors == ["no model"]


def test_what_is_held_while_a_tool_runs_is_released_where_the_gate_may_hold_nothing_any_more() -> None:
    driven, may_hold = Driven(), True
    driven.driver._may_hold = lambda: may_hold
    driven.driver.agent_changed(True)
    driven.audio("-" * 5 + "s" * 5)
    driven.driver.agent_changed(False, keeps_floor=True)
    assert driven.events == ["hold"]
    may_hold = False
    driven.audio("-")
    assert driven.events == ["hold", "release"]
    driven.audio("-" * 100)
    assert driven.events == ["hold", "release"]


def test_an_end_of_the_agents_speech_counts_from_when_it_was_not_from_when_it_is_told() -> None:
    told_late, told_at_once = Driven(), Driven()
    for driven in (told_late, told_at_once):
        driven.driver.agent_changed(True)
        driven.audio("-" * 5 + "s" * 5 + "-" * 28)  # the speech ended 0.9 s ago
        assert driven.events == ["hold"]
        ended = driven.driver.time
        driven.driver.time += 0.2
        driven.driver.agent_changed(False, at=ended if driven is told_late else None)
    assert told_late.events == ["hold", "release"]
    assert told_at_once.events == ["hold", "cancel"]

"""Another voice in the room, through the gate: what stays far below the user's own turns."""

from __future__ import annotations

import numpy as np
import pytest

from gate_timeline import LEXICON, Says
from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES
from prosody_gate.evidence import LevelEvidence
from prosody_gate.gate import Gate, GateEvent, GateOptions
from prosody_gate.gate_factory import GateFactory
from prosody_gate.profile import Microphone, Profile
from prosody_gate.prosody import ProsodyAnalyzer

OWN_DBFS = -20.0
CONVINCED = 8.0
"""Nats of everything else: sure of an interruption."""


class Room:
    """One call: a buzz like a vowel of any level over a quiet room."""

    def __init__(self, *, says: float = CONVINCED, profile: Profile | None = None, **options: float) -> None:
        analyzer = ProsodyAnalyzer() if profile is None else profile.analyzer()
        self.gate = Gate(
            GateOptions.create(**options), lexicon=LEXICON, sources=[Says(says), LevelEvidence()], analyzer=analyzer
        )
        self._rng = np.random.default_rng(0)
        self._samples = 0

    def hear(self, seconds: float, level_dbfs: float | None = None) -> list[GateEvent]:
        """Speech of a level, or nobody; the events of that time."""
        events = []
        for _ in range(round(seconds / FRAME_DURATION)):
            frame = self._rng.normal(0.0, 1e-4, FRAME_SAMPLES)
            if level_dbfs is not None:
                at = (self._samples + np.arange(FRAME_SAMPLES)) / 16_000
                voice = sum(np.sin(2 * np.pi * 125.0 * number * at) / number for number in range(1, 12))
                frame = frame + 10 ** (level_dbfs / 20) * voice / 0.88
            self._samples += FRAME_SAMPLES
            events += self.gate.push(frame.astype(np.float32), 0.0 if level_dbfs is None else 1.0)
        assert self.gate.failure is None
        return events

    def users_turn(self, level_dbfs: float = OWN_DBFS) -> None:
        """A second of the user's speech, then the agent speaks."""
        self.gate.agent_stopped()
        self.hear(0.5)
        self.hear(1.0, level_dbfs)
        self.hear(0.5)
        self.gate.agent_started()
        self.hear(0.6)


def kinds(events: list[GateEvent]) -> list[tuple[str, str]]:
    return [(event.kind.value, event.reason) for event in events]


@pytest.mark.parametrize("below", [14.0, 20.0])
def test_a_voice_far_below_the_users_own_is_cancelled_however_long_it_speaks(below: float) -> None:
    room = Room()
    room.users_turn()
    events = room.hear(5.0, OWN_DBFS - below) + room.hear(1.6)
    assert kinds(events) == [("hold", "speech"), ("cancel", "evidence")]
    assert events[1].evidence["level"] < -10.0
    assert events[1].notes == {}


@pytest.mark.parametrize("below", [0.0, 6.0, 10.0])
def test_the_user_may_speak_ten_decibels_softer_than_before(below: float) -> None:
    room = Room()
    room.users_turn()
    events = room.hear(1.0, OWN_DBFS - below)
    assert kinds(events) == [("hold", "speech"), ("confirm", "evidence")]
    assert events[1].latency < 0.8


def test_max_hold_counts_from_where_the_speech_came_up_to_the_users_level() -> None:
    room = Room(says=0.0, max_hold=1.0)
    room.users_turn()
    assert kinds(room.hear(3.0, OWN_DBFS - 20.0)) == [("hold", "speech")]
    events = room.hear(2.0, OWN_DBFS)
    assert kinds(events) == [("confirm", "max_hold")]
    assert events[0].latency == pytest.approx(3.0 + 1.0, abs=0.4)


def test_without_a_turn_of_the_user_nothing_is_guessed_and_the_event_says_so() -> None:
    room = Room()
    room.hear(0.5)
    room.gate.agent_started()
    room.hear(0.6)
    events = room.hear(0.5, OWN_DBFS - 30.0)
    assert kinds(events) == [("hold", "speech"), ("confirm", "evidence")]
    assert [dict(event.notes) for event in events] == [{"level": "no turn of the user has been heard"}] * 2
    assert events[1].to_dict()["notes"] == {"level": "no turn of the user has been heard"}


def test_a_new_speaker_is_not_measured_by_the_one_before_even_in_the_middle_of_an_overlap() -> None:
    room = Room()
    room.users_turn()
    assert kinds(room.hear(1.0, OWN_DBFS - 20.0)) == [("hold", "speech")]
    room.gate.new_speaker()
    events = room.hear(0.1, OWN_DBFS - 20.0)
    assert kinds(events) == [("confirm", "evidence")]
    assert events[0].notes == {"level": "no turn of the user has been heard"}


def test_a_profile_that_knows_of_automatic_gain_leaves_levels_out() -> None:
    profile = Profile(microphone=Microphone(name="line", automatic_gain=True))
    room = Room(profile=profile)
    room.users_turn()
    events = room.hear(0.5, OWN_DBFS - 20.0)
    assert kinds(events) == [("hold", "speech"), ("confirm", "evidence")]
    assert events[1].notes == {"level": "the line or the microphone levels by itself"}


def test_a_line_on_which_all_turns_are_equally_loud_leaves_levels_out() -> None:
    room = Room()
    for _ in range(5):
        room.users_turn()
    events = room.hear(0.5, OWN_DBFS - 20.0)
    assert kinds(events) == [("hold", "speech"), ("confirm", "evidence")]


def test_a_speaking_level_from_a_profile_is_no_turn_of_this_call() -> None:
    factory = GateFactory.create(
        Profile(microphone=Microphone(name="headset", speaking_level_dbfs=-20.0)), listener=False
    )
    own = factory.gate().analyzer.own_level
    assert own.unknown == "no turn of the user has been heard"

from __future__ import annotations

import math

import numpy as np
import pytest

from prosody_gate.audio import FRAME_DURATION
from prosody_gate.evidence import LevelEvidence, Observation
from prosody_gate.prosody import OwnLevel, ProsodyFrame, loud_level
from prosody_gate.prosody.own_level import LEVELLED_LINE, NO_TURN

ONSET = 1.0


def frame(number: int, level: float, *, voiced: bool = True) -> ProsodyFrame:
    """The frame that ends `number` frames after the onset."""
    return ProsodyFrame(
        time=ONSET + number * FRAME_DURATION,
        speech_probability=1.0,
        level_dbfs=level,
        noise_floor_dbfs=-70.0,
        pitch_hz=120.0 if voiced else math.nan,
        pitch_semitones=math.nan,
        pitch_slope=math.nan,
        voicing=0.9 if voiced else 0.1,
        voiced=voiced,
        relative_level_db=math.nan,
        onset_sharpness=0.0,
        spectral_flatness=0.1,
        spectral_centroid_hz=900.0,
        log_mel=np.zeros((2, 24), np.float32),
    )


def observation(*levels: float, own: float | None = -20.0, unknown: str = "", voiced: bool = True) -> Observation:
    """An overlap with these frames since its onset."""
    now = ONSET + len(levels) * FRAME_DURATION
    return Observation(
        onset=ONSET,
        time=now,
        speech_end=now,
        frames=[frame(number, level, voiced=voiced) for number, level in enumerate(levels, start=1)],
        own_level_dbfs=own,
        own_level_unknown=unknown,
    )


def nats(seen: Observation) -> float:
    return LevelEvidence().update(seen)


def turns(*levels: float, known: OwnLevel | None = None) -> OwnLevel:
    """A user whose turns had these levels, half a second of voice each."""
    own = OwnLevel() if known is None else known
    for level in levels:
        for _ in range(8):
            own.learn(level)
        own.end_turn()
    return own


def test_a_level_is_the_mean_of_the_loudest_quarter_of_at_least_two() -> None:
    assert loud_level([-40.0, -20.0, -30.0, -50.0, -22.0, -60.0, -60.0, -60.0]) == -21.0
    assert loud_level([-20.0, -30.0]) == -25.0
    assert math.isnan(loud_level([-20.0]))


@pytest.mark.parametrize(
    ("below", "frames", "expected"),
    [
        (0.0, 8, 0.0),
        (9.0, 8, 0.0),  # 0.26 s: 9 dB are allowed
        (10.0, 8, -5.0),
        (14.0, 8, -15.0),
        (10.8, 38, 0.0),  # 1.2 s: 10.8 dB are
        (11.8, 38, -5.0),
        (14.0, 38, -15.0),
        (20.0, 38, -15.0),
    ],
)
def test_each_decibel_below_what_is_allowed_costs_five_nats(below: float, frames: int, expected: float) -> None:
    assert nats(observation(*[-20.0 - below] * frames)) == pytest.approx(expected)


def test_a_loud_voice_is_no_evidence_for_an_interruption() -> None:
    assert nats(observation(*[0.0] * 20)) == 0.0


def test_a_knock_on_the_microphone_does_not_make_a_soft_voice_the_users() -> None:
    assert nats(observation(*[-40.0] * 10, 0.0, *[-40.0] * 27)) < -5.0


def test_unvoiced_frames_count_only_while_nothing_is_voiced() -> None:
    consonants = [frame(number, -20.0, voiced=False) for number in (1, 2, 3)]
    seen = observation()
    seen.frames = consonants
    assert nats(seen) == 0.0
    seen.frames = [*consonants, *(frame(number, -45.0) for number in range(4, 12))]
    assert nats(seen) == -15.0


def test_a_user_who_joins_in_is_heard_over_a_television_that_goes_on_for_long() -> None:
    source = LevelEvidence()
    seen = observation(*[-40.0] * 160)
    assert source.update(seen) == -15.0
    assert source.background_until == seen.time
    for number in range(161, 174):  # `frames` takes no more after 5 s
        seen.newest = frame(number, -22.0)
        seen.time = seen.speech_end = seen.newest.time
        last = source.update(seen)
    assert last == 0.0
    assert source.background_until == ONSET + 166 * FRAME_DURATION  # 0.19 s of the user


@pytest.mark.parametrize("why", [NO_TURN, LEVELLED_LINE])
def test_where_the_users_level_is_unknown_it_has_no_say_and_says_why(why: str) -> None:
    source = LevelEvidence()
    assert source.update(observation(*[-60.0] * 20, own=None, unknown=why)) == 0.0
    assert source.note == why
    assert source.background_until == -math.inf


def test_without_audio_the_level_says_nothing() -> None:
    assert nats(observation()) == 0.0


def test_the_users_level_is_known_after_a_turn_with_enough_voice() -> None:
    own = OwnLevel()
    assert (own.dbfs, own.unknown) == (None, NO_TURN)
    for _ in range(5):
        own.learn(-20.0)
    own.end_turn()
    assert own.dbfs is None
    own.learn(-20.0)
    assert own.dbfs is None  # the turn goes on
    own.end_turn()
    assert (own.dbfs, own.unknown) == (-20.0, "")


def test_the_last_turn_counts_where_it_was_softer_than_those_before() -> None:
    assert turns(-20.0, -26.0).dbfs == -26.0
    assert turns(-26.0, -20.0).dbfs == -23.0


def test_one_turn_far_below_is_a_colleagues_and_two_are_a_user_who_has_moved() -> None:
    own = turns(-20.0, -34.0)
    assert own.dbfs == -20.0
    assert turns(-22.0, known=own).dbfs == -22.0
    assert turns(-20.0, -34.0, -36.0).dbfs == -36.0
    assert turns(-20.0, -34.0, -22.0, -34.0).dbfs == -22.0


def test_a_turn_far_above_shows_that_those_before_were_not_the_users() -> None:
    assert turns(-40.0, -38.0, -20.0).dbfs == -20.0


def test_a_line_whose_turns_hardly_vary_levels_by_itself() -> None:
    levelled = turns(-20.0, -20.5, -19.5, -20.0)
    assert levelled.dbfs == -20.0
    turns(-20.5, known=levelled)
    assert (levelled.dbfs, levelled.unknown) == (None, LEVELLED_LINE)
    varying = turns(-20.0, -24.0, -19.0, -22.0, -20.0)
    assert varying.unknown == ""


def test_a_line_that_is_known_to_level_stays_so_whoever_speaks() -> None:
    own = turns(-20.0, -25.0, known=OwnLevel(levels_itself=True))
    assert (own.dbfs, own.unknown) == (None, LEVELLED_LINE)
    own.reset()
    assert own.unknown == LEVELLED_LINE


def test_another_speakers_turns_are_unknown() -> None:
    own = turns(-20.0)
    own.reset()
    assert own.unknown == NO_TURN

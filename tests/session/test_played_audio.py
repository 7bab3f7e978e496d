"""What an agent plays, placed in time; and when the frames of a microphone were recorded."""

from __future__ import annotations

import numpy as np
import pytest

from prosody_gate import AudioError
from prosody_gate.session import ArrivalClock, PlayedAudio

RATE = 16_000


def tenths(*values: int) -> np.ndarray:
    """A tenth of a second of each value."""
    return np.repeat(np.array(values, np.int16), RATE // 10)


def timeline(played: PlayedAudio, now: float, *, seconds: float = 2.0) -> list[int]:
    """The value in each tenth of a second from time 0."""
    out = np.zeros(round(seconds * RATE), np.int16)
    for at, samples in played.until(now):
        first = round(at * RATE)
        out[first : first + len(samples)] = samples
    return [int(value) for value in out[RATE // 20 :: RATE // 10]]


def test_what_is_captured_ahead_is_played_from_the_start_on_in_real_time():
    played = PlayedAudio()
    played.captured(tenths(1, 2, 3, 4), RATE, 0.0)
    assert played.until(0.5) == []  # not started
    played.started(0.3)
    assert timeline(played, 0.5, seconds=0.8) == [0, 0, 0, 1, 2, 0, 0, 0]
    assert timeline(played, 0.7, seconds=0.8) == [0, 0, 0, 0, 0, 3, 4, 0]


def test_a_pause_moves_the_rest():
    played = PlayedAudio()
    played.captured(tenths(1, 2, 3), RATE, 0.0)
    played.started(0.0)
    played.paused(0.1)
    assert timeline(played, 0.5, seconds=0.6) == [1, 0, 0, 0, 0, 0]
    played.resumed(0.6)
    assert timeline(played, 1.0, seconds=1.0) == [0, 0, 0, 0, 0, 0, 2, 3, 0, 0]


def test_a_pause_before_the_start_and_a_resume_without_a_start_do_nothing():
    played = PlayedAudio()
    played.paused(0.0)
    played.resumed(0.1)
    played.captured(tenths(1), RATE, 0.1)
    assert played.until(1.0) == []
    played.started(1.0)
    assert timeline(played, 2.0, seconds=1.5)[10] == 1


def test_what_was_cut_off_is_not_played_later():
    played = PlayedAudio()
    played.captured(tenths(1, 2, 3), RATE, 0.0)
    played.started(0.0)
    played.ended(0.2)
    played.captured(tenths(7), RATE, 0.5)
    played.started(0.5)
    assert timeline(played, 1.0, seconds=0.7) == [1, 2, 0, 0, 0, 7, 0]


def test_an_output_that_runs_dry_goes_on_when_it_gets_more():
    played = PlayedAudio()
    played.captured(tenths(1), RATE, 0.0)
    played.started(0.0)
    assert timeline(played, 0.3, seconds=0.5) == [1, 0, 0, 0, 0]
    played.captured(tenths(2), RATE, 0.3)
    assert timeline(played, 0.5, seconds=0.5) == [0, 0, 0, 2, 0]


def test_asked_a_little_ahead_it_tells_what_will_be_played_and_a_pause_keeps_the_place():
    played = PlayedAudio()
    played.captured(tenths(1, 2, 3), RATE, 0.0)
    played.started(0.0)
    assert timeline(played, 0.2, seconds=0.3) == [1, 2, 0]
    played.paused(0.1)
    played.resumed(0.5)
    assert timeline(played, 1.0, seconds=0.8) == [0, 0, 0, 0, 0, 0, 3, 0]


def test_of_what_nobody_asks_for_the_newest_four_seconds_are_kept():
    played = PlayedAudio()
    played.started(0.0)
    for index in range(100):
        played.captured(tenths(index), RATE, index / 10)
        played.paused((index + 1) / 10)
        played.resumed((index + 1) / 10)
    parts = played.until(10.0)
    assert parts[0][0] == pytest.approx(6.0, abs=0.11)
    assert sum(len(samples) for _, samples in parts) == pytest.approx(4 * RATE, abs=0.11 * RATE)


def test_another_rate_and_two_channels_are_brought_to_16_khz_mono():
    played = PlayedAudio()
    both = np.stack((np.full(4_800, 1_000, np.int16), np.full(4_800, 3_000, np.int16)), axis=1)
    played.captured(both, 48_000, 0.0)
    played.started(0.0)
    ((at, samples), *_) = played.until(1.0)
    assert at == 0.0
    assert len(samples) == pytest.approx(1_600, abs=128)
    assert np.median(samples) == 2_000


def test_a_rate_that_cannot_be_resampled_is_one_clear_error():
    with pytest.raises(AudioError, match="sample rate is 96000 Hz; expected 8000 to 48000 Hz"):
        PlayedAudio().captured(np.zeros(960, np.int16), 96_000, 0.0)


def test_frames_of_a_microphone_lie_evenly_however_they_arrive():
    clock = ArrivalClock()
    arrivals = [10.02, 10.045, 10.06, 10.12, 10.121, 10.14]  # 20 ms each, the first and third in time
    begins = [clock.begins(0.02, at) for at in arrivals]
    assert begins == [pytest.approx(10.0 + 0.02 * index, abs=0.0002) for index in range(6)]


def test_an_earlier_arrival_shows_that_the_clock_was_late():
    clock = ArrivalClock()
    assert clock.begins(0.02, 10.07) == pytest.approx(10.05)
    assert clock.begins(0.02, 10.04) == pytest.approx(10.02)
    assert clock.begins(0.02, 10.06) == pytest.approx(10.04)


def test_after_a_microphone_was_off_its_clock_begins_anew():
    clock = ArrivalClock()
    clock.begins(0.02, 10.02)
    assert clock.begins(0.02, 15.0) == pytest.approx(14.98)


def test_a_long_piece_that_nobody_asked_for_in_time_is_no_error():
    played = PlayedAudio()
    played.captured(np.full(10 * RATE, 1_000, np.int16), RATE, 0.0)
    played.started(0.0)
    ((began, samples),) = played.until(9.0)
    assert (began, len(samples)) == (0.0, 9 * RATE)
    assert [began for began, _ in played.until(9.5)] == [9.0]

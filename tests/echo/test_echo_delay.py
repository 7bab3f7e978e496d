"""Finding what was played in a microphone, and how much later it is there."""

from __future__ import annotations

import numpy as np
import pytest

from echo_room import RATE, room, voice
from prosody_gate.echo import EchoDelay, find_echo


def found_after(microphone: np.ndarray, played: np.ndarray, delay: EchoDelay) -> float | None:
    """Seconds until the first finding."""
    for index in range(len(played) // 160):
        if delay.push(microphone[index * 160 : (index + 1) * 160], played[index * 160 : (index + 1) * 160]) is not None:
            return (index + 1) / 100
    return None


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.5, 0.6])
def test_an_echo_is_found_where_it_is(delay):
    played = voice(4.0)
    finding = find_echo(room(played, delay=delay), played, RATE)
    assert finding is not None
    assert finding.delay == pytest.approx(delay, abs=0.002)
    assert finding.strength > 15.0


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_the_microphone_may_have_any_rate(rate):
    seconds = 4.0
    played = voice(seconds, rate=RATE)
    at_rate = np.interp(np.arange(round(seconds * rate)) / rate, np.arange(len(played)) / RATE, played)
    finding = find_echo(room(at_rate, delay=0.2, rate=rate), played, rate)
    assert finding is not None
    # A block is a whole number of samples: at 22.05 kHz 220 of 220.5.
    assert finding.delay == pytest.approx(0.2, abs=0.012)


def test_two_measurements_in_a_row_have_to_agree():
    played = voice(4.0)
    assert found_after(room(played, delay=0.1), played, EchoDelay(RATE)) == 1.0


def test_another_voice_is_no_echo():
    assert find_echo(voice(8.0, seed=1), voice(8.0, seed=2), RATE) is None


def test_an_echo_under_the_users_own_voice_is_found():
    played = voice(6.0)
    both = room(played, delay=0.3) + voice(6.0, seed=4) // 4
    finding = find_echo(both, played, RATE)
    assert finding is not None
    assert finding.delay == pytest.approx(0.3, abs=0.003)


def test_silence_on_either_side_is_no_echo():
    played, silence = voice(3.0), np.zeros(3 * RATE, np.int16)
    assert find_echo(silence, played, RATE) is None
    assert find_echo(played, silence, RATE) is None


def test_an_echo_that_moves_is_followed_and_a_restart_keeps_the_newest_finding():
    played = voice(10.0)
    near, far = room(played, delay=0.1), room(played, delay=0.4)
    half = 5 * RATE
    microphone = np.concatenate((near[:half], far[half:]))
    delay = EchoDelay(RATE)
    found_after(microphone[:half], played[:half], delay)
    assert delay.newest is not None
    first = delay.newest
    delay.restart()
    assert delay.newest is first
    for index in range(half // 160, len(played) // 160):
        delay.push(microphone[index * 160 : (index + 1) * 160], played[index * 160 : (index + 1) * 160])
    assert delay.newest.delay == pytest.approx(0.4, abs=0.002)

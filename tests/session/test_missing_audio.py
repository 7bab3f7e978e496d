from __future__ import annotations

import pytest

from prosody_gate.session import MissingAudio


def looks(missing: MissingAudio, until: float, *, at_rest: bool) -> list[tuple[float, float]]:
    """Looks whenever it is time to, as a timer would; when silence was due, and how much."""
    found = []
    while (now := missing.next_look) is not None and now <= until + 1e-6:
        due = missing.due(now, at_rest=at_rest)
        if due:
            found.append((round(now, 3), round(due, 3)))
    return found


def test_audio_that_comes_is_not_missing():
    missing = MissingAudio()
    for tick in range(100):
        missing.came(tick * 0.02)
        if missing.next_look <= tick * 0.02:
            assert missing.due(tick * 0.02, at_rest=False) == 0.0


def test_silence_makes_up_for_all_the_time_that_went_by():
    missing = MissingAudio()
    missing.came(10.0)
    assert looks(missing, 10.45, at_rest=False) == []
    assert not missing.has_stopped
    assert looks(missing, 10.75, at_rest=False) == [(10.5, 0.5), (10.6, 0.1), (10.7, 0.1)]
    assert missing.has_stopped
    missing.came(10.8)
    assert not missing.has_stopped


@pytest.mark.parametrize(("at_rest", "seconds"), [(True, 5.0), (False, 15.0)])
def test_silence_ends_when_nothing_is_recent_any_more_or_speech_never_ends(at_rest: bool, seconds: float):
    missing = MissingAudio()
    missing.came(0.0)
    assert sum(due for _, due in looks(missing, 100.0, at_rest=at_rest)) == pytest.approx(seconds, abs=0.11)
    assert missing.next_look is None


def test_after_an_end_the_next_audio_starts_it_again():
    missing = MissingAudio()
    missing.came(0.0)
    looks(missing, 100.0, at_rest=True)
    missing.came(100.0)
    assert looks(missing, 100.5, at_rest=True) == [(100.5, 0.5)]


@pytest.mark.parametrize("stall", [0.2, 0.45, 0.55, 1.4])
@pytest.mark.parametrize("begins", [0.0, 0.03, 0.09])
def test_a_loop_that_stood_still_is_no_missing_audio(stall: float, begins: float):
    """However long it stood, and wherever in between two looks: audio that was on its way is there right after it."""
    missing = MissingAudio()
    missing.came(0.0)
    missing.came(begins)
    assert missing.due(begins + stall, at_rest=False) == 0.0
    missing.came(begins + stall)
    assert looks(missing, begins + stall + 0.45, at_rest=False) == []


def test_silence_is_due_half_a_second_after_audio_that_a_stall_had_kept_waiting():
    missing = MissingAudio()
    missing.came(0.0)
    missing.came(2.0)
    assert missing.due(2.0, at_rest=False) == 0.0
    assert looks(missing, 2.6, at_rest=False) == [(2.5, 0.5), (2.6, 0.1)]


def test_silence_is_due_half_a_second_after_a_stall_that_no_audio_follows():
    missing = MissingAudio()
    missing.came(0.0)
    assert missing.due(1.4, at_rest=False) == 0.0  # was to be at 0.1: the 1.3 s since are the loop's own
    assert looks(missing, 1.9, at_rest=False) == [(1.8, 0.5), (1.9, 0.1)]


def test_on_hold_the_clock_stands_still():
    missing = MissingAudio()
    missing.came(0.0)
    assert looks(missing, 0.5, at_rest=False) == [(0.5, 0.5)]
    assert missing.due(0.6, at_rest=False, on_hold=True) == 0.0
    assert missing.due(0.7, at_rest=False, on_hold=True) == 0.0
    assert missing.due(0.8, at_rest=False) == pytest.approx(0.1)


def test_nothing_is_due_before_any_audio():
    assert MissingAudio().due(5.0, at_rest=False) == 0.0

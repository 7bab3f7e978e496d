"""Where a recogniser's own times lie in the gate's stream."""

from __future__ import annotations

import pytest

from gate_timeline import make_gate
from prosody_gate.session import GateDriver, RecogniserClock


class Clock:
    """A recogniser that gets all of the stream's audio but for what is lost before it."""

    def __init__(self, *, is_exact: bool, lost: float = 0.0) -> None:
        self.driver = GateDriver(make_gate(), on_event=lambda event: None, on_error=lambda error: None)
        self.clock = RecogniserClock(self.driver, is_exact=is_exact)
        self.lost = lost

    def audio(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.clock.pushed(0.02)
            self.driver.time += 0.02

    def end_of(self, at: float) -> float | None:
        """What the clock makes of speech that ended at a stream time, in seconds."""
        return self.clock.stream_time(at - self.lost)


def test_without_audio_nothing_is_known() -> None:
    assert Clock(is_exact=True).end_of(1.0) is None


def test_a_recogniser_that_counts_from_the_first_audio_is_taken_at_its_word() -> None:
    recogniser = Clock(is_exact=True)
    recogniser.audio(2.0)
    assert recogniser.end_of(1.7) == pytest.approx(1.7)


def test_one_that_lost_audio_before_it_was_connected_is_placed_by_the_arrival_of_what_it_says() -> None:
    recogniser = Clock(is_exact=False, lost=0.8)
    recogniser.audio(3.0)
    assert recogniser.end_of(2.7) is None  # the first tells where it begins: 0.3 s behind the audio, as usual
    recogniser.audio(2.0)
    assert recogniser.end_of(4.0) == pytest.approx(4.0)
    recogniser.audio(2.0)
    assert recogniser.end_of(6.9) == pytest.approx(6.7)  # sooner than usual: it lies less far behind


def test_audio_that_the_recogniser_did_not_get_moves_what_it_says_after_it() -> None:
    recogniser = Clock(is_exact=True)
    recogniser.audio(2.0)
    recogniser.driver.time += 3.0  # muted, say
    recogniser.audio(1.0)
    assert recogniser.clock.stream_time(2.8) == pytest.approx(5.8)
    assert recogniser.clock.stream_time(2.9) == pytest.approx(5.9)

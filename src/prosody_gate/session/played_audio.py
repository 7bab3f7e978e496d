"""Places in time what an agent plays: an output is given its audio ahead, and says when it begins, pauses and stops."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE, Resampler, check_rate, to_float32
from ..echo import Samples, to_int16

KEPT: Final = 4.0
"""Seconds of what was played that are kept for who asks: a microphone that is off asks for none of it."""


class PlayedAudio:
    """The queue of one audio output, and how much of it has been played by when.

    All times are seconds of one clock, the wall clock in a call. Calls must not go back in time by more than a little:
    what was played stays played.
    """

    def __init__(self) -> None:
        self._queue: deque[Samples] = deque()
        self._resampler: Resampler | None = None
        self._plays_at: float | None = None
        """When the first queued sample plays; None while nothing plays."""
        self._paused = False
        self._ahead = 0.0
        """Seconds of what `until` gave ahead of its time that were not played before the pause."""
        self._is_started = False
        self._played: deque[tuple[float, Samples]] = deque()

    def captured(self, samples: npt.NDArray[np.int16], sample_rate: int, at: float) -> None:
        """The output was given audio.

        Args:
            samples: Int16, shape [n] or [n, channels], whose mean is taken.
            sample_rate: In Hz, 8000 to 48000.
            at: Now.

        Raises:
            AudioError: The rate is out of range.
        """
        if self._resampler is None or self._resampler.input_rate != sample_rate:
            check_rate(sample_rate, source="echo guard: agent's audio")
            self._resampler = Resampler(sample_rate)
        resampled = to_int16(self._resampler.push(to_float32(samples)))
        if not len(resampled):
            return
        if self._plays_at is not None and not self._queue:
            self._plays_at = max(self._plays_at, at)  # it had run dry
        self._queue.append(resampled)

    def started(self, at: float) -> None:
        """The output began to play what it was given."""
        self._is_started = True
        if not self._paused:
            self._plays_at = at

    def paused(self, at: float) -> None:
        """The output paused."""
        self._play_until(at)
        self._paused = True
        self._ahead = 0.0 if self._plays_at is None else max(self._plays_at - at, 0.0)
        self._plays_at = None

    def resumed(self, at: float) -> None:
        """The output goes on."""
        self._paused = False
        if self._is_started and self._plays_at is None:
            self._plays_at = at + self._ahead

    def ended(self, at: float) -> None:
        """The output has played all that it was given, or was cut off."""
        self._play_until(at)
        self._queue.clear()
        self._plays_at = None
        self._is_started = False
        if self._resampler is not None:
            self._resampler.reset()

    def until(self, now: float) -> list[tuple[float, Samples]]:
        """What was played since the last call, the newest seconds of it: for each part when it began, and its samples.

        Args:
            now: May lie a little ahead, for what will be played unless the output is stopped before.

        Returns:
            In order; int16 at 16 kHz.
        """
        self._play_until(now)
        played = list(self._played)
        self._played.clear()
        return played

    def _play_until(self, now: float) -> None:
        while self._queue and self._plays_at is not None:
            count = int((now - self._plays_at) * SAMPLE_RATE)
            if count <= 0:
                return
            first = self._queue.popleft()
            self._played.append((self._plays_at, first[:count]))
            self._plays_at += min(count, len(first)) / SAMPLE_RATE
            if count < len(first):
                self._queue.appendleft(first[count:])
            while len(self._played) > 1 and self._plays_at - self._played[0][0] > KEPT:
                self._played.popleft()


MICROPHONE_OFF: Final = 0.3
"""Seconds without audio after which the microphone was off, and its clock begins anew."""

CATCHES_UP: Final = 0.001
"""Seconds a second by which a clock that seems late is believed."""


class ArrivalClock:
    """When the frames of a microphone were recorded, as they arrive: evenly, however unevenly they come.

    A frame cannot come before it was recorded; so the earliest ones say when that was.
    """

    def __init__(self) -> None:
        self._next: float | None = None

    def begins(self, duration: float, now: float) -> float:
        """When a frame of `duration` seconds that arrived `now` began."""
        arrival = now - duration
        if self._next is None or arrival < self._next or arrival - self._next > MICROPHONE_OFF:
            begins = arrival
        else:
            begins = self._next + min(arrival - self._next, CATCHES_UP * duration)
        self._next = begins + duration
        return begins

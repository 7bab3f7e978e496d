"""What an agent played, by the time of the gate's stream: for who records both voices."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from ..audio import SAMPLE_RATE
from ..echo import Samples
from .played_audio import PlayedAudio

KEPT: Final = 24.0
"""Seconds of what was played that are kept."""

JOINS: Final = 0.1
"""Seconds by which two parts may lie apart and still follow each other: the microphone's frames come in jumps."""


class AgentTrack:
    """The newest seconds of the agent's voice, to be cut out by stream time.

    Args:
        played: What the output was given and has played, on the wall clock.
        stream_time: Gives the time (s) of the user's audio that has arrived by now.
        clock: The wall clock, in seconds.
    """

    def __init__(
        self, played: PlayedAudio, stream_time: Callable[[], float], *, clock: Callable[[], float] = lambda: time.time()
    ) -> None:
        self.played = played
        """Is told what is played when."""
        self._stream_time = stream_time
        self._clock = clock
        self._parts: deque[tuple[float, Samples]] = deque()

    def advance(self) -> None:
        """Take in what was played since the last call; to be called every second or more often."""
        now = self._clock()
        for at, samples in self.played.until(now):
            start = self._stream_time() - (now - at)
            end = self._end
            if self._parts and abs(start - end) < JOINS:
                start = end
            self._parts.append((start, samples))
        while self._parts and self._parts[0][0] < self._end - KEPT:
            self._parts.popleft()

    def between(self, start: float, end: float) -> Samples | None:
        """What was played from one stream time to another (s), [n] int16 at 16 kHz, silence where nothing was.

        Returns:
            None where nothing was played since the call began.
        """
        self.advance()
        if not self._parts:
            return None
        cut = np.zeros(max(round((end - start) * SAMPLE_RATE), 0), np.int16)
        for at, samples in self._parts:
            first = round((at - start) * SAMPLE_RATE)
            low, high = max(first, 0), min(first + len(samples), len(cut))
            if low < high:
                cut[low:high] = samples[low - first : high - first]
        return cut

    @property
    def _end(self) -> float:
        if not self._parts:
            return 0.0
        start, samples = self._parts[-1]
        return start + len(samples) / SAMPLE_RATE

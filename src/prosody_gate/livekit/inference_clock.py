"""Where in its input stream a VAD's events lie."""

from __future__ import annotations

from collections import deque

from livekit.agents.vad import VADEvent


class InferenceClock:
    """Turns the timestamps of a VAD's inference events into seconds from the start of its input.

    Silero's timestamps start from 0 again after each flush, which also drops the samples of an unfinished window.
    A VAD may also count from elsewhere (the wall clock, say): an event cannot lie ahead of the audio, so its first
    timestamp is then taken as the time of the audio that has come in.
    """

    def __init__(self) -> None:
        self._base = 0.0
        self._last = 0.0
        self._time = 0.0
        self._flushes: deque[float] = deque()
        self.restarted = False
        """Whether the newest event was the first one after a flush."""

    @property
    def time(self) -> float:
        """End of the window of the newest inference event, in seconds."""
        return self._time

    def flushed(self, at: float) -> None:
        """The input was flushed after `at` seconds."""
        self._flushes.append(at)

    def mark(self, at: float) -> None:
        """A VAD without inference events said something after `at` seconds of audio."""
        self._time = at

    def advance(self, event: VADEvent, *, input_end: float) -> float:
        """Take an inference event; `input_end` is how much audio (s) has come in."""
        self.restarted = event.timestamp < self._last
        if self.restarted:
            self._base = self._flushes.popleft() if self._flushes else self._time
        self._last = event.timestamp
        time = self._base + event.timestamp
        if time > input_end + 0.001:
            self._base = input_end - event.timestamp
            time = input_end
        while self._flushes and self._flushes[0] < self._time:
            self._flushes.popleft()
        self._time = max(time, self._time)
        return self._time

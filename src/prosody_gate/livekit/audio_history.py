"""The newest audio of a stream, as it came in, for an event that is told late."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from livekit import rtc

MAX_DURATION: Final = 30.0
"""Seconds kept; `max_hold` is at most that."""


class AudioHistory:
    """Keeps references to the frames of one stream, by their time from its start.

    Args:
        max_duration: Seconds kept.
    """

    def __init__(self, max_duration: float = MAX_DURATION) -> None:
        self._max_duration = max_duration
        self._frames: deque[tuple[float, rtc.AudioFrame]] = deque()
        self._samples: dict[int, int] = {}

    @property
    def end(self) -> float:
        """Seconds of audio that came in; exact, for they are counted in samples."""
        return sum(samples / rate for rate, samples in self._samples.items())

    def push(self, frame: rtc.AudioFrame) -> None:
        """Take the next frame."""
        self._frames.append((self.end, frame))
        rate = frame.sample_rate
        self._samples[rate] = self._samples.get(rate, 0) + frame.samples_per_channel
        while self.end - self._frames[0][0] > self._max_duration:
            self._frames.popleft()

    def between(self, start: float, end: float) -> list[rtc.AudioFrame]:
        """The audio from `start` to `end` (s) as one frame, as far as it is kept; no frame when there is none."""
        if not self._frames:
            return []
        rate, channels = self._frames[-1][1].sample_rate, self._frames[-1][1].num_channels
        parts = []
        for begins, frame in reversed(self._frames):  # most ask for the newest
            if begins + frame.duration < start:
                break
            if frame.sample_rate != rate or frame.num_channels != channels:
                continue
            first = max(round((start - begins) * rate), 0)
            last = min(round((end - begins) * rate), frame.samples_per_channel)
            if first < last:
                parts.append(np.frombuffer(frame.data, np.int16)[first * channels : last * channels])
        if not parts:
            return []
        samples = np.concatenate(parts[::-1])
        return [rtc.AudioFrame(samples.tobytes(), rate, channels, len(samples) // channels)]

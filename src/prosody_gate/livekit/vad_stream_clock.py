"""Where the events of a VAD lie in its input: its clock, its audio, its speech probability."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from livekit import rtc
from livekit.agents.vad import VADEvent

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


class VadInferenceClock:
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
        self.restarted_at = 0.0
        """Where the VAD began anew, in seconds of its input."""

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
            self._base = self.restarted_at = self._flushes.popleft() if self._flushes else self._time
        self._last = event.timestamp
        time = self._base + event.timestamp
        if time > input_end + 0.001:
            self._base = input_end - event.timestamp
            time = input_end
        while self._flushes and self._flushes[0] < self._time:
            self._flushes.popleft()
        self._time = max(time, self._time)
        return self._time


class SpeechProbability:
    """Reads inference events; takes `probability` once it is seen to be graded, else what the VAD decided."""

    def __init__(self) -> None:
        self._graded = False

    def of(self, event: VADEvent) -> float:
        """Probability in [0, 1] that the event's window is speech."""
        if 0.0 < event.probability < 1.0:
            self._graded = True
        if self._graded:
            return min(max(event.probability, 0.0), 1.0)
        speech = event.raw_accumulated_speech > 0.0 or (event.speaking and event.raw_accumulated_silence == 0.0)
        return 1.0 if speech or event.probability >= 1.0 else 0.0

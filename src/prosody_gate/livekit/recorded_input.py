"""An audio input that plays a recording into a session at its true rate: for tests and trials, with no room."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents.voice.io import AudioInput

FRAMES_PER_SECOND = 100


class RecordedInput(AudioInput):
    """Set it as `session.input.audio`. After the recording comes silence.

    Args:
        samples: int16 mono, shape [n].
        sample_rate: Samples per second.
    """

    def __init__(self, samples: npt.NDArray[np.int16], sample_rate: int = 16_000) -> None:
        super().__init__(label="RecordedInput")
        self._samples = samples
        self._rate = sample_rate
        self._step = sample_rate // FRAMES_PER_SECOND
        self._position = 0
        self._began: float | None = None
        self.ended = asyncio.Event()
        """Set once the whole recording was played."""

    @property
    def began(self) -> float | None:
        """Wall clock (s) of the first sample; None before it."""
        return self._began

    @property
    def time(self) -> float:
        """Seconds since the first sample; 0 before it."""
        return 0.0 if self._began is None else time.time() - self._began

    async def __anext__(self) -> rtc.AudioFrame:
        if self._began is None:
            self._began = time.time()
        chunk = self._samples[self._position : self._position + self._step]
        if len(chunk) < self._step:
            self.ended.set()
            chunk = np.pad(chunk, (0, self._step - len(chunk)))
        self._position += self._step
        due = self._began + self._position / self._rate
        await asyncio.sleep(max(due - time.time(), 0.0))
        return rtc.AudioFrame(chunk.astype(np.int16).tobytes(), self._rate, 1, self._step)

"""A recording for calibration, whole, at its own rate and at the gate's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE, AudioFile, Resampler, amplified, clipped_fraction
from ..errors import AudioError

Samples = npt.NDArray[np.float32]

DIGITAL_SILENCE = 2.0**-15
"""One step of 16-bit audio: what never goes beyond it came from no microphone."""


@dataclass(frozen=True)
class RecordedSound:
    """Mono sound from one microphone."""

    name: str
    """What it is called in messages: the file, or what was asked for."""
    sample_rate: int
    """Its own, in Hz."""
    samples: Samples
    """Float32 at 16 kHz in [-1, 1], shape [n]."""
    clipped_share: float
    """Share of its own samples cut off at full scale, 0 to 1."""

    @classmethod
    def read(cls, path: Path, channel: int | None = None) -> RecordedSound:
        """Read a file.

        Args:
            path: Of any format that libsndfile reads, 8 to 48 kHz.
            channel: From 0; None for a mono file.

        Raises:
            AudioError: It cannot be read, has several channels and none was chosen, or holds digital silence.
        """
        with AudioFile(path) as recording:
            if channel is None and recording.channels > 1:
                raise AudioError(f"{path}: has {recording.channels} channels; expected --channel N, from 0")
            samples = recording.read(channel)
            rate = recording.sample_rate
        return cls.of(samples, rate, name=str(path))

    @classmethod
    def of(cls, samples: Samples, sample_rate: int, *, name: str) -> RecordedSound:
        """From samples at their own rate.

        Raises:
            AudioError: They are digital silence.
        """
        if samples.size == 0 or float(np.abs(samples).max()) < DIGITAL_SILENCE:
            raise AudioError(
                f"{name}: is digital silence; expected the sound of a room: "
                "is the microphone muted, or is it the wrong device?"
            )
        resampler = Resampler(sample_rate)
        at_rate = np.concatenate((resampler.push(samples), resampler.flush()))
        return cls(name, sample_rate, at_rate, clipped_fraction(samples))

    def louder(self, gain_db: float) -> RecordedSound:
        """The same sound amplified, in dB."""
        return replace(self, samples=amplified(self.samples, gain_db))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE

"""A recording as the gate's own front end measures it: speech, level, noise floor and pitch of each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFile, Resampler, amplified, clipped_fraction
from ..errors import AudioError
from ..prosody import ProsodyAnalyzer
from ..vad import SileroDetector

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
                raise AudioError(f"{path}: has {recording.channels} channels; expected --user-channel N (from 0)")
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


SPEECH: Final = 0.5
"""Speech probability from which a frame is speech."""

ROOM: Final = 0.1
"""Speech probability below which a frame may be the room alone."""

AWAY: Final = 10
"""Frames (0.32 s) between speech and what counts as the room: the end of a word rings on."""

SETTLED: Final = 16
"""Frames (0.5 s) that detector and noise floor need to settle."""

VOICED_OVER_ROOM_DB: Final = 6.0
"""Level over the noise floor from which a voiced frame shows how loudly somebody speaks; the gate's own bound."""


@dataclass(frozen=True)
class MeasuredSound:
    """All frames of a recording; arrays of shape [frames]."""

    sound: RecordedSound
    """What was measured."""
    probability: npt.NDArray[np.float64]
    """Speech probability, 0 to 1."""
    level_dbfs: npt.NDArray[np.float64]
    """Level, in dBFS."""
    floor_dbfs: npt.NDArray[np.float64]
    """Noise floor, in dBFS."""
    pitch_hz: npt.NDArray[np.float64]
    """F0 in Hz; NaN where unvoiced."""

    @classmethod
    def of(cls, sound: RecordedSound) -> MeasuredSound:
        """Run the front end over a recording.

        Raises:
            AudioError: The recording is shorter than one frame.
            ModelError: The Silero model is missing.
        """
        count = len(sound.samples) // FRAME_SAMPLES
        if not count:
            raise AudioError(f"{sound.name}: is {sound.duration:.3f} s long; expected seconds of sound")
        detector, analyzer = SileroDetector(), ProsodyAnalyzer()
        rows = np.empty((4, count))
        for index in range(count):
            frame = sound.samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES]
            probability = detector.frame_probability(frame)
            level = analyzer.push(frame, probability)
            rows[:, index] = probability, level, analyzer.noise_floor.dbfs, analyzer.pitch_hz()
        return cls(sound, *rows)

    @property
    def is_speech(self) -> npt.NDArray[np.bool_]:
        """The frames that are speech."""
        return np.asarray(self.probability >= SPEECH)

    @property
    def is_room(self) -> npt.NDArray[np.bool_]:
        """The frames that are the room alone: no speech in them or near them."""
        near = np.convolve(self.probability >= ROOM, np.ones(2 * AWAY + 1), "same") > 0.5
        room = ~near[: len(self.probability)]
        room[:SETTLED] = False
        return np.asarray(room)

    @property
    def is_voiced(self) -> npt.NDArray[np.bool_]:
        """The frames that are a voice, whatever the VAD says: periodic and well above the room."""
        return np.asarray(~np.isnan(self.pitch_hz) & (self.level_dbfs > self.floor_dbfs + VOICED_OVER_ROOM_DB))

    def samples_of(self, frames: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The samples of some frames, shape [n, 512]."""
        whole = self.sound.samples[: len(frames) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        return np.asarray(whole[frames])


def geometric_mean(values: npt.NDArray[np.float64]) -> float:
    """Mean on a scale of ratios, as pitch is perceived."""
    return math.exp(float(np.log(values).mean()))

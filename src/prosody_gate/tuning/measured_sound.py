"""A recording as the gate's own front end hears it: speech, level, noise floor and pitch of each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES
from ..errors import AudioError
from ..prosody import ProsodyAnalyzer
from ..vad import SileroDetector
from .recorded_sound import RecordedSound

SPEECH: Final = 0.5
"""Speech probability from which a frame is speech."""

ROOM: Final = 0.1
"""Speech probability below which a frame may be the room alone."""

AWAY: Final = 10
"""Frames (0.32 s) between speech and what counts as the room: the end of a word rings on."""

SETTLED: Final = 16
"""Frames (0.5 s) that detector and noise floor need to settle."""

VOICED_OVER_ROOM_DB: Final = 6.0
"""Level over the noise floor from which a voiced frame tells how loudly somebody speaks; the gate's own bound."""


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
    """Mean on a scale of ratios, as pitch is heard."""
    return math.exp(float(np.log(values).mean()))

"""An analyzer that measures each frame of a recording once, however often the recording is replayed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..prosody import Pitch, PitchTracker, ProsodyAnalyzer, ProsodyFrame


@dataclass(slots=True)
class MeasuredFrames:
    """What is known of the frames of one stream, by their number from 0."""

    frames: dict[int, ProsodyFrame] = field(default_factory=dict)
    pitches: dict[int, Pitch] = field(default_factory=dict)


class RememberedAnalyzer(ProsodyAnalyzer):
    """Gives what a fresh analyzer would give, from memory where it can.

    No option of the gate changes what a frame sounds like. It only decides which frames are the user's own turn, and
    so the norms that pitch and level are held against: those are always taken anew.

    Args:
        known: What earlier replays of the same stream, from the same starting point, have measured; added to.
        **start: As for `ProsodyAnalyzer`.
    """

    def __init__(self, known: MeasuredFrames, **start: Any) -> None:
        super().__init__(**start)
        self._known = known
        self._pitch = self._tracker = _RememberedTracker(known.pitches)

    def learn(self) -> None:
        """Take the newest frame into the user's norms."""
        self._tracker.frame = self._frames - 1
        super().learn()

    def _measure(self, age: int) -> ProsodyFrame:
        number = self._frames - 1 - age
        known = self._known.frames.get(number)
        if known is None:
            self._tracker.frame = number
            known = self._known.frames[number] = super()._measure(age)
            return known
        self._semitones.append(12.0 * math.log2(known.pitch_hz) if known.voiced else math.nan)
        return replace(
            known,
            pitch_semitones=self.speaker_norm.semitones(known.pitch_hz) if known.voiced else math.nan,
            pitch_slope=self._slope(),
            relative_level_db=self.speaker_norm.relative_level_db(known.level_dbfs),
        )


class _RememberedTracker(PitchTracker):
    """Looks up the pitch of the frame it is set to."""

    def __init__(self, known: dict[int, Pitch]) -> None:
        super().__init__()
        self._known = known
        self.frame = 0

    def track(self, samples: npt.NDArray[np.float32]) -> Pitch:
        pitch = self._known.get(self.frame)
        if pitch is None:
            pitch = self._known[self.frame] = super().track(samples)
        return pitch

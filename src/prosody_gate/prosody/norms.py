"""What is usual: the noise floor of the room, level and F0 of the user."""

from __future__ import annotations

import math
from typing import Final

from ..audio import FRAME_DURATION

FALL_PER_SECOND: Final = 40.0
RISE_PER_SECOND: Final = 6.0
RISE_IN_SPEECH_PER_SECOND: Final = 0.5
"""Speech raises the floor this slowly (dB/s), so that a VAD stuck on 'speech' cannot hide a louder room for good."""


class NoiseFloor:
    """Follows the quiet frames of the stream: down fast, up slowly, hardly at all while somebody speaks.

    Args:
        initial_dbfs: Where to start, in dBFS; None takes the first frame's level.
        lowest_dbfs: The floor never falls below this: digital silence is not a room.
    """

    def __init__(self, *, initial_dbfs: float | None = None, lowest_dbfs: float = -75.0) -> None:
        self._initial = initial_dbfs
        self._lowest = lowest_dbfs
        self.reset()

    def reset(self) -> None:
        """Forget the room."""
        self._known = self._initial is not None
        self.dbfs = self._initial if self._initial is not None else self._lowest

    @property
    def known_dbfs(self) -> float | None:
        """The floor in dBFS; None before the first frame."""
        return self.dbfs if self._known else None

    def recall(self, dbfs: float | None) -> None:
        """Go on from what another one has learned, as its `known_dbfs` has it; where that is nothing, from here."""
        if dbfs is not None:
            self._known, self.dbfs = True, dbfs

    def update(self, level_dbfs: float, speech_probability: float) -> float:
        """Take one frame's level and give the floor, both in dBFS."""
        if not self._known:
            self._known = True
            self.dbfs = max(level_dbfs, self._lowest)
            return self.dbfs
        difference = level_dbfs - self.dbfs
        if difference < 0.0:
            step = max(difference, -FALL_PER_SECOND * FRAME_DURATION)
        elif speech_probability < 0.3:
            step = min(difference, RISE_PER_SECOND * FRAME_DURATION)
        else:
            step = min(difference, RISE_IN_SPEECH_PER_SECOND * FRAME_DURATION)
        self.dbfs = max(self.dbfs + step, self._lowest)
        return self.dbfs


ENOUGH_FRAMES: Final = 16
"""Voiced frames (about half a second) before a norm is trusted."""

MEMORY_FRAMES: Final = 300
"""Frames over which an old habit is forgotten: about ten seconds of voiced speech."""


class SpeakerNorm:
    """Running means over the user's own voiced frames, taken from speech that is surely the user's turn.

    Args:
        level_dbfs: Speaking level to start from, in dBFS, from a profile; None learns it in the call.
        pitch_hz: F0 to start from, in Hz; None learns it in the call.
    """

    def __init__(self, *, level_dbfs: float | None = None, pitch_hz: float | None = None) -> None:
        self._initial_level = level_dbfs
        self._initial_pitch = pitch_hz
        self.reset()

    def reset(self) -> None:
        """Forget the user."""
        self._level_frames = 0 if self._initial_level is None else ENOUGH_FRAMES
        self._level = self._initial_level or 0.0
        self._pitch_frames = 0 if self._initial_pitch is None else ENOUGH_FRAMES
        self._octave = math.log2(self._initial_pitch) if self._initial_pitch else 0.0

    @property
    def level_dbfs(self) -> float | None:
        """The usual level of voiced frames in dBFS, None while unknown."""
        return self._level if self._level_frames >= ENOUGH_FRAMES else None

    @property
    def pitch_hz(self) -> float | None:
        """The usual F0 in Hz (geometric mean), None while unknown."""
        return 2.0**self._octave if self._pitch_frames >= ENOUGH_FRAMES else None

    @property
    def learned(self) -> tuple[int, float, int, float]:
        """Voiced frames and their level (dBFS), frames and their F0 (octaves over 1 Hz); to go on from elsewhere."""
        return self._level_frames, self._level, self._pitch_frames, self._octave

    def recall(self, learned: tuple[int, float, int, float]) -> None:
        """Go on from what another one has learned; where that is nothing, from here."""
        level_frames, level, pitch_frames, octave = learned
        if level_frames:
            self._level_frames, self._level = level_frames, level
        if pitch_frames:
            self._pitch_frames, self._octave = pitch_frames, octave

    def learn(self, level_dbfs: float, pitch_hz: float) -> None:
        """Take one voiced frame of the user's own turn."""
        self._level_frames += 1
        self._level += (level_dbfs - self._level) / min(self._level_frames, MEMORY_FRAMES)
        self._pitch_frames += 1
        self._octave += (math.log2(pitch_hz) - self._octave) / min(self._pitch_frames, MEMORY_FRAMES)

    def relative_level_db(self, level_dbfs: float) -> float:
        """Level against the user's own, in dB; NaN while that is unknown."""
        usual = self.level_dbfs
        return math.nan if usual is None else level_dbfs - usual

    def semitones(self, pitch_hz: float) -> float:
        """F0 against the user's own, in semitones; NaN while either is unknown."""
        if self._pitch_frames < ENOUGH_FRAMES or math.isnan(pitch_hz):
            return math.nan
        return 12.0 * (math.log2(pitch_hz) - self._octave)

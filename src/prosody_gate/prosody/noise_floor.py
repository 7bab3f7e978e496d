"""The level of the room when nobody speaks, followed through the call."""

from __future__ import annotations

from typing import Final

from ..audio.constants import FRAME_DURATION

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

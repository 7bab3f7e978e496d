"""What every voice activity detector offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt


class SpeechDetector(Protocol):
    """Gives each frame of one stream the probability that it is speech; keeps state from frame to frame."""

    @property
    def name(self) -> str:
        """Short name, as in the option `vad`."""

    def frame_probability(self, frame: npt.NDArray[np.float32]) -> float:
        """Return the probability in [0, 1] that the next frame of the stream is speech.

        Args:
            frame: Mono samples in [-1, 1] at 16 kHz, float32 of shape [512].

        Raises:
            AudioError: The frame has another shape.
        """

    def reset(self) -> None:
        """Forget the stream so far."""

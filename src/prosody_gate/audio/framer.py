"""The one analysis format, and what cuts a stream of chunks of any size into its frames."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 16_000
"""Samples per second of the analysis stream."""

FRAME_SAMPLES: Final = 512
"""Samples in one analysis frame: the window of the Silero VAD at 16 kHz."""

FRAME_DURATION: Final = FRAME_SAMPLES / SAMPLE_RATE
"""Duration of one analysis frame, in seconds (0.032)."""


class Framer:
    """Chunks in, frames of 512 samples out; the frames do not depend on how the stream was chunked."""

    def __init__(self) -> None:
        self._partial = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        self._filled = 0

    def push(self, samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Take the next chunk of the stream.

        Args:
            samples: Mono samples at 16 kHz, shape [n], n >= 0.

        Returns:
            The frames that it completes, in order, each a new array of shape [512].
        """
        frames = []
        taken = 0
        while taken < samples.size:
            count = min(FRAME_SAMPLES - self._filled, samples.size - taken)
            self._partial[self._filled : self._filled + count] = samples[taken : taken + count]
            self._filled += count
            taken += count
            if self._filled == FRAME_SAMPLES:
                frames.append(self._partial.copy())
                self._filled = 0
        return frames

    def flush(self) -> npt.NDArray[np.float32] | None:
        """End the stream and make ready for another.

        Returns:
            The last, partial frame with zeros after it, or None when no samples are left over.
        """
        if self._filled == 0:
            return None
        frame = self._partial.copy()
        frame[self._filled :] = 0.0
        self._filled = 0
        return frame

    def reset(self) -> None:
        """Forget the samples of the unfinished frame."""
        self._filled = 0

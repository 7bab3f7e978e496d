"""One frame's measurements as the input of the voice network."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..prosody import MEL_BANDS, ProsodyFrame

FEATURES: Final = 2 * MEL_BANDS + 4
"""Two spectra, two levels, the VAD's probability and the strength of voicing."""


class VoiceFeatures:
    """Turns the frames of one overlap into feature vectors, each relative to the loudest spectrum so far.

    That makes them blind to the microphone's gain: a classifier that could see the level would learn it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._reference_db = -np.inf

    def of(self, frame: ProsodyFrame) -> npt.NDArray[np.float32]:
        """The features of the next frame, [FEATURES] float32."""
        levels = 10.0 * np.log10(np.power(10.0, frame.log_mel * 0.1).sum(axis=1))
        self._reference_db = max(self._reference_db, float(levels.max()))
        features = np.empty(FEATURES, np.float32)
        spectra = (frame.log_mel - self._reference_db) * 0.05 + 1.5
        np.clip(spectra.ravel(), -1.5, 2.5, out=features[: 2 * MEL_BANDS])
        features[-4:-2] = np.maximum((levels - self._reference_db) * 0.05, -3.0)
        features[-2] = frame.speech_probability
        features[-1] = frame.voicing
        return features

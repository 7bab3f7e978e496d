"""The light detector: WebRTC's Gaussian mixture VAD."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import webrtcvad

from ..audio import FRAME_SAMPLES, SAMPLE_RATE
from ..errors import AudioError, OptionError

SUB_FRAME: Final = SAMPLE_RATE // 100
"""WebRTC's shortest frame, 10 ms. 512 samples are 3.2 of them: the rest waits for the next frame."""

SMOOTHING: Final = 0.35
"""Weight of the frame before, as for Silero. After silence a frame that is all speech crosses 0.5 by itself,
one that is two thirds speech needs a second; after speech a silent frame falls to 0.35, the usual lower
threshold."""


class WebRtcDetector:
    """Share of 10 ms sub-frames that WebRTC calls speech, smoothed over frames.

    A sub-frame that straddles two frames counts for the later one, so a decision may lag by under 10 ms.
    WebRTC goes on saying speech for some sub-frames after it ends. It separates sound from silence better than
    speech from noise: use it where a frame of Silero costs too much.
    """

    name: Final = "webrtc"

    def __init__(self, aggressiveness: int = 2) -> None:
        """Make a detector at the start of a stream.

        Args:
            aggressiveness: 0 (calls most sounds speech) to 3 (calls the fewest sounds speech).

        Raises:
            OptionError: The aggressiveness is not one of 0, 1, 2 and 3.
        """
        if aggressiveness not in (0, 1, 2, 3):
            raise OptionError(f"aggressiveness is {aggressiveness!r}; expected 0, 1, 2 or 3")
        self._aggressiveness = aggressiveness
        self._pending = np.zeros(SUB_FRAME - 1 + FRAME_SAMPLES, dtype=np.int16)
        self._scaled = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._vad = webrtcvad.Vad(self._aggressiveness)
        self._waiting = 0
        self._probability: float | None = None

    def frame_probability(self, frame: npt.NDArray[np.float32]) -> float:
        """Return the probability in [0, 1] that the next frame of the stream is speech.

        Args:
            frame: Mono samples in [-1, 1] at 16 kHz, float32 of shape [512].

        Raises:
            AudioError: The frame has another shape.
        """
        if frame.shape != (FRAME_SAMPLES,):
            raise AudioError(f"a frame has shape {frame.shape}; expected ({FRAME_SAMPLES},)")
        np.multiply(frame, 32_768.0, out=self._scaled)
        np.rint(self._scaled, out=self._scaled)
        np.clip(self._scaled, -32_768.0, 32_767.0, out=self._scaled)
        end = self._waiting + FRAME_SAMPLES
        self._pending[self._waiting : end] = self._scaled

        count = end // SUB_FRAME
        speech: int = sum(
            self._vad.is_speech(self._pending[i * SUB_FRAME : (i + 1) * SUB_FRAME].tobytes(), SAMPLE_RATE)
            for i in range(count)
        )
        self._waiting = end - count * SUB_FRAME
        self._pending[: self._waiting] = self._pending[count * SUB_FRAME : end]

        share = speech / count
        before = share if self._probability is None else self._probability
        self._probability = SMOOTHING * before + (1.0 - SMOOTHING) * share
        return self._probability

"""What every voice activity detector offers, and how one is chosen by its name."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .silero_detector import SileroDetector
from .webrtc_detector import WebRtcDetector


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


DetectorName: TypeAlias = Literal["silero", "webrtc"]


def create_detector(name: DetectorName) -> SpeechDetector:
    """Return a new detector at the start of a stream.

    Args:
        name: "silero" (a small neural network, the default of voice agents) or "webrtc" (light, less exact).

    Raises:
        OptionError: There is no detector of that name.
        ModelError: The Silero model is not installed.
    """
    if name == "silero":
        return SileroDetector()
    if name == "webrtc":
        return WebRtcDetector()
    raise OptionError(f"vad is {name!r}; expected one of {', '.join(get_args(DetectorName))}")

"""Makes a detector from its name, as options and the command line give it."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from ..errors import OptionError
from .silero_detector import SileroDetector
from .speech_detector import SpeechDetector
from .webrtc_detector import WebRtcDetector

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

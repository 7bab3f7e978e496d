"""Is it speech: a probability for each frame, and the speech segments that follow from it."""

from .create_detector import DetectorName, create_detector
from .silero_detector import SileroDetector
from .speech_detector import SpeechDetector
from .speech_segmenter import SpeechChange, SpeechSegmenter
from .webrtc_detector import WebRtcDetector

__all__ = [
    "DetectorName",
    "SileroDetector",
    "SpeechChange",
    "SpeechDetector",
    "SpeechSegmenter",
    "WebRtcDetector",
    "create_detector",
]

"""Is it speech: a probability for each frame, and the speech segments that follow from it."""

from .silero_detector import SileroDetector
from .speech_detector import DetectorName, SpeechDetector, create_detector
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

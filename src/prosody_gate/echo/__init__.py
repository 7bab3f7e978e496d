"""Takes the agent's own voice out of the microphone, and finds it there."""

from .echo_canceller import (
    CANCELLER_BLOCK,
    REFERENCE_RATE,
    EchoCanceller,
    Samples,
    WebRtcCanceller,
    make_webrtc_canceller,
)
from .echo_delay import MAX_DELAY, EchoDelay, EchoFinding, find_echo
from .echo_guard import EchoGuard
from .guarded_frames import guarded_frames, recording_guard, to_int16

__all__ = [
    "CANCELLER_BLOCK",
    "MAX_DELAY",
    "REFERENCE_RATE",
    "EchoCanceller",
    "EchoDelay",
    "EchoFinding",
    "EchoGuard",
    "Samples",
    "WebRtcCanceller",
    "find_echo",
    "guarded_frames",
    "make_webrtc_canceller",
    "recording_guard",
    "to_int16",
]

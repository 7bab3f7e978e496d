"""Plugs the gate into LiveKit Agents: a VAD wrapper, its STT companion, and what a session needs around them."""

from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .prosody_gate import ProsodyGate
from .recorded_input import RecordedInput
from .session_metrics import SessionMetrics
from .silent_output import SilentOutput
from .silent_stt import SilentSTT
from .threaded_listener import ThreadedListener

__all__ = [
    "GatedSTT",
    "GatedVAD",
    "ProsodyGate",
    "RecordedInput",
    "SessionMetrics",
    "SilentOutput",
    "SilentSTT",
    "ThreadedListener",
]

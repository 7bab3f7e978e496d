"""Plugs the gate into LiveKit Agents: a VAD wrapper, its STT companion, and what a session needs around them."""

from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .prosody_gate import ProsodyGate
from .session_metrics import SessionMetrics
from .threaded_listener import ThreadedListener

__all__ = ["GatedSTT", "GatedVAD", "ProsodyGate", "SessionMetrics", "ThreadedListener"]

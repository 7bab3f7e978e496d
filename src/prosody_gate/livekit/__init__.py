"""Plugs the gate into LiveKit Agents: a VAD wrapper, its STT companion, and what a session needs around them."""

from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .prosody_gate import ProsodyGate
from .testing import RecordedInput, SilentOutput, SilentSTT

__all__ = [
    "GatedSTT",
    "GatedVAD",
    "ProsodyGate",
    "RecordedInput",
    "SilentOutput",
    "SilentSTT",
]

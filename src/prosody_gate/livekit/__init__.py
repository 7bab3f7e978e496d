"""Plugs the gate into LiveKit Agents: a VAD wrapper, its STT companion, and what a session needs around them.

`prosody_gate.livekit.testing` has what stands in for microphone, loudspeaker and speech-to-text in an agent's tests.
"""

from importlib import import_module

try:
    for _needed in ("livekit.agents", "livekit.plugins.silero"):
        import_module(_needed)
except ModuleNotFoundError as error:
    raise ImportError(
        f"prosody_gate.livekit needs LiveKit Agents and its Silero plugin ({error}): "
        'pip install "livekit-agents>=1.8,<2" "livekit-plugins-silero>=1.8,<2"'
    ) from error

from .gated_stt import GatedSTT
from .gated_vad import GatedVAD
from .session_gate import ProsodyGate

__all__ = [
    "GatedSTT",
    "GatedVAD",
    "ProsodyGate",
]

"""prosody-gate: an interruption gate for voice agents, decided on the audio, on the machine the agent runs on."""

import logging
from importlib.metadata import version

from .audio import AudioFile
from .errors import (
    AudioError,
    LexiconError,
    ModelError,
    OptionError,
    ProsodyGateError,
    TranscriptError,
)
from .evidence import EvidenceSource, Observation, default_sources
from .gate import Gate, GateEvent, GateEventKind, GateOptions, GateState, Transcript
from .gate_factory import GateFactory
from .lexicon import Lexicon, LexiconMatch
from .listener import Hypothesis, Listener, PhonemeListener
from .profile import Profile
from .prosody import ProsodyAnalyzer, ProsodyFrame
from .replay import ReplayResult, Span, read_spans, read_transcripts, replay
from .session import AudioFeed
from .vad import SileroDetector, SpeechDetector, WebRtcDetector, create_detector

__version__ = version("prosody-gate")

# A library stays silent until its host sets up logging.
logging.getLogger("prosody_gate").addHandler(logging.NullHandler())

__all__ = [
    "AudioError",
    "AudioFeed",
    "AudioFile",
    "EvidenceSource",
    "Gate",
    "GateEvent",
    "GateEventKind",
    "GateFactory",
    "GateOptions",
    "GateState",
    "Hypothesis",
    "Lexicon",
    "LexiconError",
    "LexiconMatch",
    "Listener",
    "ModelError",
    "Observation",
    "OptionError",
    "PhonemeListener",
    "Profile",
    "ProsodyAnalyzer",
    "ProsodyFrame",
    "ProsodyGateError",
    "ReplayResult",
    "SileroDetector",
    "Span",
    "SpeechDetector",
    "Transcript",
    "TranscriptError",
    "WebRtcDetector",
    "__version__",
    "create_detector",
    "default_sources",
    "read_spans",
    "read_transcripts",
    "replay",
]

"""What any live integration stands on: driver, transcript hold, listener thread, metrics. Knows no framework."""

from .agent_track import AgentTrack
from .audio_feed import AudioFeed
from .cancelled_words import RemainingWords, remaining_words
from .gate_driver import Follower, GateDriver
from .missing_audio import MissingAudio
from .played_audio import ArrivalClock, PlayedAudio
from .prometheus_metrics import collectors, count_event
from .recogniser_clock import TRANSCRIPT_AHEAD, RecogniserClock
from .session_counter import SessionCounter
from .session_metrics import MetricsRecorder, SessionMetrics
from .stream_claim import StreamClaim
from .threaded_listener import ThreadedListener, breathe
from .transcript_hold import DropReason, HeldItem, ItemKind, TranscriptHold
from .warm_up import listener_thread, warm_up

__all__ = [
    "TRANSCRIPT_AHEAD",
    "AgentTrack",
    "ArrivalClock",
    "AudioFeed",
    "DropReason",
    "Follower",
    "GateDriver",
    "HeldItem",
    "ItemKind",
    "MetricsRecorder",
    "MissingAudio",
    "PlayedAudio",
    "RecogniserClock",
    "RemainingWords",
    "SessionCounter",
    "SessionMetrics",
    "StreamClaim",
    "ThreadedListener",
    "TranscriptHold",
    "breathe",
    "collectors",
    "count_event",
    "listener_thread",
    "remaining_words",
    "warm_up",
]

"""What any live integration stands on: driver, transcript hold, listener thread, metrics. Knows no framework."""

from .audio_feed import AudioFeed
from .cancelled_words import RemainingWords, TimedWord, remaining_words
from .gate_driver import Follower, GateDriver
from .prometheus_metrics import collectors, count_event
from .session_metrics import MetricsRecorder, SessionMetrics
from .threaded_listener import ThreadedListener, breathe
from .transcript_hold import HeldItem, ItemKind, TranscriptHold

__all__ = [
    "AudioFeed",
    "Follower",
    "GateDriver",
    "HeldItem",
    "ItemKind",
    "MetricsRecorder",
    "RemainingWords",
    "SessionMetrics",
    "ThreadedListener",
    "TimedWord",
    "TranscriptHold",
    "breathe",
    "collectors",
    "count_event",
    "remaining_words",
]

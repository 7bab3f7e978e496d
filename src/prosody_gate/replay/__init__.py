"""Drive a gate over a recording."""

from .agent_speech import Span, read_spans, spans_of_channel
from .replay import ReplayResult, TracePoint, read_frames, replay
from .transcript_file import read_transcripts

__all__ = [
    "ReplayResult",
    "Span",
    "TracePoint",
    "read_frames",
    "read_spans",
    "read_transcripts",
    "replay",
    "spans_of_channel",
]

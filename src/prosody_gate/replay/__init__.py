"""Drive a gate over a recording."""

from .agent_speech import LONGEST, Span, check_spans, read_spans, spans_of_channel
from .replay import ALWAYS, GateWatcher, ReplayResult, TracePoint, drive, read_frames, replay, trace_point
from .replay_part import PART_LEAD_IN, PART_LEAD_OUT, length_with_leads, replay_part
from .replay_words import TimedWord, WordStream, replay_words, word_stream
from .transcript_file import read_transcripts

__all__ = [
    "ALWAYS",
    "LONGEST",
    "PART_LEAD_IN",
    "PART_LEAD_OUT",
    "GateWatcher",
    "ReplayResult",
    "Span",
    "TimedWord",
    "TracePoint",
    "WordStream",
    "check_spans",
    "drive",
    "length_with_leads",
    "read_frames",
    "read_spans",
    "read_transcripts",
    "replay",
    "replay_part",
    "replay_words",
    "spans_of_channel",
    "trace_point",
    "word_stream",
]

"""The state machine that holds an interruption back and decides about it."""

from .decision_rule import check_sources
from .gate import Gate
from .gate_event import GateEvent, GateEventKind, GateState, probability_of
from .gate_options import NAT, GateOptions, OptionInfo, Tunable
from .overlap import LATE_TRANSCRIPT, OverlapView, TimedWord, Transcript

__all__ = [
    "LATE_TRANSCRIPT",
    "NAT",
    "Gate",
    "GateEvent",
    "GateEventKind",
    "GateOptions",
    "GateState",
    "OptionInfo",
    "OverlapView",
    "TimedWord",
    "Transcript",
    "Tunable",
    "check_sources",
    "probability_of",
]

"""The state machine that holds an interruption back and decides about it."""

from .gate import Gate
from .gate_event import GateEvent, GateEventKind, probability_of
from .gate_options import GateOptions, Tunable
from .gate_state import GateState
from .overlap import Overlap
from .transcript import Transcript

__all__ = [
    "Gate",
    "GateEvent",
    "GateEventKind",
    "GateOptions",
    "GateState",
    "Overlap",
    "Transcript",
    "Tunable",
    "probability_of",
]

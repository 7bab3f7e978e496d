"""What the gate reports to its caller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class GateState(StrEnum):
    """What the gate does with the user's sound at this moment."""

    IDLE = "idle"
    """Nobody but the agent, or nobody at all, speaks."""
    PASSING = "passing"
    """The user has the floor: everything passes."""
    HOLDING = "holding"
    """The user speaks over the agent: held back until the evidence decides."""
    PENDING = "pending"
    """Held speech has ended, and its transcript or the agent's end may still decide."""
    FAILED = "failed"
    """A part failed: the gate is transparent for the rest of the stream."""


class GateEventKind(StrEnum):
    """What happened to an overlap."""

    HOLD = "hold"
    """Speech began while the agent speaks: it is held back until the evidence decides."""
    CONFIRM = "confirm"
    """It is an interruption: the agent should stop."""
    CANCEL = "cancel"
    """It was a backchannel or a noise: the agent never noticed, and its words are dropped."""
    RELEASE = "release"
    """The agent finished first: the user has the floor, and everything held is handed on."""


@dataclass(frozen=True, slots=True)
class GateEvent:
    """One decision about one overlap. Every hold is followed by exactly one other kind with the same `overlap`."""

    kind: GateEventKind
    """hold, confirm, cancel or release."""
    overlap: int
    """Number of the overlap in this stream, from 1."""
    onset: float
    """Stream time of the overlap's first speech frame, in seconds."""
    time: float
    """Stream time of the decision, in seconds."""
    speech_duration: float
    """From the onset to the end of the last speech frame so far, in seconds."""
    reason: str
    """Why. hold: `speech`, `late_transcript`; confirm: `evidence`, `phrase` (in the transcript), `heard_phrase` (on the
    device), `max_hold`, `continued` (with what follows it); cancel: `evidence`, `ignore_phrase`, `stream_end`; release:
    `agent_stopped`, `failure`."""
    probability: float
    """P(interruption | what was seen), 0 to 1."""
    evidence: Mapping[str, float]
    """Each source's share in nats; `prior` included. They add up to the log-odds of `probability`."""
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What a source says beside its number, by its name: why `level` has no say, where it has none."""
    transcript: str = ""
    """What speech-to-text has delivered of this overlap by then; empty where it has delivered nothing."""
    recognised: str = ""
    """What the on-device listener recognised, a guess that is often wrong; empty where it recognised nothing."""

    @property
    def text(self) -> str:
        """What was said, as far as it is known: the transcript where there is one, else the recognised text."""
        return self.transcript or self.recognised

    @property
    def latency(self) -> float:
        """From the onset to the decision, in seconds."""
        return self.time - self.onset

    def to_dict(self) -> dict[str, Any]:
        """The event as JSON-ready values, times rounded to a millisecond, evidence to a thousandth of a nat."""
        return {
            "kind": self.kind.value,
            "overlap": self.overlap,
            "onset": round(self.onset, 3),
            "time": round(self.time, 3),
            "latency": round(self.latency, 3),
            "speech_duration": round(self.speech_duration, 3),
            "reason": self.reason,
            "probability": round(self.probability, 4),
            "evidence": {name: round(nats, 3) for name, nats in self.evidence.items()},
            "notes": dict(self.notes),
            "transcript": self.transcript,
            "recognised": self.recognised,
        }


def probability_of(nats: float) -> float:
    """The probability whose log-odds are `nats`."""
    if nats >= 0.0:
        return 1.0 / (1.0 + math.exp(-nats))
    odds = math.exp(nats)
    return odds / (1.0 + odds)

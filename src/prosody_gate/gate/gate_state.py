"""Where the gate stands."""

from __future__ import annotations

from enum import Enum


class GateState(str, Enum):
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

    def __str__(self) -> str:
        return self.value

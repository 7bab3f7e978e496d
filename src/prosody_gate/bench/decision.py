"""What one system decided about one overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Decision:
    """One system's decision, in seconds of the stream."""

    onset: float
    """Onset of the overlap that it is about."""
    time: float
    """When it was made."""
    confirm: bool
    """Whether it stops the agent."""
    reason: str = ""
    """Why, where the system can tell."""
    probability: float | None = None
    """P(interruption), where the system has one."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share in nats, where the system has any."""
    text: str = ""
    """What was said, as far as the system knew."""
    held: float | None = None
    """When it was first held, where the system holds."""
    cancel: bool = False
    """Whether it lets the agent talk on for good; neither of the two where the agent ended first."""

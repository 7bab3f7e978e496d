"""What all systems made of one labelled event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What one system made of one event. Times are seconds from the event's onset."""

    confirmed: float | None = None
    """When the agent was stopped; None when it was not."""
    decided: float | None = None
    """When the last word was spoken, confirm or cancel; None where there was none."""
    held: float | None = None
    """When it was first held; None for systems that do not hold."""
    reason: str = ""
    """Why, of the decision that counts."""
    probability: float | None = None
    """P(interruption) at that decision."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share at that decision, in nats."""
    text: str = ""
    """What was said, as far as the system knew."""

    @property
    def decided_through(self) -> str:
        """What tipped the scales: the source with the largest share, or the reason where it was no evidence."""
        shares = {name: nats for name, nats in self.evidence.items() if name != "prior" and nats > 0.0}
        if self.reason != "evidence" or not shares:
            return self.reason
        return max(shares, key=lambda name: shares[name])


@dataclass(frozen=True)
class Outcome:
    """One labelled event with every system's verdict."""

    name: str
    """Which event."""
    line: int
    """Its line in the manifest."""
    label: str
    """What it is."""
    set: str
    """The part of the collection it belongs to."""
    onset: float | None
    """The VAD's first speech frame in it, in seconds of the stream; None when it found no speech."""
    verdicts: Mapping[str, Verdict]
    """By system; a system that cannot judge the event is left out."""
    sweep: Mapping[float, Verdict] = field(default_factory=dict)
    """The gate's verdict by sensitivity."""
    agent_left: float | None = None
    """Seconds from the onset to the end of what the agent said; None where it spoke on."""

    def to_dict(self, system: str) -> dict[str, Any]:
        """The event and one system's verdict as JSON-ready values."""
        verdict = self.verdicts[system]
        return {
            "name": self.name,
            "line": self.line,
            "label": self.label,
            "set": self.set,
            "onset": _rounded(self.onset),
            "confirmed": _rounded(verdict.confirmed),
            "decided": _rounded(verdict.decided),
            "reason": verdict.reason,
            "probability": None if verdict.probability is None else round(verdict.probability, 4),
            "evidence": {name: round(nats, 3) for name, nats in verdict.evidence.items()},
            "text": verdict.text,
        }


@dataclass(frozen=True)
class ItemOutcome:
    """All that came of one item."""

    line: int
    """Its line in the manifest."""
    outcomes: tuple[Outcome, ...]
    """One a labelled event."""
    agent_speech: float = 0.0
    """Seconds for which the agent spoke, in calls."""
    outside: int = 0
    """Labelled events while the agent was silent, in calls: not scored."""
    unlabelled: Mapping[str, int] = field(default_factory=dict)
    """Confirmed overlaps that nobody labelled, by system, in calls."""


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

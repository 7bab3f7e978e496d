"""What all systems decided about one labelled event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..replay import Span


@dataclass(frozen=True)
class Decision:
    """One system's decision about one overlap, in seconds of the stream."""

    onset: float
    """Onset of the overlap."""
    time: float
    """When it was made."""
    confirm: bool
    """Whether it stops the agent."""
    reason: str = ""
    """Why, where the system says so."""
    probability: float | None = None
    """P(interruption), where the system has one."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share in nats, where the system has any."""
    transcript: str = ""
    """What speech-to-text had delivered of it by then."""
    recognised: str = ""
    """What the on-device listener had recognised by then."""
    held: float | None = None
    """When it was first held, where the system holds."""
    cancel: bool = False
    """Whether it lets the agent talk on for good; neither of the two where the agent ended first."""


@dataclass(frozen=True)
class Verdict:
    """What one system decided about one event. Times are seconds from the event's onset."""

    confirmed: float | None = None
    """When the agent was stopped; None when it was not."""
    decided: float | None = None
    """When it was confirmed or cancelled; None where it was neither."""
    held: float | None = None
    """When it was first held; None for systems that do not hold."""
    reason: str = ""
    """Why, of the decision that counts."""
    probability: float | None = None
    """P(interruption) at that decision."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share at that decision, in nats."""
    transcript: str = ""
    """What speech-to-text had delivered by then."""
    recognised: str = ""
    """What the on-device listener had recognised by then."""

    @property
    def decided_through(self) -> str:
        """What tipped the scales: the source with the largest share, or the reason where it was no evidence."""
        shares = {name: nats for name, nats in self.evidence.items() if name != "prior" and nats > 0.0}
        if self.reason != "evidence" or not shares:
            return self.reason
        return max(shares, key=lambda name: shares[name])


def verdict_of(decisions: Sequence[Decision], onset: float | None) -> Verdict:
    """Sum up one system's decisions about the overlaps of one event.

    The first confirm counts; without one the event is decided when the last of its overlaps is cancelled.

    Args:
        decisions: In stream order.
        onset: Of the first overlap; None when there was none.
    """
    if onset is None or not decisions:
        return Verdict()
    holds = [one.held for one in decisions if one.held is not None]
    confirms = [one for one in decisions if one.confirm]
    counts = min(confirms, key=lambda one: one.time) if confirms else max(decisions, key=lambda one: one.time)
    return Verdict(
        confirmed=counts.time - onset if counts.confirm else None,
        decided=counts.time - onset if counts.confirm or counts.cancel else None,
        held=min(holds) - onset if holds else None,
        reason=counts.reason,
        probability=counts.probability,
        evidence=counts.evidence,
        transcript=counts.transcript,
        recognised=counts.recognised,
    )


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
    """By system; a system that cannot decide about the event is left out."""
    sweep: Mapping[float, Verdict] = field(default_factory=dict)
    """The gate's verdict by sensitivity."""
    agent_left: float | None = None
    """Seconds from the onset to the end of what the agent said; None where it spoke on."""
    labelled: Span | None = None
    """Where its label lies, in seconds of a call; None elsewhere."""
    kind: str = ""
    """What kind of sound it is, in the manifest's own words; empty where it says nothing."""

    def to_dict(self, system: str) -> dict[str, Any]:
        """The event and one system's verdict as JSON-ready values."""
        verdict = self.verdicts[system]
        return {
            "name": self.name,
            "line": self.line,
            "label": self.label,
            "set": self.set,
            "kind": self.kind,
            "onset": _rounded(self.onset),
            "confirmed": _rounded(verdict.confirmed),
            "decided": _rounded(verdict.decided),
            "reason": verdict.reason,
            "probability": None if verdict.probability is None else round(verdict.probability, 4),
            "evidence": {name: round(nats, 3) for name, nats in verdict.evidence.items()},
            "transcript": verdict.transcript,
            "recognised": verdict.recognised,
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

"""Counts of what was decided, which can be added up over parts of the recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Final

from ..bench import IN_TIME
from ..errors import OptionError
from .material import TuningEvent

WITHIN_LIMITS: Final = 0.02
"""How much of its weight an error still has within its limit: of two that keep both limits equally fast, the one that
errs less is better."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """At most so many false interruptions, at least so many caught, and then the smallest latency.

    The cost is the mean confirm latency in seconds, and more for what lies beyond a limit. It is a sum, not a
    hard limit, so that a search finds its way back from far outside.
    """

    max_false: float = 0.02
    """Share of false interruptions that is allowed, 0 to 1."""
    min_caught: float = 0.99
    """Share of interruptions that must be caught within 3 s, 0 to 1."""
    false_weight: float = 50.0
    """Seconds of latency that a share of 1 beyond `max_false` weighs: 50 is half a second for each 1 %."""
    missed_weight: float = 50.0
    """The same for interruptions missed beyond what `min_caught` allows."""
    latency_weight: float = 1.0
    """Weight of a second of latency."""
    margin: float = 0.5
    """Evidence (nats) by which the threshold is moved against each limit before errors are counted. A few hundred
    recordings hold few that come close to it; options that only just pass them all would fail on the next."""

    def __post_init__(self) -> None:
        for name in ("max_false", "min_caught"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"--{_dashed(name)}: expected a share from 0 to 1, got {getattr(self, name):g}")
        if not 0.0 <= self.margin <= 3.0:
            raise OptionError(f"--margin: expected nats from 0 to 3, got {self.margin:g}")
        for name in ("false_weight", "missed_weight", "latency_weight"):
            if not 0.0 <= getattr(self, name) <= 1e6:
                raise OptionError(
                    f"--{_dashed(name)}: expected a number from 0 to 1000000, got {getattr(self, name):g}"
                )

    def cost(self, tally: Tally) -> float:
        """What these decisions cost, in seconds; less is better."""
        return (
            self.latency_weight * tally.mean_latency
            + self.false_weight * _excess(tally.false_share, self.max_false)
            + self.missed_weight * _excess(1.0 - tally.recall, 1.0 - self.min_caught)
        )

    @property
    def sentence(self) -> str:
        """The aim in words."""
        return (
            f"at most {100.0 * self.max_false:g} % false interruptions, at least {100.0 * self.min_caught:g} % caught, "
            "then the smallest latency"
        )


def _excess(share: float, allowed: float) -> float:
    """What of a share lies beyond the allowed, and a little of the rest."""
    return max(share - allowed, 0.0) + WITHIN_LIMITS * min(share, allowed)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


@dataclass(frozen=True)
class Confirms:
    """When one event was confirmed: seconds from its onset, None where it was not."""

    at: float | None
    """Under the options themselves."""
    eager: float | None
    """With the threshold of the evidence a margin lower."""
    slow: float | None
    """With it a margin higher."""


@dataclass(frozen=True)
class Tally:
    """What an objective needs to know."""

    interruptions: int = 0
    """Events that are to be confirmed."""
    caught: int = 0
    """Of these, confirmed within 3 s of the onset, even with the threshold a margin higher."""
    timed: int = 0
    """Of these, confirmed within 3 s under the options themselves."""
    latency: float = 0.0
    """Sum of the latencies of those timed, in seconds."""
    others: int = 0
    """Events that are not to be confirmed. What nobody labelled is not among them: it may be either."""
    false: int = 0
    """Of these, confirmed with the threshold a margin lower."""

    @classmethod
    def of(cls, events: Iterable[tuple[TuningEvent, Confirms]]) -> Tally:
        """Count events."""
        interruptions = caught = others = false = 0
        latencies = []
        for event, confirms in events:
            if event.is_interruption:
                interruptions += 1
                caught += _in_time(confirms.slow)
                if confirms.at is not None and _in_time(confirms.at):
                    latencies.append(confirms.at)
            else:
                others += 1
                false += confirms.eager is not None
        # Exact whatever the order, which is another with another number of processes.
        latency = math.fsum(latencies)
        return cls(interruptions, caught, len(latencies), latency, others, false)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.interruptions + other.interruptions,
            self.caught + other.caught,
            self.timed + other.timed,
            self.latency + other.latency,
            self.others + other.others,
            self.false + other.false,
        )

    @property
    def recall(self) -> float:
        """Share of the interruptions caught."""
        return self.caught / self.interruptions if self.interruptions else 1.0

    @property
    def false_share(self) -> float:
        """Share of the others confirmed."""
        return self.false / self.others if self.others else 0.0

    @property
    def mean_latency(self) -> float:
        """Of those timed, in seconds; where none was, the longest there is."""
        return self.latency / self.timed if self.timed else IN_TIME

    def to_list(self) -> list[float]:
        """As JSON keeps it."""
        return [*astuple(self)]

    @classmethod
    def from_list(cls, values: Sequence[float]) -> Tally:
        """From what `to_list` gave."""
        interruptions, caught, timed, latency, others, false = values
        return cls(int(interruptions), int(caught), int(timed), float(latency), int(others), int(false))


def _in_time(confirmed: float | None) -> bool:
    return confirmed is not None and confirmed <= IN_TIME + 1e-9


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    return sum(tallies, Tally())

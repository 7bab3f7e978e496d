"""Counts of what was decided, which can be added up over parts of the recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from ..bench.system_score import IN_TIME
from .tuning_event import TuningEvent


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

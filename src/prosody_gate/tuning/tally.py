"""Counts of what was decided, which can be added up over parts of the recordings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from ..bench.system_score import IN_TIME
from .tuning_event import TuningEvent


@dataclass(frozen=True)
class Tally:
    """What an objective needs to know."""

    interruptions: int = 0
    """Events that are to be confirmed."""
    caught: int = 0
    """Of these, confirmed within 3 s of the onset."""
    latency: float = 0.0
    """Sum of the latencies of those caught, in seconds."""
    others: int = 0
    """Events that are not to be confirmed, confirmed overlaps that nobody labelled included."""
    false: int = 0
    """Of these, confirmed."""

    @classmethod
    def of(cls, events: Iterable[tuple[TuningEvent, float | None]], strangers: int = 0) -> Tally:
        """Count events with the latency of their confirm, and confirmed overlaps that nobody labelled."""
        interruptions = others = false = 0
        latencies = []
        for event, confirmed in events:
            if event.is_interruption:
                interruptions += 1
                if confirmed is not None and confirmed <= IN_TIME + 1e-9:
                    latencies.append(confirmed)
            else:
                others += 1
                false += confirmed is not None
        # Exact whatever the order, which is another with another number of processes.
        latency = math.fsum(latencies)
        return cls(interruptions, len(latencies), latency, others + strangers, false + strangers)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.interruptions + other.interruptions,
            self.caught + other.caught,
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
        """Of those caught, in seconds; where none was, the longest there is."""
        return self.latency / self.caught if self.caught else IN_TIME

    def to_list(self) -> list[float]:
        """As JSON keeps it."""
        return [*astuple(self)]

    @classmethod
    def from_list(cls, values: Sequence[float]) -> Tally:
        """From what `to_list` gave."""
        interruptions, caught, latency, others, false = values
        return cls(int(interruptions), int(caught), float(latency), int(others), int(false))


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    return sum(tallies, Tally())

"""What a search aims for, in the user's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import OptionError
from .tally import Tally

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

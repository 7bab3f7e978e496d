"""Figures with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Z: Final = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

RESAMPLES: Final = 1_000
SEED: Final = 20_240
BATCH: Final = 2_000_000
"""Values resampled at a time, to bound memory."""


@dataclass(frozen=True)
class Share:
    """A count of a count, with Wilson's score interval (Wilson 1927)."""

    count: int
    """How many did."""
    of: int
    """Of how many."""

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % interval; None of nothing."""
        if not self.of:
            return None
        share, n = self.count / self.of, self.of
        middle = share + Z * Z / (2.0 * n)
        reach = Z * math.sqrt(share * (1.0 - share) / n + Z * Z / (4.0 * n * n))
        scale = 1.0 + Z * Z / n
        return max((middle - reach) / scale, 0.0), min((middle + reach) / scale, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values, shares rounded to four places."""
        interval = self.interval
        return {
            "count": self.count,
            "of": self.of,
            "share": None if self.value is None else round(self.value, 4),
            "interval": None if interval is None else [round(bound, 4) for bound in interval],
        }


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready values, rounded to four places."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


Statistic = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def bootstrap(values: Sequence[float], statistic: Statistic) -> tuple[Estimate, ...]:
    """Figures of a sample with percentile bootstrap intervals (Efron 1979), the same every time.

    Args:
        values: At least one.
        statistic: Takes samples of shape [resamples, n] and gives figures of shape [figures, resamples].

    Returns:
        One estimate a figure.
    """
    sample = np.sort(np.asarray(values, np.float64))
    rng = np.random.default_rng((SEED, len(sample)))
    drawn: list[npt.NDArray[np.float64]] = []
    left = RESAMPLES
    while left:
        rows = min(left, max(1, BATCH // len(sample)))
        drawn.append(statistic(sample[rng.integers(len(sample), size=(rows, len(sample)))]))
        left -= rows
    bounds = np.percentile(np.concatenate(drawn, axis=1), (2.5, 97.5), axis=1)
    figures = statistic(sample[np.newaxis])[:, 0]
    return tuple(
        Estimate(float(figure), float(low), float(high))
        for figure, low, high in zip(figures, bounds[0], bounds[1], strict=True)
    )


def bootstrap_mean(values: Sequence[float]) -> Estimate | None:
    """The mean with its interval; None of nothing."""
    if not values:
        return None
    return bootstrap(values, lambda samples: samples.mean(axis=1)[np.newaxis])[0]


def bootstrap_percentiles(values: Sequence[float], percents: Sequence[float]) -> tuple[Estimate, ...]:
    """Percentiles with their intervals; nothing of nothing.

    Args:
        values: In any order.
        percents: 0 to 100.
    """
    if not values:
        return ()
    return bootstrap(values, lambda samples: np.percentile(samples, percents, axis=1))


def rate(count: int, hours: float) -> Estimate | None:
    """Events an hour with Byar's approximation of the Poisson interval (Breslow and Day 1987); None of no time."""
    if hours <= 0.0:
        return None

    def bound(events: float, sign: float) -> float:
        return events * (1.0 - 1.0 / (9.0 * events) + sign * Z / (3.0 * math.sqrt(events))) ** 3

    low = bound(count, -1.0) if count else 0.0
    return Estimate(count / hours, max(low, 0.0) / hours, bound(count + 1.0, 1.0) / hours)

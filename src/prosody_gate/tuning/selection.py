"""Chooses among the options that were tried, and says whether the choice is reliable."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..gate import GateOptions
from .tally import Tally, total

LIKELY: Final = 1.5
"""Standard errors by which options must beat the start to be chosen at all."""

RELIABLE: Final = 3.0
"""Standard errors that the gain on recordings held out must be above: where nothing helps, fewer than one search in ten
with five folds gets there (simulated in tests/tuning/test_tune.py). The folds share most of what their options were
chosen on, so Student's t promises too much."""

LEAST_FOLDS: Final = 3
"""Folds from which such a gain can be distinguished from luck at all."""


@dataclass(frozen=True)
class Candidate:
    """Options that were tried, with what they did in each fold."""

    options: GateOptions
    """All of them."""
    folds: tuple[Tally, ...]
    """One a fold."""


@dataclass(frozen=True)
class Gain:
    """Cost saved, as a mean over folds."""

    value: float
    """In seconds of cost; above 0 is better."""
    error: float
    """Its standard error."""
    folds: int
    """On how many."""

    @classmethod
    def of(cls, saved: Sequence[float]) -> Gain:
        """From what was saved on each fold."""
        error = statistics.stdev(saved) / math.sqrt(len(saved)) if len(saved) > 1 else 0.0
        return cls(statistics.fmean(saved), error, len(saved))

    @property
    def is_likely(self) -> bool:
        """Whether it is worth a try on recordings held out."""
        return self.value > max(LIKELY * self.error, 1e-9)

    @property
    def is_reliable(self) -> bool:
        """Whether it is more than a few lucky recordings."""
        return self.folds >= LEAST_FOLDS and self.value > max(RELIABLE * self.error, 1e-9)


@dataclass(frozen=True)
class TuneResult:
    """What a search found."""

    start: Candidate
    """What it began with."""
    default: Candidate
    """The options that a gate has by itself; the start, where it began with those."""
    best: Candidate
    """The best over all recordings: what to use."""
    held_out: tuple[Candidate, ...]
    """For each fold, the best over all others: its own fold says what to expect on new recordings."""
    trials: int
    """Options tried, those of earlier runs of the study included."""
    stopped_early: bool
    """Whether the search ended because nothing got better."""
    importance: Mapping[str, float]
    """Share of the differences between trials that each option explains, the largest first; empty after too few."""

    gain: Gain
    """On each fold, what the options chosen without it save over the start."""

    gain_over_default: Gain
    """The same over the options that a gate has by itself, on the same microphone."""

    @property
    def is_better(self) -> bool:
        """Whether other options than those of the start are reliably better, than the default too."""
        changed = self.best.options != self.start.options
        return changed and self.gain.is_reliable and self.gain_over_default.is_reliable


def best_of(
    start: Candidate, candidates: Sequence[Candidate], cost: Callable[[Tally], float], folds: Sequence[int]
) -> Candidate:
    """Of the candidates that are likely better than the start on some folds, the best there; else the start itself."""
    at_start = {fold: cost(start.folds[fold]) for fold in folds}
    likely = [
        candidate
        for candidate in candidates
        if Gain.of([at_start[fold] - cost(candidate.folds[fold]) for fold in folds]).is_likely
    ]
    return min([start, *likely], key=lambda candidate: cost(total(candidate.folds[fold] for fold in folds)))


def held_out_gain(before: Candidate, held_out: Sequence[Candidate], cost: Callable[[Tally], float]) -> Gain:
    """What the options chosen without each fold save on it."""
    return Gain.of([cost(before.folds[fold]) - cost(candidate.folds[fold]) for fold, candidate in enumerate(held_out)])

"""Splits recordings for cross-validation, speakers and files kept whole."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..bench import INTERRUPTION


@dataclass(frozen=True)
class TuningEvent:
    """What is fixed about an event, whatever the options."""

    name: str
    """Which event."""
    line: int
    """Its line in the manifest."""
    label: str
    """What it is."""
    set: str
    """The part of the collection it belongs to."""
    group: str
    """Who speaks, or the recording: what cross-validation keeps together."""
    onset: float | None
    """Zero of its latencies, in seconds of the stream: where the starting options, or else the loosest ones, find its
    first speech. It must not move with the options: a later onset would pass for a faster decision."""

    @property
    def is_interruption(self) -> bool:
        """Whether it is to be confirmed."""
        return self.label == INTERRUPTION


MOST_FOLDS: Final = 5


def folds_of(events: Sequence[TuningEvent], *, seed: int, folds: int = MOST_FOLDS) -> Mapping[str, int]:
    """The fold of each group.

    Groups are dealt out, the largest first, to the fold that has the fewest events like theirs, and of such folds to
    the one with the fewest events; a hash decides between equals, so the order of the manifest makes no difference.

    Args:
        events: With the groups they belong to.
        seed: Another seed, another split.
        folds: How many; fewer where there are fewer groups.

    Returns:
        Fold from 0, by group.
    """
    labels: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for event in events:
        labels[event.group][event.is_interruption] += 1
    count = min(folds, len(labels))
    filled = [Counter[bool]() for _ in range(count)]
    chosen = {}
    for group in sorted(labels, key=lambda name: (-labels[name].total(), _hash(name, seed))):
        own = labels[group]
        fold = min(
            range(count),
            key=lambda place: (sum(own[kind] * filled[place][kind] for kind in own), filled[place].total(), place),
        )
        filled[fold] += own
        chosen[group] = fold
    return chosen


def _hash(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

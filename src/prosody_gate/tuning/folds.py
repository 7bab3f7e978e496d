"""Splits recordings for cross-validation, speakers and files kept whole."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from .tuning_event import TuningEvent

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

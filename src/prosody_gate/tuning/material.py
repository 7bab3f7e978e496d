"""Whether there is enough to search on, the labelled events, and their split into folds."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..bench import AMBIGUOUS, INTERRUPTION, Call, Clip, Manifest, WordOverlap
from ..errors import OptionError


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


LEAST_EVENTS: Final = 20
"""Events of each kind (to be confirmed, and not) below which a search would fit these recordings alone."""


def check_material(manifest: Manifest) -> tuple[Clip | Call, ...]:
    """The recordings of a manifest, if there are enough to search on.

    Raises:
        OptionError: They have no audio, are of one kind or speaker only, or too few; says how many are needed.
    """
    items = []
    for item in manifest.items:
        if isinstance(item, WordOverlap):
            raise OptionError(f"{manifest.path}: holds overlaps without audio; expected clips or calls")
        items.append(item)
    events = [
        (item.group, label == INTERRUPTION)
        for item in items
        for label in ([item.label] if isinstance(item, Clip) else [event.label for event in item.events])
        if label != AMBIGUOUS
    ]
    check_counts(events, source=str(manifest.path))
    return tuple(items)


def check_counts(events: Iterable[tuple[str, bool]], *, source: str) -> None:
    """Whether there is enough to search on.

    Args:
        events: Of each, who speaks or the recording, and whether it is an interruption.
        source: Name of the manifest.

    Raises:
        OptionError: There is not; says how many are needed.
    """
    groups: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for group, is_interruption in events:
        groups[is_interruption][group] += 1
    interruptions, others = groups[True].total(), groups[False].total()
    needed = (
        f"expected at least {LEAST_EVENTS} interruptions and {LEAST_EVENTS} other events "
        "(backchannel, nonspeech, noise)"
    )
    if not interruptions and not others:
        raise OptionError(f"{source}: none of its recordings can be used; {needed}")
    if not interruptions or not others:
        only = "interruptions" if interruptions else "events that are not interruptions"
        raise OptionError(f"{source}: holds {only} only ({interruptions + others}); {needed}")
    if min(interruptions, others) < LEAST_EVENTS:
        raise OptionError(f"{source}: has {interruptions} interruptions and {others} other events; {needed}")
    if len(groups[True] | groups[False]) < 2:
        raise OptionError(f"{source}: all of one speaker or recording; expected at least 2, to hold one out")
    for kind, what in ((True, "interruptions"), (False, "events that are not interruptions")):
        if len(groups[kind]) < 2:
            (group,) = groups[kind]
            raise OptionError(
                f"{source}: all {what} are of one speaker or recording ({group}); expected each kind in at least 2, "
                "to hold one out"
            )

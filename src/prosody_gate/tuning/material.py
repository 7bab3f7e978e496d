"""Whether a manifest holds enough to search options on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ..bench import AMBIGUOUS, INTERRUPTION, Call, Clip, Manifest, WordOverlap
from ..errors import OptionError

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

"""Puts labels on as few lines as they need without one covering another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Placed(NamedTuple):
    """Where one label goes."""

    left: float
    """Its left edge, in the unit of the axis."""
    lane: int
    """Its line, from 0."""


def place_labels(
    anchors: Sequence[float], widths: Sequence[float], *, end: float, gap: float, lanes: int
) -> list[Placed | None]:
    """Place each label at its anchor, on the first line that has room there; what comes first has the choice.

    Args:
        anchors: Where the left edge of each label belongs.
        widths: How wide each is, in the same unit.
        end: Right end of the axis: a label that would stick out moves left.
        gap: Least distance of two labels on one line.
        lanes: The most lines to use.

    Returns:
        A place for each label, or None where there was no room.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(lanes)]
    placed: list[Placed | None] = []
    for anchor, width in zip(anchors, widths, strict=True):
        left = max(0.0, min(anchor, end - width))
        right = left + width
        lane = next(
            (
                lane
                for lane, others in enumerate(taken)
                if all(right + gap <= start or left >= stop + gap for start, stop in others)
            ),
            None,
        )
        if lane is not None:
            taken[lane].append((left, right))
        placed.append(None if lane is None else Placed(left, lane))
    return placed

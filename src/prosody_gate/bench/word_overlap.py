"""An annotated overlap without its audio."""

from __future__ import annotations

from dataclasses import dataclass

from ..replay.replay_words import TimedWord


@dataclass(frozen=True)
class WordOverlap:
    """One line of a manifest of overlaps."""

    line: int
    """Its line in the manifest, from 1."""
    name: str
    """Its `id` in the manifest, or else the line."""
    group: str
    """The conversation where known, else the name: the unit of cross-validation."""
    label: str
    """One of `LABELS`."""
    set: str
    """The corpus where known, else `overlaps`."""
    words: tuple[TimedWord, ...]
    """What was said and when, in seconds from the onset."""

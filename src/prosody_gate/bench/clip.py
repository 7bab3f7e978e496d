"""A labelled sound to be put into a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..gate import Transcript


@dataclass(frozen=True)
class Clip:
    """One line of a manifest of clips."""

    line: int
    """Its line in the manifest, from 1."""
    name: str
    """The audio path as the manifest has it, with the cut where there is one; scenes are seeded by it."""
    group: str
    """Who speaks, or the audio path where that is not known: the unit of cross-validation."""
    label: str
    """One of `LABELS`."""
    set: str
    """The part of the collection it belongs to."""
    audio: Path
    """Where the recording is."""
    start: float = 0.0
    """Where in the recording the clip begins, in seconds."""
    end: float | None = None
    """Where it ends, in seconds; None for the recording's end."""
    transcripts: tuple[Transcript, ...] = ()
    """Recorded speech-to-text, in seconds of the recording."""

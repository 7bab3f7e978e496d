"""A labelled sound to be put into a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..gate import Transcript
from .heard import described

UNTIMED: Final = 1.0
"""Seconds by which a transcript without times of its own may come later than usual and still be the clip's."""


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
    transcripts: tuple[Transcript, ...] | None = None
    """Recorded speech-to-text, in seconds of the recording; None where none was recorded."""

    def transcripts_at(self, place: float) -> tuple[Transcript, ...] | None:
        """The transcripts of the clip's own speech, in seconds of a stream in which the clip begins at `place`."""
        if self.transcripts is None:
            return None
        end = math.inf if self.end is None else self.end
        by = place - self.start
        return tuple(
            replace(
                transcript,
                at=transcript.at + by,
                start=None if transcript.start is None else transcript.start + by,
                end=None if transcript.end is None else transcript.end + by,
            )
            for transcript in self.transcripts
            if self.start < described(transcript) < end + (UNTIMED if transcript.end is None else 0.0)
        )

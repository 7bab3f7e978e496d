"""A transcript as speech-to-text delivers it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import TranscriptError


@dataclass(frozen=True, slots=True)
class Transcript:
    """Interim or final text, with its arrival and, where known, the speech it describes. All in stream seconds.

    Raises:
        TranscriptError: A time is no number, or the end is before the start.
    """

    at: float
    """When it arrived."""
    text: str
    """The words; for an interim, all words of the utterance so far."""
    final: bool = False
    """Whether the recogniser will not change it any more."""
    start: float | None = None
    """Start of the speech it describes, where known."""
    end: float | None = None
    """End of the speech it describes, where known."""

    def __post_init__(self) -> None:
        for name in ("at", "start", "end"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise TranscriptError(f"transcript {name}: expected seconds, got {value}")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise TranscriptError(f"transcript end {self.end} s is before its start {self.start} s")

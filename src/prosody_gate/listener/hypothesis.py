"""What the listener believes was said so far, word by word, on the stream's own clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word of a hypothesis."""

    text: str
    """The word as the dictionary spells it, lower case."""

    start: float
    """Stream time at which the word begins, in seconds."""

    end: float
    """Stream time at which the word ends, in seconds; the last word's end moves while it is being spoken."""

    since: float
    """Stream time since which this word has stood, unchanged, at this place of the text, in seconds."""

    score: float
    """How well the word fits the sound: acoustic log-likelihood per 10 ms against the best sound considered,
    in nats; at most 0, about -3 for words that are right."""


STEADY: Final = 0.2
"""Seconds for which words have stood when they are taken as steady."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The newest text of one overlap."""

    text: str
    """The words joined by single spaces, lower case; empty when speech was taken back or none was heard."""

    time: float
    """Stream time of the last sample that was heard for it, in seconds."""

    words: tuple[HeardWord, ...]
    """The words in order, silence and noise left out."""

    def standing(self, time: float) -> float:
        """How long all of its words have stood unchanged at stream time `time`, in seconds."""
        return time - max((word.since for word in self.words), default=time)

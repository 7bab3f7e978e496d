"""What the gate asks of an on-device recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class RecognisedWord:
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


@dataclass(frozen=True, slots=True)
class PhraseLikelihood:
    """One phrase that a listener follows, and how likely it is by the sound so far."""

    text: str
    """The phrase, as it stands in its list."""

    said: float
    """P(it has been said whole), 0 to 1; more may follow it."""

    begun: float
    """P(it has been begun and is not complete), 0 to 1. What has hardly begun may become many phrases."""


LISTENER_LANGUAGE: Final = "en"
"""The language of the built-in listener's recogniser and of its dictionary."""

STEADY: Final = 0.2
"""Seconds for which words have stood when they are taken as steady."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The newest text of one overlap."""

    text: str
    """The words joined by single spaces, lower case; empty where no word is recognised."""

    time: float
    """Stream time of the last sample that it is about, in seconds."""

    words: tuple[RecognisedWord, ...]
    """The words in order, silence and noise left out."""

    sounds: str = ""
    """What was heard, in the International Phonetic Alphabet; empty where the listener hears words only."""

    heard: tuple[float, ...] = ()
    """How clearly each of `lexicon.SOUNDS` was heard, 0 to 1, then for how long each of them, in units of 60 ms; empty
    where the listener hears words only."""

    phrases: tuple[PhraseLikelihood, ...] = ()
    """The likeliest phrases, likeliest first; none where the listener hears words only."""

    nothing: float = 0.0
    """P(no word was said so far: silence or noise), 0 to 1."""

    something_else: float = 0.0
    """P(words were said that are no phrase which is followed), 0 to 1."""

    @property
    def follows_phrases(self) -> bool:
        """Whether it comes from a listener that follows phrases, with their probabilities, not only words."""
        return bool(self.phrases) or self.nothing + self.something_else > 0.0

    def standing(self, time: float) -> float:
        """How long all of its words have stood unchanged at stream time `time`, in seconds."""
        return time - max((word.since for word in self.words), default=time)


class Listener(Protocol):
    """A recogniser that listens to one overlap at a time and says what it has recognised so far.

    One call has one listener. For each overlap: `start`, then `push` for every frame, then `finish`.
    What helps the next overlap (the speaker's mean spectrum, say) may be carried over by `finish`.
    """

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap; one still open is finished first.

        Args:
            pre_roll: Samples from a little before the onset up to the first frame that will be pushed,
                float32 mono in [-1, 1] at 16 kHz; may be empty.
            onset: Stream time of the first speech frame, in seconds.

        Raises:
            ModelError: The recogniser failed.
        """
        ...

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Recognise one frame.

        Args:
            frame: 512 samples that follow the last ones, float32 mono in [-1, 1] at 16 kHz.
            time: Stream time of the frame's last sample, in seconds.

        Returns:
            The newest hypothesis when its text has changed since the last call, otherwise None.

        Raises:
            ModelError: No overlap is open, or the recogniser failed.
        """
        ...

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap.

        Args:
            time: Stream time of the last sample, in seconds.

        Returns:
            The settled text of the overlap, or None when nothing was pushed or no overlap is open.

        Raises:
            ModelError: The recogniser failed.
        """
        ...

    def reset(self) -> None:
        """Drop an open overlap and forget the call: back to the state of a new listener."""
        ...

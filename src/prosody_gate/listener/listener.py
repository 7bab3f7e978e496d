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


LISTENER_LANGUAGE: Final = "en"
"""The one language that the built-in listener knows."""

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
        """Hear one frame.

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

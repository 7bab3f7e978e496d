"""Drives a gate with the times of words alone: overlaps that were annotated, without their audio."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Final, NamedTuple

from ..audio import FRAME_DURATION
from ..gate import Gate, GateEvent, Transcript
from .replay import ALWAYS, drive

LEAD_IN: Final = 1.024
"""Seconds of agent speech before the onset; a whole number of frames."""


class TimedWord(NamedTuple):
    """A word and when it was said, in seconds from the onset of the overlap."""

    text: str
    start: float
    end: float


class WordStream(NamedTuple):
    """What a gate is given of an overlap without audio."""

    probabilities: list[float]
    """Speech probability of each frame: 1 in every frame that lies in a word for the most part, else 0."""
    transcripts: list[Transcript]
    """In the order they arrive."""


def word_stream(words: Sequence[TimedWord], *, interim_lag: float | None = 0.3, tail: float = 2.0) -> WordStream:
    """The stream that annotated words make, with a perfect VAD and a speech-to-text that makes no mistake.

    Each word's interim transcript carries all words so far, with their times, and arrives `interim_lag` after the
    word's end; the last is final. Times count from the start of the lead-in, `LEAD_IN` before the onset.

    Args:
        words: The words in order.
        interim_lag: Seconds from a word's end to its transcript; None for no transcripts at all.
        tail: Seconds of silence after the last word or its transcript.
    """
    end = LEAD_IN + words[-1].end + (interim_lag or 0.0) + tail
    next_word = 0
    probabilities = []
    for index in range(round(end / FRAME_DURATION)):
        middle = (index + 1) * FRAME_DURATION - FRAME_DURATION / 2 - LEAD_IN
        while next_word < len(words) - 1 and words[next_word].end <= middle:
            next_word += 1
        speaking = words[next_word].start <= middle < words[next_word].end
        probabilities.append(1.0 if speaking else 0.0)
    return WordStream(probabilities, [] if interim_lag is None else _transcripts(words, interim_lag))


def replay_words(
    words: Sequence[TimedWord],
    gate: Gate,
    *,
    interim_lag: float | None = 0.3,
    tail: float = 2.0,
) -> list[GateEvent]:
    """Run a gate over one overlap of known words while the agent speaks throughout.

    Args:
        words: The words in order.
        gate: A fresh gate that expects transcripts.
        interim_lag: As for `word_stream`, which makes the stream.
        tail: As for `word_stream`.
    """
    stream = word_stream(words, interim_lag=interim_lag, tail=tail)
    probabilities = iter(stream.probabilities)
    frames = repeat(None, len(stream.probabilities))
    return drive(gate, frames, lambda _: next(probabilities), (ALWAYS,), stream.transcripts, run_out=0.0)


def _transcripts(words: Sequence[TimedWord], lag: float) -> list[Transcript]:
    return [
        Transcript(
            at=LEAD_IN + word.end + lag,
            text=" ".join(said.text for said in words[:count]),
            final=count == len(words),
            start=LEAD_IN + words[0].start,
            end=LEAD_IN + word.end,
        )
        for count, word in enumerate(words, start=1)
    ]

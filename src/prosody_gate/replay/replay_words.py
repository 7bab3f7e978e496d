"""Drives a gate with the times of words alone: overlaps that were annotated, without their audio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..audio import FRAME_DURATION
from ..gate import Gate, GateEvent, Transcript

LEAD_IN: Final = 1.024
"""Seconds of agent speech before the onset; a whole number of frames."""


class TimedWord(NamedTuple):
    """A word and when it was said, in seconds from the onset of the overlap."""

    text: str
    start: float
    end: float


def replay_words(
    words: Sequence[TimedWord],
    gate: Gate,
    *,
    interim_lag: float | None = 0.3,
    tail: float = 2.0,
) -> list[GateEvent]:
    """Run a gate over one overlap of known words while the agent speaks throughout.

    The VAD is taken as perfect: probability 1 in every frame that lies in a word for the most part, else 0. Each
    word's interim transcript carries all words so far, with their times, and arrives `interim_lag` after the word's
    end; the last is final. Event times count from the start of the lead-in, `LEAD_IN` before the onset.

    Args:
        words: The words in order.
        gate: A fresh gate that expects transcripts.
        interim_lag: Seconds from a word's end to its transcript; None for no transcripts at all.
        tail: Seconds of silence after the last word or its transcript.
    """
    events: list[GateEvent] = gate.agent_started(float("-inf"))
    arrivals = [] if interim_lag is None else _transcripts(words, interim_lag)
    end = LEAD_IN + words[-1].end + (interim_lag or 0.0) + tail
    next_word = next_arrival = 0
    for index in range(round(end / FRAME_DURATION)):
        frame_end = (index + 1) * FRAME_DURATION
        middle = frame_end - FRAME_DURATION / 2 - LEAD_IN
        while next_arrival < len(arrivals) and arrivals[next_arrival].at < frame_end:
            events += gate.push_transcript(arrivals[next_arrival])
            next_arrival += 1
        while next_word < len(words) - 1 and words[next_word].end <= middle:
            next_word += 1
        speaking = words[next_word].start <= middle < words[next_word].end
        events += gate.push(None, 1.0 if speaking else 0.0)
    return events + gate.close()


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

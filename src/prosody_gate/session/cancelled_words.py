"""Cuts the words of cancelled speech out of a transcript that covers more than that speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..gate import Gate, GateEventKind, Transcript


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of a transcript with its times on the gate's stream clock, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class RemainingWords:
    """What is left of a transcript without the words of cancelled overlaps."""

    text: str
    """The text without them; spaces and punctuation of the other words as they were."""
    kept: tuple[int, ...]
    """Indices of the words that are left; at least one, and not all."""


def remaining_words(transcript: Transcript, words: Sequence[TimedWord], gate: Gate) -> RemainingWords | None:
    """Find the words of a transcript that do not lie in a cancelled overlap.

    Args:
        transcript: The text, on the gate's clock.
        words: Its words with their times, in order; none where the recogniser gives no times.
        gate: Knows which speech was cancelled.

    Returns:
        What is left, or None where the transcript stays whole: no word was cancelled, all were, or the cancelled words
        have an interrupt phrase, which shows that the times cannot be right.
    """
    cancelled = [_is_cancelled(word, transcript, gate) for word in words]
    if not any(cancelled) or all(cancelled):
        return None
    kept = tuple(index for index, is_cancelled in enumerate(cancelled) if not is_cancelled)
    cut = " ".join(word.text for word, is_cancelled in zip(words, cancelled, strict=True) if is_cancelled)
    if gate.lexicon.match(cut).interrupt is not None:
        return None
    return RemainingWords(_text_of(kept, transcript.text, [word.text for word in words]), kept)


def _is_cancelled(word: TimedWord, transcript: Transcript, gate: Gate) -> bool:
    overlap = gate.overlap_of(Transcript(at=transcript.at, text=word.text, start=word.start, end=word.end))
    if overlap is None or overlap.decision is not GateEventKind.CANCEL:
        return False
    # The first half of a sentence may have been cancelled while its second half was still held: they are one turn.
    about = gate.overlap_of(transcript)
    is_continued = about is not None and about.decision is GateEventKind.CONFIRM and about.previous == overlap.number
    return not is_continued or gate.lexicon.match(overlap.text or word.text).ignore_only


def _text_of(kept: Sequence[int], text: str, words: Sequence[str]) -> str:
    """The part of `text` that the kept words make, each with what stands between it and the next word."""
    begins, at = [], 0
    for word in words:
        at = text.lower().find(word.lower(), at)
        if at < 0:  # the words are not spelled as in the text
            return " ".join(words[index] for index in kept)
        begins.append(at)
        at += len(word)
    ends = [*begins[1:], len(text)]
    return "".join(text[begins[index] : ends[index]] for index in kept).strip()

"""Takes the words of cancelled speech out of a transcript that also describes speech which was let through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from livekit.agents.stt import SpeechEvent
from livekit.agents.types import NOT_GIVEN, TimedString

from ..gate import Gate, GateEventKind, Transcript


def without_cancelled_words(event: SpeechEvent, transcript: Transcript, gate: Gate) -> SpeechEvent:
    """The event without the words that lie in a cancelled overlap; the very event where there are none.

    Needs the words' own times. An event that would be left without words is handed back whole, as is one whose
    cancelled words have an interrupt phrase: then the times cannot be right.

    Args:
        event: With a transcript.
        transcript: Its text and times on the gate's clock.
        gate: Knows which speech was cancelled.
    """
    best = event.alternatives[0] if event.alternatives else None
    if best is None or not best.words or transcript.end is None or not all(_is_timed(word) for word in best.words):
        return event
    shift = transcript.end - best.end_time
    cancelled = [_is_cancelled(word, shift, transcript, gate) for word in best.words]
    if not any(cancelled) or all(cancelled):
        return event
    dropped = " ".join(word for word, is_cancelled in zip(best.words, cancelled, strict=True) if is_cancelled)
    if gate.lexicon.match(dropped).interrupt is not None:
        return event
    kept = [word for word, is_cancelled in zip(best.words, cancelled, strict=True) if not is_cancelled]
    text = _without(best.text, best.words, cancelled)
    times: dict[str, Any] = {"start_time": kept[0].start_time, "end_time": kept[-1].end_time}
    # The other alternatives would bring the words along.
    return replace(event, alternatives=[replace(best, text=text, words=kept, **times)])


def _is_timed(word: TimedString) -> bool:
    return word.start_time is not NOT_GIVEN and word.end_time is not NOT_GIVEN and word.start_time <= word.end_time  # type: ignore[operator]


def _is_cancelled(word: TimedString, shift: float, transcript: Transcript, gate: Gate) -> bool:
    start, end = float(word.start_time) + shift, float(word.end_time) + shift  # type: ignore[arg-type]
    overlap = gate.overlap_of(Transcript(at=transcript.at, text=str(word), start=start, end=end))
    if overlap is None or overlap.decision is not GateEventKind.CANCEL:
        return False
    # The first half of a sentence may have been cancelled while its second half was still held: they are one turn.
    about = gate.overlap_of(transcript)
    continued = about is not None and about.decision is GateEventKind.CONFIRM and about.previous is overlap
    return not continued or gate.lexicon.match(overlap.text or str(word)).ignore_only


def _without(text: str, words: list[TimedString], cancelled: list[bool]) -> str:
    """`text` without some of its words, spaces and punctuation of the others as they are."""
    begins, at = [], 0
    for word in words:
        at = text.lower().find(word.lower(), at)
        if at < 0:  # the words are not spelled as in the text
            return " ".join(word for word, is_cancelled in zip(words, cancelled, strict=True) if not is_cancelled)
        begins.append(at)
        at += len(word)
    ends = [*begins[1:], len(text)]
    parts = zip(begins, ends, cancelled, strict=True)
    return "".join(text[begin:end] for begin, end, is_cancelled in parts if not is_cancelled).strip()

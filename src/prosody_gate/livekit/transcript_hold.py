"""The session layer's transcript hold for LiveKit: what it needs to know of a `SpeechEvent`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from livekit.agents.stt import SpeechEvent, SpeechEventType
from livekit.agents.types import NOT_GIVEN, TimedString

from ..gate import Transcript
from ..session import GateDriver, HeldItem, ItemKind, RemainingWords, TimedWord, TranscriptHold

KINDS: Final = {
    SpeechEventType.START_OF_SPEECH: ItemKind.SPEECH_START,
    SpeechEventType.INTERIM_TRANSCRIPT: ItemKind.TRANSCRIPT,
    SpeechEventType.PREFLIGHT_TRANSCRIPT: ItemKind.TRANSCRIPT,
    SpeechEventType.FINAL_TRANSCRIPT: ItemKind.TRANSCRIPT,
    SpeechEventType.END_OF_SPEECH: ItemKind.SPEECH_END,
}
"""What each event is to the hold; any other (usage) passes at once."""


def speech_event_hold(driver: GateDriver, on_drop: Callable[[SpeechEvent], None]) -> TranscriptHold[SpeechEvent]:
    """The hold of one LiveKit STT.

    Args:
        driver: The session's gate.
        on_drop: Called with each event whose transcript is dropped.
    """
    return TranscriptHold(driver, on_drop=on_drop, cut=with_remaining_words)


def item_of(event: SpeechEvent, transcript: Transcript) -> HeldItem[SpeechEvent]:
    """An event as the hold takes it.

    Args:
        event: As it came.
        transcript: Its text and times on the gate's stream clock; without text where the event has none.
    """
    return HeldItem(event, KINDS.get(event.type, ItemKind.OTHER), transcript, _timed_words(event, transcript))


def with_remaining_words(event: SpeechEvent, remaining: RemainingWords) -> SpeechEvent:
    """The event with fewer words in its first alternative, and no other: those would bring the words back."""
    best = event.alternatives[0]
    assert best.words is not None
    words = [best.words[index] for index in remaining.kept]
    times: dict[str, Any] = {"start_time": words[0].start_time, "end_time": words[-1].end_time}
    return replace(event, alternatives=[replace(best, text=remaining.text, words=words, **times)])


def _timed_words(event: SpeechEvent, transcript: Transcript) -> tuple[TimedWord, ...]:
    """The words of the first alternative on the gate's clock; none where one has no times."""
    best = event.alternatives[0] if event.alternatives else None
    if best is None or not best.words or transcript.end is None or not all(_is_timed(word) for word in best.words):
        return ()
    shift = transcript.end - best.end_time
    return tuple(
        TimedWord(str(word), float(word.start_time) + shift, float(word.end_time) + shift)  # type: ignore[arg-type]
        for word in best.words
    )


def _is_timed(word: TimedString) -> bool:
    return word.start_time is not NOT_GIVEN and word.end_time is not NOT_GIVEN and word.start_time <= word.end_time  # type: ignore[operator]

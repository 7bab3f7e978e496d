"""Keeps the events of speech-to-text back while the gate has not decided about the speech they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from livekit.agents.stt import SpeechEvent, SpeechEventType
from livekit.agents.types import NOT_GIVEN, TimedString

from ..gate import Gate, GateEvent, GateEventKind, OverlapView, Transcript
from ..session import GateDriver


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
    continued = about is not None and about.decision is GateEventKind.CONFIRM and about.previous == overlap.number
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


MAX_HELD: Final = 256
"""Events held at most; with more the oldest goes on, whatever the gate thinks of it."""

FORGOTTEN: Final = 5.0
"""Seconds after a cancelled overlap in which a transcript without times of its own is still taken to be its."""

TEXT_EVENTS: Final = (
    SpeechEventType.INTERIM_TRANSCRIPT,
    SpeechEventType.PREFLIGHT_TRANSCRIPT,
    SpeechEventType.FINAL_TRANSCRIPT,
)


@dataclass(slots=True)
class _Utterance:
    """What lies between a START_OF_SPEECH of the recogniser and its END_OF_SPEECH."""

    start: SpeechEvent | None = None
    told: bool = True
    """Whether the session has its START, or there is none."""


@dataclass(slots=True)
class _Held:
    """An event and the overlap whose fate it shares."""

    event: SpeechEvent
    transcript: Transcript
    overlap: OverlapView
    utterance: _Utterance
    since: float


class TranscriptHold:
    """The event logic of the STT companion: no tasks, no clock of its own.

    A transcript goes the way of its overlap: dropped when that was cancelled, handed on when it was confirmed or
    released, held until then. START and END of speech go with the words between them: the session gets them when it
    gets any of the words, and END only after START. Usage events pass at once. Of a transcript that is handed on, words
    with times of their own that lie in a cancelled overlap are taken out.

    Args:
        driver: The session's gate.
        on_drop: Called for each transcript that is dropped.
    """

    def __init__(self, driver: GateDriver, on_drop: Callable[[SpeechEvent], None]) -> None:
        self._driver = driver
        self._on_drop = on_drop
        self._held: list[_Held] = []
        self._utterance = _Utterance()
        self._now = 0.0

    @property
    def held(self) -> int:
        """How many events are held."""
        return len(self._held)

    @property
    def held_since(self) -> float | None:
        """When the oldest event that is held came, on the clock of `take`; None when none is."""
        return self._held[0].since if self._held else None

    def take(self, event: SpeechEvent, transcript: Transcript, *, now: float) -> list[SpeechEvent]:
        """Take an event of the recogniser; the gate has heard its transcript already.

        Args:
            event: As it came.
            transcript: Its text and times on the gate's stream clock; the text is empty for an event without one.
            now: Seconds on the clock that `overdue` is asked by.

        Returns:
            What the session gets now, in order.
        """
        self._now = now
        if event.type is SpeechEventType.RECOGNITION_USAGE:
            return [event]
        if self._driver.transparent:
            return [*self.let_go(), *self._told(event, self._utterance)]
        if event.type is SpeechEventType.START_OF_SPEECH:
            return self._start(event)
        if event.type is SpeechEventType.END_OF_SPEECH:
            return self._end(event, transcript)
        return self._text(event, transcript)

    def decided(self, events: list[GateEvent]) -> list[SpeechEvent]:
        """Look again at what is held, after a step of the gate that caused `events`."""
        if self._driver.transparent:
            return self.let_go()
        out: list[SpeechEvent] = []
        still: list[_Held] = []
        for held in self._held:
            decision = self._decision_of(held)
            if decision is None:
                still.append(held)
            elif decision is GateEventKind.CANCEL:
                out += self._cancelled(held)
            else:
                out += self._handed_on(held)
        self._held = still
        if any(event.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE) for event in events):
            # After what is older.
            out += self._told_start(self._utterance)
        return out

    def overdue(self, before: float) -> list[SpeechEvent]:
        """Hand on what has been held since before a time (s), but for what says nothing new, which is dropped.

        The gate holds so long while backchannel follows backchannel, or when no audio comes any more.
        """
        out: list[SpeechEvent] = []
        while self._held and self._held[0].since < before:
            held = self._held.pop(0)
            backchannel = self._says_nothing_new(held.transcript.text) or not held.transcript.text.strip()
            if self._decision_of(held) is GateEventKind.CANCEL or (self._decision_of(held) is None and backchannel):
                out += self._cancelled(held)
            else:
                out += self._handed_on(held)
        return out

    def let_go(self) -> list[SpeechEvent]:
        """Hand on all that is held and not cancelled."""
        held, self._held = self._held, []
        out: list[SpeechEvent] = []
        for each in held:
            out += self._cancelled(each) if self._decision_of(each) is GateEventKind.CANCEL else self._handed_on(each)
        return out

    def drop(self) -> None:
        """Forget all that is held: nobody is to hear it."""
        self._held.clear()
        self._utterance = _Utterance()

    def _text(self, event: SpeechEvent, transcript: Transcript) -> list[SpeechEvent]:
        overlap = self._overlap_of(transcript)
        if overlap is None:
            if self._is_stray_backchannel(transcript):
                self._on_drop(event)
                return []
            return self._told(self._cut(event, transcript), self._utterance)
        if overlap.decision is None:
            return self._hold(event, transcript, overlap)
        if overlap.decision is GateEventKind.CANCEL:
            self._on_drop(event)
            return []
        return self._told(self._cut(event, transcript), self._utterance)

    def _decision_of(self, held: _Held) -> GateEventKind | None:
        return self._driver.gate.decision_of(held.overlap.number)

    def _overlap_of(self, transcript: Transcript) -> OverlapView | None:
        overlap = self._driver.gate.overlap_of(transcript)
        if overlap is None or overlap.decision is not GateEventKind.CANCEL or transcript.end is not None:
            return overlap
        return overlap if transcript.at - overlap.speech_end <= FORGOTTEN else None

    def _is_stray_backchannel(self, transcript: Transcript) -> bool:
        """Whether it describes no speech that the gate knows, comes while the agent speaks, and says nothing new."""
        gate = self._driver.gate
        if not gate.agent_speaking or not transcript.text.strip():
            return False
        if gate.overlap_of(transcript) is None and gate.knows(transcript):
            return False
        return self._says_nothing_new(transcript.text)

    def _says_nothing_new(self, text: str) -> bool:
        return self._driver.gate.lexicon.match(text).ignore_only

    def _start(self, event: SpeechEvent) -> list[SpeechEvent]:
        passes = not self._driver.agent_speaking or self._driver.passing
        self._utterance = _Utterance(start=event, told=passes)
        return [event] if passes else []

    def _end(self, event: SpeechEvent, transcript: Transcript) -> list[SpeechEvent]:
        utterance = self._utterance
        waiting = [held.overlap for held in self._held if held.utterance is utterance]
        if waiting:
            out = self._hold(event, transcript, waiting[-1])
        elif utterance.told:
            out = [event]
        else:
            held = self._driver.gate.held_overlap
            out = [] if held is None else self._hold(event, transcript, held)
        self._utterance = _Utterance()
        return out

    def _hold(self, event: SpeechEvent, transcript: Transcript, overlap: OverlapView) -> list[SpeechEvent]:
        self._held.append(_Held(event, transcript, overlap, self._utterance, self._now))
        return [] if len(self._held) <= MAX_HELD else self._handed_on(self._held.pop(0))

    def _cancelled(self, held: _Held) -> list[SpeechEvent]:
        if held.event.type in TEXT_EVENTS:
            self._on_drop(held.event)
            return []
        # The END of an utterance whose START the session has.
        return [held.event] if held.utterance.told and held.utterance.start is not None else []

    def _handed_on(self, held: _Held) -> list[SpeechEvent]:
        return self._told(self._cut(held.event, held.transcript), held.utterance)

    def _cut(self, event: SpeechEvent, transcript: Transcript) -> SpeechEvent:
        return without_cancelled_words(event, transcript, self._driver.gate) if event.type in TEXT_EVENTS else event

    def _told(self, event: SpeechEvent, utterance: _Utterance) -> list[SpeechEvent]:
        return [*self._told_start(utterance), event]

    def _told_start(self, utterance: _Utterance) -> list[SpeechEvent]:
        if utterance.told or utterance.start is None:
            return []
        utterance.told = True
        return [utterance.start]

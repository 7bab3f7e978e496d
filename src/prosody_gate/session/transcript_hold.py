"""Holds the items of a recogniser's stream back while the gate has not decided about the speech they describe.

An *item* is whatever the recogniser sends: a transcript, the start or the end of speech, or something else (usage,
say). The hold knows its kind, its transcript and the times of its words; the rest is the integration's own payload,
which comes out as it went in.

| what comes | gate idle or passing, agent silent | agent speaking |
|---|---|---|
| start of speech | sent | sent if the gate passes the speech, else kept until words of it are sent |
| transcript of speech that was passed, confirmed or released | sent | sent, after the start of its utterance |
| transcript of an undecided overlap | - | held |
| transcript of a cancelled overlap | dropped | dropped |
| transcript of no known speech | sent | sent; dropped where it has nothing but ignore phrases |
| start of speech again, without an end between | sent | kept from the session; the end to come is that of both |
| end of speech | sent | held with the words before it; dropped where its start was never sent |
| confirm, release | - | what is held of the overlap is sent, in order |
| cancel | - | its transcripts are dropped; the end of an utterance whose start was sent is sent |
| the gate is transparent (failed or closed), or may hold nothing | sent, after all that is held | same |
| anything else | sent | sent |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, TypeVar

from ..gate import LATE_TRANSCRIPT, GateEvent, GateEventKind, Transcript
from .cancelled_words import RemainingWords, remaining_words
from .gate_driver import GateDriver

MAX_HELD: Final = 256
"""Items held at most; with more the oldest is sent, whatever the gate decides about it later."""

PATIENCE: Final = 2.0
"""Seconds beyond the longest time the gate may take, after which a held item is given up: sent, or dropped where it is
a backchannel."""

Payload = TypeVar("Payload")


class ItemKind(StrEnum):
    """What an item of a recogniser's stream is."""

    SPEECH_START = "speech_start"
    """The recogniser finds that speech begins."""
    TRANSCRIPT = "transcript"
    """Interim or final text."""
    SPEECH_END = "speech_end"
    """The recogniser finds that speech ends."""
    OTHER = "other"
    """Anything else; never held."""


class DropReason(StrEnum):
    """Why the session does not get a transcript."""

    CANCELLED = "cancelled"
    """Its overlap was cancelled."""
    STRAY = "stray"
    """It is a backchannel over the agent and describes no speech that the gate knows."""
    OVERDUE = "overdue"
    """It is a backchannel that nothing was decided about for too long."""
    CLEARED = "cleared"
    """The session has closed the stream, to clear the user's turn, say, while it was held."""


@dataclass(frozen=True, slots=True)
class HeldItem(Generic[Payload]):
    """One item of a recogniser's stream."""

    payload: Payload
    """What the session gets when the item is sent."""
    kind: ItemKind
    transcript: Transcript
    """Text, words and times on the gate's stream clock; without text where the item has none."""


@dataclass(slots=True)
class _Utterance(Generic[Payload]):
    """What lies between a start of speech and its end, as the recogniser finds them."""

    start: Payload | None = None
    start_sent: bool = True
    """Whether the session has its start, or there is none."""


@dataclass(slots=True)
class _Held(Generic[Payload]):
    """An item and the overlap whose decision it waits for."""

    item: HeldItem[Payload]
    overlap: int
    utterance: _Utterance[Payload]
    since: float


class TranscriptHold(Generic[Payload]):
    """Decides which items of a recogniser's stream the session gets, and when. It has no tasks and no clock of its own.

    A transcript shares the fate of its overlap: dropped when that was cancelled, sent when it was confirmed or
    released, held until then. Start and end of speech go with the words between them: the session gets them when it
    gets any of the words, and an end only after its start. Of a transcript that is sent, words with times of their own
    that lie in a cancelled overlap are cut out.

    Args:
        driver: The session's gate.
        on_drop: Called with each payload whose transcript is dropped, and why.
        cut: Makes the payload of a transcript with fewer words; None where transcripts are sent whole.
    """

    def __init__(
        self,
        driver: GateDriver,
        *,
        on_drop: Callable[[Payload, DropReason], None],
        cut: Callable[[Payload, RemainingWords], Payload] | None = None,
    ) -> None:
        self._driver = driver
        self._on_drop = on_drop
        self._cut = cut
        self._held: list[_Held[Payload]] = []
        self._utterance: _Utterance[Payload] = _Utterance()
        self._now = 0.0

    @property
    def held(self) -> int:
        """How many items are held."""
        return len(self._held)

    @property
    def held_since(self) -> float | None:
        """When the oldest item that is held came, on the clock of `push`; None when none is."""
        return self._held[0].since if self._held else None

    @property
    def longest_hold(self) -> float:
        """How long (s) an item may be held before `release_overdue` should be called."""
        options = self._driver.gate.options
        return options.max_hold + max(options.tail_boundary, options.transcript_timeout) + PATIENCE

    def push(self, item: HeldItem[Payload], *, now: float) -> list[Payload]:
        """Push the next item, after the gate has got its transcript.

        Args:
            item: As it came.
            now: Seconds, on the clock that `release_overdue` is asked by.

        Returns:
            What the session gets now, in order.
        """
        self._now = now
        if item.kind is ItemKind.OTHER:
            return [item.payload]
        if self._driver.lets_all_pass:
            return self._push_through(item)
        if item.kind is ItemKind.SPEECH_START:
            return self._push_start(item)
        if item.kind is ItemKind.SPEECH_END:
            return self._push_end(item)
        return self._push_transcript(item)

    def gate_moved(self, events: list[GateEvent]) -> list[Payload]:
        """Look again at what is held, after a step of the gate that caused `events`; returns what is sent now."""
        if self._driver.transparent:
            return self.release()
        out: list[Payload] = []
        still: list[_Held[Payload]] = []
        for held in self._held:
            decision = self._driver.gate.decision_of(held.overlap)
            if decision is None:
                still.append(held)
            elif decision is GateEventKind.CANCEL:
                out += self._cancelled(held)
            else:
                out += self._sent(held)
        self._held = still
        if any(event.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE) for event in events):
            # After what is older.
            out += self._start_of(self._utterance)
        return out

    def release_overdue(self, before: float) -> list[Payload]:
        """Give up what has been held since before a time (s): backchannels are dropped, all else is sent.

        The gate holds so long while backchannel follows backchannel, or when no audio comes any more.
        """
        out: list[Payload] = []
        while self._held and self._held[0].since < before:
            held = self._held.pop(0)
            text = held.item.transcript.text
            decision = self._driver.gate.decision_of(held.overlap)
            is_backchannel = not text.strip() or self._is_backchannel(text)
            if decision is GateEventKind.CANCEL:
                out += self._cancelled(held)
            elif decision is None and is_backchannel:
                out += self._dropped(held, DropReason.OVERDUE)
            else:
                out += self._sent(held)
        return out

    def release(self) -> list[Payload]:
        """Send all that is held, but for what was cancelled."""
        held, self._held = self._held, []
        out: list[Payload] = []
        for each in held:
            is_cancelled = self._driver.gate.decision_of(each.overlap) is GateEventKind.CANCEL
            out += self._cancelled(each) if is_cancelled else self._sent(each)
        return out

    def clear(self) -> None:
        """Forget all that is held: nobody gets it."""
        for held in self._held:
            self._dropped(held, DropReason.CLEARED)
        self._held.clear()
        self._utterance = _Utterance()

    def _push_through(self, item: HeldItem[Payload]) -> list[Payload]:
        out = [*self.release(), *self._with_start(item.payload, self._utterance)]
        if item.kind is ItemKind.SPEECH_START:
            self._utterance = _Utterance(start=item.payload)
        elif item.kind is ItemKind.SPEECH_END:
            self._utterance = _Utterance()
        return out

    def _push_start(self, item: HeldItem[Payload]) -> list[Payload]:
        passes = self._driver.passing or not (self._driver.agent_speaking or self._driver.undecided)
        if self._utterance.start is not None and self._utterance.start_sent:
            # The recogniser has begun anew, without an end (a new connection): the one to come is that of both.
            return [item.payload] if passes else []
        self._utterance = _Utterance(start=item.payload, start_sent=passes)
        return [item.payload] if passes else []

    def _push_transcript(self, item: HeldItem[Payload]) -> list[Payload]:
        overlap = self._driver.gate.overlap_of(item.transcript)
        if overlap is None:
            if self._is_stray_backchannel(item.transcript):
                self._on_drop(item.payload, DropReason.STRAY)
                return []
            return self._with_start(self._without_cancelled_words(item), self._utterance)
        if overlap.decision is None:
            return self._hold(item, overlap.number)
        if overlap.decision is GateEventKind.CANCEL and self._is_dropped(item.transcript, overlap.speech_end):
            self._on_drop(item.payload, DropReason.CANCELLED)
            return []
        return self._with_start(self._without_cancelled_words(item), self._utterance)

    def _push_end(self, item: HeldItem[Payload]) -> list[Payload]:
        utterance = self._utterance
        waiting = [held.overlap for held in self._held if held.utterance is utterance]
        if waiting:
            out = self._hold(item, waiting[-1])
        elif utterance.start_sent:
            out = [item.payload]
        else:
            undecided = self._driver.gate.held_overlap
            out = [] if undecided is None else self._hold(item, undecided.number)
        self._utterance = _Utterance()
        return out

    def _says_more(self, transcript: Transcript) -> bool:
        """Whether a transcript that is taken for a cancelled overlap's says more than that it was one."""
        gate = self._driver.gate
        return gate.lexicon.match(transcript.text).interrupt is not None or gate.covers_let_through(transcript)

    def _is_dropped(self, transcript: Transcript, speech_end: float) -> bool:
        """Whether a transcript that comes after the cancel of its overlap, which ended at `speech_end` (s), is dropped.

        Not where it may be more than that: missed words are worse than a backchannel that comes through.
        """
        gate = self._driver.gate
        if not transcript.text.strip():
            return True
        if self._says_more(transcript):
            return False
        is_late = transcript.at - speech_end > LATE_TRANSCRIPT
        if self._is_backchannel(transcript.text):
            return gate.agent_speaking or transcript.end is not None or not is_late
        # Other words may be an answer too soft for the VAD, which by its arrival is taken for the overlap's.
        is_answer = transcript.final and not gate.agent_speaking
        return not is_answer and not is_late

    def _is_stray_backchannel(self, transcript: Transcript) -> bool:
        """Whether it describes no speech that the gate knows, comes while the agent speaks, and is a backchannel."""
        gate = self._driver.gate
        if not gate.agent_speaking or not transcript.text.strip():
            return False
        if gate.overlap_of(transcript) is None and gate.knows(transcript):
            return False
        return self._is_backchannel(transcript.text)

    def _is_backchannel(self, text: str) -> bool:
        return self._driver.gate.lexicon.match(text).ignore_only

    def _hold(self, item: HeldItem[Payload], overlap: int) -> list[Payload]:
        self._held.append(_Held(item, overlap, self._utterance, self._now))
        return [] if len(self._held) <= MAX_HELD else self._sent(self._held.pop(0))

    def _cancelled(self, held: _Held[Payload]) -> list[Payload]:
        if held.item.kind is ItemKind.TRANSCRIPT and self._says_more(held.item.transcript):
            return self._sent(held)
        return self._dropped(held, DropReason.CANCELLED)

    def _dropped(self, held: _Held[Payload], reason: DropReason) -> list[Payload]:
        if held.item.kind is ItemKind.TRANSCRIPT:
            self._on_drop(held.item.payload, reason)
            return []
        # The end of an utterance whose start the session has.
        return [held.item.payload] if held.utterance.start_sent and held.utterance.start is not None else []

    def _sent(self, held: _Held[Payload]) -> list[Payload]:
        return self._with_start(self._without_cancelled_words(held.item), held.utterance)

    def _without_cancelled_words(self, item: HeldItem[Payload]) -> Payload:
        if self._cut is None or not item.transcript.words:
            return item.payload
        gate = self._driver.gate
        overlap = gate.overlap_of(item.transcript)
        is_cancelled = overlap is not None and overlap.decision is GateEventKind.CANCEL
        covers = is_cancelled and gate.covers_let_through(item.transcript)
        remaining = remaining_words(item.transcript, gate, of_known_speech=covers)
        return item.payload if remaining is None else self._cut(item.payload, remaining)

    def _with_start(self, payload: Payload, utterance: _Utterance[Payload]) -> list[Payload]:
        return [*self._start_of(utterance), payload]

    @staticmethod
    def _start_of(utterance: _Utterance[Payload]) -> list[Payload]:
        """The start of an utterance, where the session does not have it yet."""
        if utterance.start_sent or utterance.start is None:
            return []
        utterance.start_sent = True
        return [utterance.start]

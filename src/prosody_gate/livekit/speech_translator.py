"""Turns a VAD's events and the gate's decisions into the events that the session gets.

A *VAD segment* is what the VAD found, from its START_OF_SPEECH to its END_OF_SPEECH; an *overlap* is what the gate
holds. One segment may have several overlaps in it (the gate ends one after 0.3 s of silence, Silero a segment after
0.55 s), and one overlap may lie in two segments. A segment is *sent* once the session has got its START; only then does
the session get its END.

| what comes | agent silent, or gate passing | agent speaking, gate idle, holding or pending |
|---|---|---|
| inference event | sent as it is | sent, with no speech in it |
| START | sent as it is | kept back |
| END of a sent segment | sent as it is | sent as it is: the session must not wait for ever |
| END of a segment that was not sent | dropped | kept while an overlap is undecided, else dropped |
| confirm, speech goes on | - | START from the true onset; inference events as they are from now on |
| confirm, the gate's speech has ended, not the segment | - | START, an inference event of the whole speech |
| confirm, speech has ended | - | the same, then END |
| confirm, the VAD found no speech | - | the same, END when the gate's speech ends |
| confirm, segment sent already | - | inference events as they are; one of the whole speech if it has ended |
| the silence after a user's turn into which the agent speaks | - | sent, with no speech in it: the turn is over |
| release, speech goes on | - | START from the true onset |
| release, speech has ended | - | START, END |
| cancel | - | nothing; what follows in the segment counts from after the cancelled overlap |
| agent stops, gate never held (too short) | START, late | - |
| agent stops after a cancel in this segment | START when speech comes again | - |
| several overlaps decided at once | - | one START from the first onset, one END after the last |
| flush | segment forgotten, sent or not: the session has ended it by itself | same |
| failure | START, late, then as they are | same |
| the gate is closed | as they are | nothing of the segment that this cancelled; then as they are |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType

from ..gate import GateEvent, GateEventKind
from ..session import GateDriver

SAME_ONSET: Final = 0.05
"""Onsets (s) of VAD and gate this close are the same one, two frames apart at most."""

DEFAULT_PREFIX: Final = 0.5
"""Audio (s) before the onset in a START, for a VAD whose own START was never seen; Silero's default."""


@dataclass(slots=True)
class VadSegment:
    """A stretch of speech as the VAD found it. Times are seconds of the gate's stream."""

    onset: float
    prefix: float
    """Audio before the onset that the VAD's START carries."""
    sent: bool = False
    """Whether the session has got its START."""
    sent_onset: float = 0.0
    """The onset that the session's START has."""
    cancelled_until: float | None = None
    """Where the last cancelled overlap in it ended; None when none was cancelled."""
    end: VADEvent | None = None
    speech_end: float = 0.0


class SpeechTranslator:
    """The event logic of the VAD wrapper. It has no tasks and no clock of its own.

    Args:
        driver: The session's gate.
        audio: Gives the audio between two stream times.
    """

    def __init__(self, driver: GateDriver, audio: Callable[[float, float], list[rtc.AudioFrame]]) -> None:
        self._driver = driver
        self._audio = audio
        self._segment: VadSegment | None = None
        self._kept: list[VadSegment] = []
        self._onset_without_vad: float | None = None
        """Onset of speech that was sent although the VAD found none; None when there is none."""
        self._last: VADEvent | None = None
        self._prefix = DEFAULT_PREFIX

    @property
    def sent(self) -> bool:
        """Whether the session has a START without its END."""
        return self._onset_without_vad is not None or (self._segment is not None and self._segment.sent)

    def translate(self, event: VADEvent, time: float) -> list[VADEvent]:
        """Translate one event of the VAD, after the gate has got its frame.

        Args:
            event: As it came.
            time: Where it lies in the gate's stream, in seconds.

        Returns:
            What the session gets, in order; the very same object where nothing had to be changed.
        """
        if event.type is VADEventType.INFERENCE_DONE:
            self._last = event
            return [self._inference(event, time)]
        if event.type is VADEventType.START_OF_SPEECH:
            return self._start(event, time)
        return self._end(event, time)

    def pass_through(self, event: VADEvent, time: float) -> list[VADEvent]:
        """Send an event as it is, and note that it was sent: the gate does not get the audio of this stream."""
        if event.type is VADEventType.START_OF_SPEECH:
            onset = time - event.speech_duration
            self._segment = VadSegment(onset, self._prefix, sent=True, sent_onset=onset)
        elif event.type is VADEventType.END_OF_SPEECH:
            self._segment = None
        return [event]

    def gate_moved(self, events: list[GateEvent], time: float) -> list[VADEvent]:
        """Act on the gate's decisions, and look whether what was kept back can be sent by now.

        Args:
            events: Of one step of the gate; may be none.
            time: Stream time, in seconds.

        Returns:
            What the session gets, in order.
        """
        for event in events:
            if event.kind is GateEventKind.CANCEL:
                self._mark_cancelled(event)
        let_through = [e for e in events if e.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE)]
        out: list[VADEvent] = []
        if let_through:
            onset = min(event.onset for event in let_through)
            speech_end = max(event.onset + event.speech_duration for event in let_through)
            is_confirmed = any(event.kind is GateEventKind.CONFIRM for event in let_through)
            out = self._send_speech(onset, speech_end, time, interrupt=is_confirmed)
        elif self._segment is not None and not self._segment.sent and self._may_send(self._segment):
            onset = self._segment.onset
            if self._segment.cancelled_until is not None:
                onset = max(self._segment.cancelled_until, self._driver.gate.speech_onset or 0.0)
            out = self._send_speech(onset, time, time, interrupt=False)
        if self._onset_without_vad is not None and not self._driver.passing:
            out.append(self._end_event(self._onset_without_vad, time, time))
            self._onset_without_vad = None
        if not self._driver.undecided:
            self._kept.clear()
        return out

    def flush(self) -> None:
        """The VAD forgets its segment, and no END will come for it."""
        self._segment = None
        self._onset_without_vad = None
        self._kept.clear()

    def _may_send(self, segment: VadSegment) -> bool:
        driver = self._driver
        if self._is_cancelled_by_close(segment):
            return False
        if driver.transparent or driver.passing:
            return True
        return not driver.agent_speaking and segment.cancelled_until is None

    def _is_cancelled_by_close(self, segment: VadSegment) -> bool:
        """Whether the end of the gate cancelled it: then the session never gets it."""
        return self._driver.closed and segment.cancelled_until is not None and not segment.sent

    def _hides_speech(self) -> bool:
        """Whether inference events are sent with no speech in them."""
        driver = self._driver
        if driver.transparent:
            return self._segment is not None and self._is_cancelled_by_close(self._segment)
        if driver.agent_speaking:
            return not driver.passing
        return self._segment is not None and not self._segment.sent

    def _inference(self, event: VADEvent, time: float) -> VADEvent:
        if self._hides_speech():
            if event.speech_duration > 0.0 or event.speaking or event.raw_accumulated_speech > 0.0:
                return replace(event, speech_duration=0.0, speaking=False, raw_accumulated_speech=0.0)
            return event
        segment = self._segment
        if segment is not None and segment.sent and self._has_other_onset(segment):
            return replace(event, speech_duration=max(time - segment.sent_onset, 0.0))
        return event

    def _start(self, event: VADEvent, time: float) -> list[VADEvent]:
        length = sum(frame.duration for frame in event.frames)
        if length:
            self._prefix = max(length - event.speech_duration, 0.0)
        onset = time - event.speech_duration
        self._segment = segment = VadSegment(onset, self._prefix, sent_onset=onset)
        if self._onset_without_vad is not None:
            # The session has the START already.
            segment.sent, segment.sent_onset, self._onset_without_vad = True, self._onset_without_vad, None
            return []
        driver = self._driver
        segment.sent = driver.transparent or driver.passing or not driver.agent_speaking
        return [event] if segment.sent else []

    def _end(self, event: VADEvent, time: float) -> list[VADEvent]:
        segment, self._segment = self._segment, None
        if segment is None:
            # Only after a flush: the END of what was before it.
            return [event] if self._driver.transparent or not self._driver.agent_speaking else []
        if segment.sent:
            if not self._has_other_onset(segment):
                return [event]
            shift = segment.sent_onset - segment.onset
            return [
                replace(
                    event,
                    speech_duration=max(event.speech_duration - shift, 0.0),
                    frames=self._audio(segment.sent_onset - segment.prefix, time) or event.frames,
                )
            ]
        if self._driver.undecided:
            segment.end, segment.speech_end = event, time - event.silence_duration
            self._kept.append(segment)
        return []

    def _mark_cancelled(self, event: GateEvent) -> None:
        """Note in the segments that were not sent where the cancelled overlap ended."""
        end = event.onset + event.speech_duration
        for segment in (*self._kept, self._segment):
            if segment is not None and not segment.sent and segment.onset < end + SAME_ONSET:
                segment.cancelled_until = max(segment.cancelled_until or 0.0, end)

    def _send_speech(self, onset: float, speech_end: float, time: float, *, interrupt: bool) -> list[VADEvent]:
        """The events of the speech since `onset`, which ended at `speech_end` unless a segment is open."""
        if self.sent:
            return [self._interruption(onset, speech_end, time)] if interrupt and not self._driver.passing else []
        kept = [segment for segment in self._kept if segment.speech_end > onset - SAME_ONSET]
        segment = self._segment
        first = kept[0] if kept else segment
        prefix = self._prefix
        if first is not None:
            prefix = first.prefix
            if first.cancelled_until is None:
                onset = min(onset, first.onset)
        start = VADEvent(
            type=VADEventType.START_OF_SPEECH,
            samples_index=0 if self._last is None else self._last.samples_index,
            timestamp=time if self._last is None else self._last.timestamp,
            speech_duration=max(time - onset, 0.0),
            silence_duration=0.0,
            frames=self._audio(onset - prefix, time),
            speaking=True,
        )
        out = [start]
        if kept:
            speech_end = kept[-1].speech_end
        if interrupt and not (segment is not None and self._driver.passing):
            out.append(self._interruption(onset, speech_end, time))
        if segment is not None:
            segment.sent, segment.sent_onset = True, onset
            return out
        if not kept and self._driver.passing:
            self._onset_without_vad = onset
        else:
            out.append(self._end_event(onset, speech_end, time))
        return out

    def _interruption(self, onset: float, speech_end: float, time: float) -> VADEvent:
        """The inference event that stops the agent, where none of the VAD's own is to come that would."""
        silence = max(time - speech_end, 0.0)
        return VADEvent(
            type=VADEventType.INFERENCE_DONE,
            samples_index=0 if self._last is None else self._last.samples_index,
            timestamp=time if self._last is None else self._last.timestamp,
            speech_duration=max(time - onset, 0.0),
            silence_duration=0.0,
            probability=0.0 if self._last is None else self._last.probability,
            speaking=True,
            raw_accumulated_silence=silence,
            raw_accumulated_speech=0.0 if silence else max(time - onset, 0.0),
        )

    def _end_event(self, onset: float, speech_end: float, time: float) -> VADEvent:
        return VADEvent(
            type=VADEventType.END_OF_SPEECH,
            samples_index=0 if self._last is None else self._last.samples_index,
            timestamp=time if self._last is None else self._last.timestamp,
            speech_duration=max(speech_end - onset, 0.0),
            silence_duration=max(time - speech_end, 0.0),
            frames=self._audio(onset - self._prefix, time),
            speaking=False,
        )

    @staticmethod
    def _has_other_onset(segment: VadSegment) -> bool:
        """Whether the session's START has another onset than the VAD's own."""
        return abs(segment.sent_onset - segment.onset) > SAME_ONSET

"""Turns a VAD's events and the gate's decisions into the events that the session gets.

A *segment* is what the VAD found, from its START_OF_SPEECH to its END_OF_SPEECH; an *overlap* is what the gate holds.
One segment may hold several overlaps (the gate ends one after 0.3 s of silence, Silero a segment after 0.55 s), and one
overlap may lie in two segments. A segment is *told* once the session has got its START; only then does it get its END.

| what comes | agent silent, or gate passing | agent speaking, gate idle, holding or pending |
|---|---|---|
| inference event | as it is | no speech in it |
| START | as it is: told | kept back |
| END of a told segment | as it is | as it is: the session must not wait for ever |
| END of an untold segment | swallowed | kept while an overlap is undecided, else swallowed |
| confirm, speech goes on | - | START from the true onset; inference events as they are from now on |
| confirm, the gate's speech has ended, not the segment | - | START, an inference event of the whole speech |
| confirm, speech has ended | - | the same, then END |
| confirm, the VAD heard nothing | - | the same, END when the gate's speech ends |
| confirm, segment told already | - | inference events as they are; one of the whole speech if it has ended |
| the silence after a user's turn into which the agent speaks | - | no speech in it: the turn is over |
| release, speech goes on | - | START from the true onset |
| release, speech has ended | - | START, END |
| cancel | - | nothing; what follows in the segment counts from after it |
| agent stops, gate never held (too short) | START, late | - |
| agent stops after a cancel in this segment | START when speech comes again | - |
| several decided at once | - | one START from the first onset, one END after the last |
| flush | segment forgotten, told or not: the session has ended it by itself | same |
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
class _Segment:
    """A stretch of speech as the VAD found it. Times are seconds of the gate's stream."""

    onset: float
    prefix: float
    """Audio before the onset that the VAD's START carries."""
    told: bool = False
    told_onset: float = 0.0
    spoiled: float | None = None
    """Where the last cancelled overlap in it ended."""
    end: VADEvent | None = None
    speech_end: float = 0.0


class SpeechTranslator:
    """The event logic of the VAD wrapper: no tasks, no clock of its own.

    Args:
        driver: The session's gate.
        audio: Gives the audio between two stream times.
    """

    def __init__(self, driver: GateDriver, audio: Callable[[float, float], list[rtc.AudioFrame]]) -> None:
        self._driver = driver
        self._audio = audio
        self._segment: _Segment | None = None
        self._kept: list[_Segment] = []
        self._alone: float | None = None
        """Onset of speech that was told without the VAD; None when there is none."""
        self._last: VADEvent | None = None
        self._prefix = DEFAULT_PREFIX

    @property
    def told(self) -> bool:
        """Whether the session has a START without its END."""
        return self._alone is not None or (self._segment is not None and self._segment.told)

    def take(self, event: VADEvent, time: float) -> list[VADEvent]:
        """Take one event of the VAD, after the gate had its frame.

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

    def pass_on(self, event: VADEvent, time: float) -> list[VADEvent]:
        """Hand an event on as it is, and remember what was told: the gate does not hear this stream."""
        if event.type is VADEventType.START_OF_SPEECH:
            onset = time - event.speech_duration
            self._segment = _Segment(onset, self._prefix, told=True, told_onset=onset)
        elif event.type is VADEventType.END_OF_SPEECH:
            self._segment = None
        return [event]

    def decided(self, events: list[GateEvent], time: float) -> list[VADEvent]:
        """Take what the gate said, and look whether what was kept back can be told by now.

        Args:
            events: Any, also none.
            time: Stream time, in seconds.

        Returns:
            What the session gets, in order.
        """
        for event in events:
            if event.kind is GateEventKind.CANCEL:
                self._spoil(event)
        through = [e for e in events if e.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE)]
        told: list[VADEvent] = []
        if through:
            onset = min(event.onset for event in through)
            speech_end = max(event.onset + event.speech_duration for event in through)
            confirmed = any(event.kind is GateEventKind.CONFIRM for event in through)
            told = self._tell(onset, speech_end, time, interrupt=confirmed)
        elif self._segment is not None and not self._segment.told and self._may_tell(self._segment):
            onset = self._segment.onset
            if self._segment.spoiled is not None:
                onset = max(self._segment.spoiled, self._driver.gate.speech_onset or 0.0)
            told = self._tell(onset, time, time, interrupt=False)
        if self._alone is not None and not self._driver.passing:
            told.append(self._end_event(self._alone, time, time))
            self._alone = None
        if not self._driver.undecided:
            self._kept.clear()
        return told

    def flush(self) -> None:
        """The VAD forgets its segment, and no END will come for it."""
        self._segment = None
        self._alone = None
        self._kept.clear()

    def _may_tell(self, segment: _Segment) -> bool:
        driver = self._driver
        if self._is_closed_over(segment):
            return False
        if driver.transparent or driver.passing:
            return True
        return not driver.agent_speaking and segment.spoiled is None

    def _is_closed_over(self, segment: _Segment) -> bool:
        """Whether the end of the gate cancelled it: the session never hears of it."""
        return self._driver.closed and segment.spoiled is not None and not segment.told

    def _hides(self) -> bool:
        driver = self._driver
        if driver.transparent:
            return self._segment is not None and self._is_closed_over(self._segment)
        if driver.agent_speaking:
            return not driver.passing
        return self._segment is not None and not self._segment.told

    def _inference(self, event: VADEvent, time: float) -> VADEvent:
        if self._hides():
            if event.speech_duration > 0.0 or event.speaking or event.raw_accumulated_speech > 0.0:
                return replace(event, speech_duration=0.0, speaking=False, raw_accumulated_speech=0.0)
            return event
        segment = self._segment
        if segment is not None and segment.told and self._shifted(segment):
            return replace(event, speech_duration=max(time - segment.told_onset, 0.0))
        return event

    def _start(self, event: VADEvent, time: float) -> list[VADEvent]:
        length = sum(frame.duration for frame in event.frames)
        if length:
            self._prefix = max(length - event.speech_duration, 0.0)
        onset = time - event.speech_duration
        self._segment = segment = _Segment(onset, self._prefix, told_onset=onset)
        if self._alone is not None:
            segment.told, segment.told_onset, self._alone = True, self._alone, None
            return []
        driver = self._driver
        segment.told = driver.transparent or driver.passing or not driver.agent_speaking
        return [event] if segment.told else []

    def _end(self, event: VADEvent, time: float) -> list[VADEvent]:
        segment, self._segment = self._segment, None
        if segment is None:
            # Only after a flush: the END of what was before it.
            return [event] if self._driver.transparent or not self._driver.agent_speaking else []
        if segment.told:
            if not self._shifted(segment):
                return [event]
            shift = segment.told_onset - segment.onset
            return [
                replace(
                    event,
                    speech_duration=max(event.speech_duration - shift, 0.0),
                    frames=self._audio(segment.told_onset - segment.prefix, time) or event.frames,
                )
            ]
        if self._driver.undecided:
            segment.end, segment.speech_end = event, time - event.silence_duration
            self._kept.append(segment)
        return []

    def _spoil(self, event: GateEvent) -> None:
        end = event.onset + event.speech_duration
        for segment in (*self._kept, self._segment):
            if segment is not None and not segment.told and segment.onset < end + SAME_ONSET:
                segment.spoiled = max(segment.spoiled or 0.0, end)

    def _tell(self, onset: float, speech_end: float, time: float, *, interrupt: bool) -> list[VADEvent]:
        """Tell the speech since `onset`, which ended at `speech_end` unless a segment is open."""
        if self.told:
            return [self._interruption(onset, speech_end, time)] if interrupt and not self._driver.passing else []
        kept = [segment for segment in self._kept if segment.speech_end > onset - SAME_ONSET]
        segment = self._segment
        first = kept[0] if kept else segment
        prefix = self._prefix
        if first is not None:
            prefix = first.prefix
            if first.spoiled is None:
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
        told = [start]
        if kept:
            speech_end = kept[-1].speech_end
        if interrupt and not (segment is not None and self._driver.passing):
            told.append(self._interruption(onset, speech_end, time))
        if segment is not None:
            segment.told, segment.told_onset = True, onset
            return told
        if not kept and self._driver.passing:
            self._alone = onset
        else:
            told.append(self._end_event(onset, speech_end, time))
        return told

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
    def _shifted(segment: _Segment) -> bool:
        return abs(segment.told_onset - segment.onset) > SAME_ONSET

"""Holds the VAD's frames back while the gate has not decided about the speech they tell of.

A *VAD segment* is what Pipecat's VAD found, from its start to its stop; an *overlap* is what the gate holds. One may
have several of the other in it. A segment is *sent* once the user aggregator has got its start; only then does it get
the stop.

| what comes | bot silent, or gate passing | bot speaking, gate idle, holding or pending |
|---|---|---|
| start | sent as it is | kept back |
| stop of a sent segment | sent as it is | sent as it is: the turn must not wait for ever |
| stop of a segment that was not sent | dropped | kept while an overlap is undecided, else dropped |
| confirm or release, speech goes on | - | a start as long ago as the onset; the VAD's own stop |
| the same, the VAD has not found the speech | - | a start; the VAD's own late start is dropped, its stop sent |
| the same, and it never finds it | - | a start; a stop when the gate's speech ends |
| the same, speech has ended | - | a start as long ago as the onset, and the VAD's kept stop |
| the same, segment sent already | - | nothing: the user's turn is open |
| cancel | - | nothing; what follows in the segment counts from after the cancelled overlap |
| bot stops, gate never held (too short) | a late start | - |
| failure | a late start, then as they are | same |
| the gate is closed | as they are | nothing of the segment that this cancelled; then as they are |
| the user is muted | as they are; what was kept is dropped | same |
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipecat.audio.vad.vad_analyzer import VAD_STOP_SECS
from pipecat.frames.frames import Frame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame

from ..gate import GateEvent, GateEventKind
from ..session import GateDriver

SAME_ONSET: Final = 0.05
"""Onsets (s) of VAD and gate this close are the same one, two frames apart at most."""

Frames = list[Frame]


@dataclass(slots=True)
class VadSegment:
    """A stretch of speech as Pipecat's VAD found it. Times are seconds of the gate's stream."""

    onset: float
    sent: bool = False
    """Whether the aggregator has got its start."""
    cancelled_until: float | None = None
    """Where the last cancelled overlap in it ended; None when none was cancelled."""
    stop: VADUserStoppedSpeakingFrame | None = None
    speech_end: float = 0.0


class VadFrameHold:
    """Decides which of the VAD's frames go downstream, and when. It has no tasks and no clock of its own.

    Args:
        driver: The session's gate.
    """

    def __init__(self, driver: GateDriver) -> None:
        self._driver = driver
        self._segment: VadSegment | None = None
        self._kept: list[VadSegment] = []
        self._sent_without_vad = False
        """Whether a start was sent for speech that the VAD has not found."""
        self.muted = False
        """Whether the user aggregator takes no notice of the user."""
        self.stop_secs = VAD_STOP_SECS
        """Silence (s) that the VAD waits for before it says that speech has stopped."""

    @property
    def sent(self) -> bool:
        """Whether the aggregator has a start without its stop."""
        return self._sent_without_vad or (self._segment is not None and self._segment.sent)

    @property
    def open(self) -> bool:
        """Whether the VAD found speech that has not ended, or the aggregator waits for a stop."""
        return self._segment is not None or self._sent_without_vad

    def started(self, frame: VADUserStartedSpeakingFrame, *, onset: float) -> Frames:
        """The VAD found speech.

        Args:
            frame: As it would go downstream.
            onset: Where the speech began, in stream seconds.

        Returns:
            What goes downstream now.
        """
        segment = self._segment = VadSegment(onset)
        if self._sent_without_vad:
            segment.sent, self._sent_without_vad = True, False
            return []
        driver = self._driver
        silent = not (driver.agent_speaking or driver.undecided)
        segment.sent = self.muted or driver.transparent or driver.passing or silent
        return [frame] if segment.sent else []

    def stopped(self, frame: VADUserStoppedSpeakingFrame, *, speech_end: float) -> Frames:
        """The VAD found that speech has ended, at `speech_end` (stream seconds); gives what goes downstream now."""
        segment, self._segment = self._segment, None
        if segment is None:
            return []
        if segment.sent:
            return [frame]
        if self._driver.undecided:
            segment.stop, segment.speech_end = frame, speech_end
            self._kept.append(segment)
        return []

    def gate_moved(self, events: Iterable[GateEvent]) -> tuple[Frames, Frames]:
        """Act on the gate's decisions, and look whether what was kept back can be sent by now.

        Args:
            events: Of one step of the gate; may be none.

        Returns:
            What goes downstream before the words that the same step lets through, and what goes after them.
        """
        let_through = []
        for event in events:
            if event.kind is GateEventKind.CANCEL:
                self._mark_cancelled(event)
            elif event.kind is not GateEventKind.HOLD:
                let_through.append(event)
        before: Frames = []
        after: Frames = []
        if self.muted:
            pass
        elif let_through:
            speech_end = max(event.onset + event.speech_duration for event in let_through)
            before, after = self._send_speech(min(event.onset for event in let_through), speech_end)
        elif self._segment is not None and not self._segment.sent and self._may_send(self._segment):
            onset = self._segment.onset
            if self._segment.cancelled_until is not None:
                onset = max(self._segment.cancelled_until, self._driver.gate.speech_onset or 0.0)
            before, after = self._send_speech(onset, self._driver.time)
        if self._sent_without_vad and not self._driver.passing:
            self._sent_without_vad = False
            after.append(self._own_stop(self._driver.gate.options.min_silence_duration))
        if not self._driver.undecided:
            self._kept.clear()
        return before, after

    def forget(self) -> None:
        """Drop what is kept back: the aggregator never gets it."""
        self._kept.clear()
        if self._segment is not None and not self._segment.sent:
            self._segment = None

    def _may_send(self, segment: VadSegment) -> bool:
        driver = self._driver
        if driver.closed and segment.cancelled_until is not None:
            return False
        if driver.transparent or driver.passing:
            return True
        return not driver.agent_speaking and not driver.undecided and segment.cancelled_until is None

    def _mark_cancelled(self, event: GateEvent) -> None:
        """Note in the segments that were not sent where the cancelled overlap ended."""
        end = event.onset + event.speech_duration
        for segment in (*self._kept, self._segment):
            if segment is not None and not segment.sent and segment.onset < end + SAME_ONSET:
                segment.cancelled_until = max(segment.cancelled_until or 0.0, end)

    def _send_speech(self, onset: float, speech_end: float) -> tuple[Frames, Frames]:
        """Start of the speech since `onset`, and its stop where it has ended, at `speech_end` (stream seconds)."""
        if self.sent:
            return [], []
        kept = [segment for segment in self._kept if segment.speech_end > onset - SAME_ONSET]
        segment = self._segment
        first = kept[0] if kept else segment
        if first is not None and first.cancelled_until is None:
            onset = min(onset, first.onset)
        # Smart Turn looks as far back for the speech as the start says.
        start = VADUserStartedSpeakingFrame(start_secs=max(self._driver.time - onset, 0.0), timestamp=time.time())
        if segment is not None:
            segment.sent = True
            return [start], []
        if kept:
            assert kept[-1].stop is not None
            return [start], [kept[-1].stop]
        if self._driver.passing:
            self._sent_without_vad = True
            return [start], []
        return [start], [self._own_stop(self._driver.time - speech_end)]

    def _own_stop(self, silence: float) -> VADUserStoppedSpeakingFrame:
        """A stop as the VAD would have sent it, for speech that ended `silence` seconds ago."""
        said = time.time() - max(silence - self.stop_secs, 0.0)
        return VADUserStoppedSpeakingFrame(stop_secs=self.stop_secs, timestamp=said)

"""Where the transcripts of a LiveKit recogniser lie on the gate's stream clock."""

from __future__ import annotations

import time

from livekit import rtc
from livekit.agents.stt import RecognizeStream, SpeechEvent

from ..gate import Transcript
from ..session import TRANSCRIPT_AHEAD, GateDriver, RecogniserClock


class SttStreamClock:
    """One recogniser stream's clock against the gate's; `RecogniserClock` has the reasoning.

    Args:
        driver: Knows the stream time of the gate.
        inner: The recogniser's stream.
    """

    def __init__(self, driver: GateDriver, inner: RecognizeStream) -> None:
        self._driver = driver
        self._clock = RecogniserClock(driver, offset=lambda: float(inner.start_time_offset))

    def offset_set(self, value: float) -> None:
        """LiveKit set the stream's `start_time_offset`."""
        self._clock.offset_set(value)

    def options_changed(self) -> None:
        """The recogniser got new options or keyterms: it may connect again, and count from 0."""
        self._clock.options_changed()

    def pushed(self, frame: rtc.AudioFrame) -> None:
        """The recogniser gets a frame."""
        self._clock.pushed(frame.duration)

    def stream_time(self, seconds: float) -> float | None:
        """Where the end of a transcript that arrives now lies; None when only its arrival says."""
        return self._clock.stream_time(seconds)

    def transcript(self, event: SpeechEvent, *, final: bool) -> Transcript:
        """The event's first alternative as a transcript on the gate's clock; without text where there is none."""
        now = self._driver.time
        best = event.alternatives[0] if event.alternatives else None
        start = end = None
        if event.speech_end_time is not None:
            # The wall clock wins: through a `StreamAdapter` the recogniser counts from the start of a clip.
            end = now - (time.time() - event.speech_end_time)
        elif best is not None and best.end_time > 0.0:
            end = self.stream_time(best.end_time)
        if end is not None and end > now + TRANSCRIPT_AHEAD:
            end = None
        if end is not None and best is not None and 0.0 < best.start_time <= best.end_time:
            start = end - (best.end_time - best.start_time)
        return Transcript(at=now, text="" if best is None else best.text, final=final, start=start, end=end)

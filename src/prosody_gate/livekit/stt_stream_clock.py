"""Maps a recogniser's own times to the gate's stream clock."""

from __future__ import annotations

import math
import time
from typing import Final

from livekit import rtc
from livekit.agents.stt import RecognizeStream, SpeechEvent

from ..gate import Transcript
from ..session import GateDriver

AHEAD: Final = 0.3
"""Seconds by which a time may lie ahead of the audio. After a reconnect audio that waited is sent in a burst, and
the recogniser's times run ahead of what they describe: then only the arrival counts."""

BEHIND: Final = 5.0
"""Seconds by which the end of a transcript may lie behind its arrival; more, and the clock has begun anew."""

BACKWARDS: Final = 1.0
"""Seconds by which a transcript may end before one that came earlier; more, and the clock has begun anew."""

DRIFT: Final = 0.1
"""Seconds by which recogniser and gate may have got different amounts of audio before they are aligned anew."""


class SttStreamClock:
    """One recogniser stream's clock against the gate's.

    A recogniser counts from the first audio it got on its connection, plus the stream's `start_time_offset`, which
    LiveKit sets. Where a connection's first audio lies is known for the first one alone: LiveKit's own retry adds the
    wall time that went by to the offset, although the audio that waited is sent in a burst, and a plugin that connects
    again by itself (for new options or keyterms, say) leaves it as it is. Then the transcripts' arrival says where it
    lies: the one that came soonest after its end lies as far behind the audio as the soonest one did before.

    Args:
        driver: Knows the stream time of the gate.
        inner: The recogniser's stream.
    """

    def __init__(self, driver: GateDriver, inner: RecognizeStream) -> None:
        self._driver = driver
        self._inner = inner
        self._pushed = 0.0
        self._aligned: float | None = None
        self._offset = 0.0
        self._zero: float | None = 0.0
        """The recogniser's time at the first audio that was pushed; None when that is to be found out."""
        self._estimated = False
        self._doubted: float | None = None
        """The exact zero that one transcript spoke against."""
        self._announced: float | None = None
        self._newest = 0.0
        self._least_lag = math.inf

    def offset_set(self, value: float) -> None:
        """LiveKit set the stream's `start_time_offset`."""
        self._offset = self._zero = value

    def options_changed(self) -> None:
        """The recogniser got new options or keyterms: it may connect again, and count from 0."""
        self._announced = self._pushed

    def pushed(self, frame: rtc.AudioFrame) -> None:
        """The recogniser gets a frame."""
        # The gate's stream may be a frame ahead or behind: both get the same frame one after the other.
        alignment = self._driver.time - self._pushed
        if self._aligned is None or abs(alignment - self._aligned) > DRIFT:
            self._aligned = alignment
        self._pushed += frame.duration

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
        if end is not None and end > now + AHEAD:
            end = None
        if end is not None and best is not None and 0.0 < best.start_time <= best.end_time:
            start = end - (best.end_time - best.start_time)
        return Transcript(at=now, text="" if best is None else best.text, final=final, start=start, end=end)

    def stream_time(self, seconds: float) -> float | None:
        """Where the end of a transcript that arrives now lies; None when only its arrival says."""
        if self._aligned is None:
            return None
        now = self._driver.time
        offset = self._inner.start_time_offset
        if abs(offset - self._offset) > DRIFT:
            self._offset, self._zero, self._doubted = offset, None, None
        if self._announced is not None and seconds - offset <= self._pushed - self._announced:
            # No more than came since then: it has connected again, then or (Deepgram, in mid-speech) a little later.
            self._zero = self._announced = self._doubted = None
        elif self._doubted is not None and -AHEAD <= now - (self._aligned + seconds - self._doubted) <= BEHIND:
            # One transcript was late; the clock is the one it was.
            self._zero, self._doubted, self._estimated = self._doubted, None, False
        elif self._zero is not None:
            end = self._aligned + seconds - self._zero
            if now - end > BEHIND or seconds < self._newest - BACKWARDS:
                if not self._estimated and now - end > BEHIND:
                    self._doubted = self._zero
                self._zero = None
        by_arrival = seconds - (now - self._usual_lag() - self._aligned)
        if self._zero is None:
            self._zero, self._newest, self._estimated = by_arrival, seconds, True
            return None
        if self._estimated:
            self._zero = max(self._zero, by_arrival)
        end = self._aligned + seconds - self._zero
        if end <= now + AHEAD:
            self._newest = max(self._newest, seconds)
            if not self._estimated:
                self._least_lag = min(self._least_lag, max(now - end, 0.0))
        return end

    def _usual_lag(self) -> float:
        return self._least_lag if self._least_lag < math.inf else self._driver.gate.options.transcript_lag

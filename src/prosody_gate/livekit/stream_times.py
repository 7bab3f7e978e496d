"""Maps a recogniser's own times to the gate's stream clock."""

from __future__ import annotations

import time
from typing import Final

from livekit import rtc
from livekit.agents.stt import RecognizeStream, SpeechEvent

from ..gate import Transcript
from .gate_driver import GateDriver

AHEAD: Final = 0.3
"""Seconds by which a time may lie ahead of the audio. After a reconnect audio that waited is sent in a burst, and
the recogniser's times run ahead of what they describe: then only the arrival counts."""

DRIFT: Final = 0.1
"""Seconds by which recogniser and gate may have got different amounts of audio before they are aligned anew."""


class StreamTimes:
    """One recogniser stream's clock against the gate's.

    A recogniser counts from the first audio it got on its connection, plus the stream's `start_time_offset`, which
    LiveKit sets and which grows with each reconnect by the time that went by.

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
        self._created = time.time()
        self._first_audio = 0.0

    def offset_set(self, value: float) -> None:
        """LiveKit set the stream's `start_time_offset`."""
        self._offset = value

    def pushed(self, frame: rtc.AudioFrame) -> None:
        """The recogniser gets a frame."""
        # The gate's stream may be a frame ahead or behind: both get the same frame one after the other.
        alignment = self._driver.time - self._pushed
        if self._aligned is None:
            self._first_audio = time.time() - self._created
        if self._aligned is None or abs(alignment - self._aligned) > DRIFT:
            self._aligned = alignment
        self._pushed += frame.duration

    def transcript(self, event: SpeechEvent, *, final: bool) -> Transcript:
        """The event's first alternative as the gate hears it; without text where there is none."""
        now = self._driver.time
        start = end = None
        text = ""
        if event.alternatives:
            best = event.alternatives[0]
            text = best.text
            if best.end_time > 0.0 and self._aligned is not None:
                end = self._stream_time(best.end_time)
                start = self._stream_time(best.start_time) if 0.0 < best.start_time <= best.end_time else None
        if end is None and event.speech_end_time is not None:
            end = now - (time.time() - event.speech_end_time)
        if end is not None and end > now + AHEAD:
            start = end = None
        return Transcript(at=now, text=text, final=final, start=start, end=end)

    def _stream_time(self, seconds: float) -> float:
        reconnected = self._inner.start_time_offset - self._offset > DRIFT
        # Time from the stream's making to its first audio counts in a reconnect's offset only.
        lead = self._first_audio if reconnected else 0.0
        return (self._aligned or 0.0) + seconds - self._offset - lead

"""Makes the gate's transcripts of a recogniser's frames, on the gate's stream clock."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.stt_service import SegmentedSTTService, STTService

from ..gate import TimedWord, Transcript
from ..session import TRANSCRIPT_AHEAD, GateDriver, RecogniserClock
from .transcript_frames import text_of
from .word_times import COUNT_FROM_FIRST_AUDIO, SERVICES, SpokenTimes, WordTimes, service_of

logger = logging.getLogger("prosody_gate")

REMEMBERED_SEGMENTS: Final = 8
"""Stretches of speech, as the VAD found them, that a segmented service may still have to answer."""

LONGEST_WORK: Final = 10.0
"""Seconds that a segmented service may take for one stretch of speech."""


class TranscriptTimes:
    """Knows when what a recogniser writes was said.

    A streaming service's own word times are used where they can be read. A segmented service gets what the VAD found,
    one stretch after the other, and answers each with one transcript or none: what it writes was said in the newest
    that has ended.

    Args:
        driver: Knows the stream time of the gate.
        times: Reads the times of a frame; None to choose by the service.
    """

    def __init__(self, driver: GateDriver, times: WordTimes | None = None) -> None:
        self._driver = driver
        self._times = times
        self._by_service = times is None
        self._clock = RecogniserClock(driver, is_exact=False)
        self._segments: deque[tuple[float, float]] = deque(maxlen=REMEMBERED_SEGMENTS)
        self._is_segmented = False
        self._warned = False

    def of_service(self, service: STTService | None) -> None:
        """The recogniser before the gate is this one; None for one that cannot be found."""
        name = service_of(service)
        self._is_segmented = isinstance(service, SegmentedSTTService)
        if self._by_service:
            self._times = SERVICES.get(name or "")
        if name in COUNT_FROM_FIRST_AUDIO:
            self._clock = RecogniserClock(self._driver, is_exact=True)

    def pushed(self, seconds: float) -> None:
        """The recogniser got that much audio (s)."""
        self._clock.pushed(seconds)

    def vad_segment(self, start: float, end: float) -> None:
        """The VAD found speech between two stream times, in seconds."""
        self._segments.append((start, end))

    def transcript(self, frame: Frame) -> Transcript:
        """The gate's transcript of a frame that arrives now; without text where it has none."""
        now, text = self._driver.time, text_of(frame)
        final = isinstance(frame, TranscriptionFrame)
        if not text.strip():
            return Transcript(at=now, text="", final=final)
        if self._is_segmented and self._segments and now - self._segments[-1][1] < LONGEST_WORK:
            start, end = self._segments[-1]
            return Transcript(at=now, text=text, final=final, start=start, end=end)
        spoken = self._read(frame)
        if spoken is None:
            self._say_what_it_costs(final)
            return Transcript(at=now, text=text, final=final)
        stream_end = self._clock.stream_time(spoken.end)
        if stream_end is None or stream_end > now + TRANSCRIPT_AHEAD:
            return Transcript(at=now, text=text, final=final)
        shift = stream_end - spoken.end
        words = tuple(TimedWord(word.text, word.start + shift, word.end + shift) for word in spoken.words)
        return Transcript(at=now, text=text, final=final, start=spoken.start + shift, end=stream_end, words=words)

    def _read(self, frame: Frame) -> SpokenTimes | None:
        return None if self._times is None else self._times(frame)

    def _say_what_it_costs(self, final: bool) -> None:
        if self._warned or not final:
            return
        self._warned = True
        logger.warning(
            "the speech-to-text's results carry no times: a transcript that comes late may be taken for the speech "
            "after it; give ProsodyGate times=, or choose a service that reports word times",
            extra={"option": "times"},
        )

"""What the user said and when: the latest speech segments, and which of them a transcript describes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from .overlap import LATE_TRANSCRIPT, Overlap, Transcript

REMEMBERED_SEGMENTS: Final = 16
"""Speech segments that a late transcript can still be matched to."""

UNTRANSCRIBED_LIMIT: Final = 3
"""Speech segments in a row without any transcript after which transcripts are not awaited any more."""

COVERED: Final = 0.1
"""Seconds of a speech segment that a transcript's times must cover to describe it."""

MATCH_TOLERANCE: Final = 0.3
"""How far (s) a recogniser's own times may lie beside the speech that the VAD found."""


@dataclass(slots=True)
class SpeechSegment:
    """A stretch of user speech as the gate's segmenter found it. Times are stream seconds."""

    onset: float
    """Start of its first speech frame."""
    end: float
    """End of its last speech frame so far."""
    overlap: Overlap | None
    """The overlap that it was held as; None where it was passed."""
    transcribed: bool = False
    """Whether a transcript has described it."""


class SpeechHistory:
    """The latest speech segments, held or passed, newest last."""

    def __init__(self) -> None:
        self._segments: deque[SpeechSegment] = deque(maxlen=REMEMBERED_SEGMENTS)
        self._untranscribed = 0

    @property
    def has_transcripts(self) -> bool:
        """Whether transcripts may still be expected: a recogniser that has been silent for long may be dead."""
        return self._untranscribed < UNTRANSCRIBED_LIMIT

    def begin(self, onset: float, end: float, overlap: Overlap | None, *, now: float, timeout: float) -> None:
        """Note a new speech segment, and whether the one before it was transcribed in time.

        Args:
            onset: Start of its first speech frame, in stream seconds.
            end: End of its last speech frame so far.
            overlap: The overlap that it is held as; None where it passes.
            now: Stream time.
            timeout: Seconds that a transcript may take.
        """
        if self._segments:
            last = self._segments[-1]
            if last.transcribed:
                self._untranscribed = 0
            elif now - last.end > timeout:
                self._untranscribed += 1
        self._segments.append(SpeechSegment(onset, end, overlap))

    def extend(self, end: float) -> None:
        """The newest segment goes on until `end` (stream seconds)."""
        self._segments[-1].end = end

    def reopened(self, cancelled: Overlap, overlap: Overlap) -> None:
        """The segments of a cancelled overlap belong to the one that it was opened again as."""
        for segment in self._segments:
            if segment.overlap is cancelled:
                segment.overlap = overlap

    def continued_by(self, onset: float, *, gap: float) -> Overlap | None:
        """The overlap that speech with this onset continues: the newest, if it ended at most `gap` seconds before."""
        last = self._segments[-1] if self._segments else None
        return None if last is None or onset - last.end > gap else last.overlap

    def described_by(self, transcript: Transcript, *, lag: float) -> SpeechSegment | None:
        """The segment that a transcript describes, by its own times where it has them, else by its arrival.

        Args:
            transcript: As it came.
            lag: Seconds that a transcript without times is taken to lie behind its speech.

        Returns:
            None where it describes nothing that is remembered.
        """
        if not self._segments:
            return None
        if transcript.start is not None or transcript.end is not None:
            return self._at_times(transcript)
        described = transcript.at - lag
        latest = self._segments[-1]
        for segment in reversed(self._segments):
            if segment.onset <= described:
                # Speech that ended long ago has its transcript: this one is quicker than `lag`.
                return segment if described - segment.end <= LATE_TRANSCRIPT or segment is latest else latest
        return self._segments[0]

    def _at_times(self, transcript: Transcript) -> SpeechSegment | None:
        start = transcript.start if transcript.start is not None else transcript.end
        end = transcript.end if transcript.end is not None else transcript.start
        assert start is not None
        assert end is not None

        def shared(segment: SpeechSegment) -> float:
            return min(end, segment.end) - max(start, segment.onset)

        # New words stand at the end: of all the speech that a transcript covers, it is about the latest.
        for segment in reversed(self._segments):
            if shared(segment) >= min(COVERED, segment.end - segment.onset):
                return segment
        nearest = max(self._segments, key=shared)
        return nearest if shared(nearest) > -MATCH_TOLERANCE else None

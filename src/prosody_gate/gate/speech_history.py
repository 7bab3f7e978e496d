"""What the user said and when: the latest speech segments, and which of them a transcript describes."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from typing import Final

from ..lexicon import Lexicon, tokenize
from .gate_event import GateEventKind
from .gate_options import GateOptions
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
    is_transcribed: bool = True
    """Whether the recogniser got its audio."""
    transcribed: bool = False
    """Whether a transcript has described it."""
    text: str = ""
    """The newest transcript of it, where it was passed."""
    finished_by: Transcript | None = None
    """The final transcript that described it, or later speech; None while its own may still come."""

    @property
    def is_let_through(self) -> bool:
        """Whether it was passed, confirmed or released."""
        return self.overlap is None or self.overlap.decision in (GateEventKind.CONFIRM, GateEventKind.RELEASE)


class SpeechHistory:
    """The latest speech segments, held or passed, newest last."""

    def __init__(self) -> None:
        self._segments: deque[SpeechSegment] = deque(maxlen=REMEMBERED_SEGMENTS)
        self._untranscribed = 0

    @property
    def has_transcripts(self) -> bool:
        """Whether transcripts may still be expected: a recogniser that has been silent for long may be dead."""
        return self._untranscribed < UNTRANSCRIBED_LIMIT

    def begin(
        self, onset: float, end: float, overlap: Overlap | None, *, now: float, timeout: float, is_transcribed: bool
    ) -> None:
        """Note a new speech segment, and whether the one before it was transcribed in time.

        Args:
            onset: Start of its first speech frame, in stream seconds.
            end: End of its last speech frame so far.
            overlap: The overlap that it is held as; None where it passes.
            now: Stream time.
            timeout: Seconds that a transcript may take.
            is_transcribed: Whether the recogniser gets its audio.
        """
        if self._segments:
            last = self._segments[-1]
            if last.transcribed:
                self._untranscribed = 0
            elif last.is_transcribed and now - last.end > timeout:
                self._untranscribed += 1
        self._segments.append(SpeechSegment(onset, end, overlap, is_transcribed))

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

    def note(self, segment: SpeechSegment, transcript: Transcript) -> None:
        """Note that a transcript describes a segment; a final one leaves nothing to come for what was before either."""
        segment.transcribed = True
        if segment.overlap is None:
            segment.text = transcript.text
        if transcript.final:
            for earlier in self._segments:
                if earlier.finished_by is None and earlier.onset <= segment.onset:
                    earlier.finished_by = transcript

    def covers_let_through(self, transcript: Transcript, lexicon: Lexicon) -> bool:
        """Whether a transcript has words of speech that was passed, confirmed or released, whatever else it covers.

        Without times it may have where it is the first final transcript since speech that was passed: where it begins
        with what is known of that speech, else where it is more than one ignore phrase.
        """
        if transcript.start is not None and transcript.end is not None:
            return self._shares_let_through(transcript.start, transcript.end)
        passed = self._awaiting_final(transcript)
        if passed is None:
            return False
        if passed.text:
            return without_beginning(transcript.text, passed.text) != transcript.text
        sentences = re.split(r"[.!?]+\s+", transcript.text.strip())
        return len(sentences) > 1 or not lexicon.match(transcript.text).ignore_only

    def words_of_overlap(
        self, transcript: Transcript, segment: SpeechSegment, lexicon: Lexicon, options: GateOptions
    ) -> Transcript | None:
        """The part of a transcript that tells about an overlap: not what was said before the agent began.

        Args:
            transcript: As it came.
            segment: The segment that it describes.
            lexicon: Ignore and interrupt phrases.
            options: How late transcripts may be.

        Returns:
            None where nothing is left, or nobody can tell what is.
        """
        passed = None if segment.overlap is None else self._passed_before(segment.onset)
        if passed is None:
            return transcript
        if transcript.words:
            words = tuple(word for word in transcript.words if word.middle > passed.end)
            if len(words) in (0, len(transcript.words)):
                return transcript if words else None
            return replace(transcript, text=" ".join(w.text for w in words), start=words[0].start, words=words)
        text = without_beginning(transcript.text, passed.text)
        if transcript.start is not None:
            is_mixed = transcript.start < passed.end - MATCH_TOLERANCE
        else:
            awaited = passed.end + options.transcript_timeout + options.transcript_lag
            is_mixed = passed.finished_by is None and (text != transcript.text or transcript.at <= awaited)
        if not is_mixed:
            return transcript
        # Nobody can tell whose words these are. Phrases are clear enough; a number of words is not.
        match = lexicon.match(text, final=transcript.final)
        return replace(transcript, text=text) if match.interrupt is not None or match.ignore_only else None

    def _passed_before(self, onset: float) -> SpeechSegment | None:
        """The newest segment that was passed before an overlap with this onset."""
        passed = (segment for segment in reversed(self._segments) if segment.overlap is None and segment.onset < onset)
        return next(passed, None)

    def _shares_let_through(self, start: float, end: float) -> bool:
        """Whether speech that was passed, confirmed or released lies between two stream times, in seconds."""
        return any(
            min(end, segment.end) - max(start, segment.onset) >= min(COVERED, segment.end - segment.onset)
            for segment in self._segments
            if segment.is_let_through
        )

    def _awaiting_final(self, transcript: Transcript) -> SpeechSegment | None:
        """The newest segment that was passed lately and has no other final transcript than this one."""
        for segment in reversed(self._segments):
            if segment.overlap is None and transcript.at - segment.end <= LATE_TRANSCRIPT:
                return segment if segment.finished_by in (None, transcript) else None
        return None

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


def without_beginning(text: str, known: str) -> str:
    """A transcript without the words that were known before, where it begins with them; else as it is."""
    beginning = tokenize(known)
    if not beginning or tokenize(text)[: len(beginning)] != beginning:
        return text
    words = text.split()
    for count in range(1, len(words) + 1):
        if len(tokenize(" ".join(words[:count]))) >= len(beginning):
            return " ".join(words[count:])
    return ""

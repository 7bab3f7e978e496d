"""One overlap on its way from hold to decision."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..errors import TranscriptError
from ..evidence import NOTHING_SAID, EvidenceSource, Observation
from ..lexicon import LexiconMatch, tokenize
from .gate_event import GateEventKind


@dataclass(frozen=True, slots=True)
class Transcript:
    """Interim or final text, with its arrival and, where known, the speech it describes. All in stream seconds.

    Raises:
        TranscriptError: A time is no number, or the end is before the start.
    """

    at: float
    """When it arrived."""
    text: str
    """The words; for an interim, all words of the utterance so far."""
    final: bool = False
    """Whether the recogniser will not change it any more."""
    start: float | None = None
    """Start of the speech it describes, where known."""
    end: float | None = None
    """End of the speech it describes, where known."""

    def __post_init__(self) -> None:
        for name in ("at", "start", "end"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise TranscriptError(f"transcript {name}: expected seconds, got {value}")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise TranscriptError(f"transcript end {self.end} s is before its start {self.start} s")


MAX_FINALS = 8
"""Final transcripts that are kept of one overlap."""

MAX_TEXT_WORDS = 64
"""Words of a transcript that are kept for the evidence; a longer one was decided long before."""


@dataclass(slots=True)
class Overlap:
    """What the gate keeps about one overlap."""

    number: int
    observation: Observation
    sources: tuple[EvidenceSource, ...]
    """The sources that weigh this overlap alone."""
    final_texts: list[Transcript] = field(default_factory=list)
    interim: Transcript | None = None
    recognised_text: str = ""
    own_match: LexiconMatch = NOTHING_SAID
    """The transcript of this overlap alone, as the lexicon reads it."""
    is_listened_to: bool = False
    """Whether the listener was started for it."""
    previous: Overlap | None = None
    """The overlap that this one continues."""
    words_before: str = ""
    """What was said before it in the same utterance, once `previous` itself is continued no more."""
    decision: GateEventKind | None = None
    evidence: dict[str, float] = field(default_factory=dict)
    log_odds: float = 0.0

    @property
    def onset(self) -> float:
        """Stream time of the first speech frame, in seconds."""
        return self.observation.onset

    @property
    def speech_end(self) -> float:
        """End of the last speech frame so far, in seconds."""
        return self.observation.speech_end

    @property
    def transcript_text(self) -> str:
        """The transcript of this overlap alone, finals first."""
        texts = [transcript.text for transcript in self.final_texts]
        if self.interim is not None:
            texts.append(self.interim.text)
        return " ".join(" ".join(texts).split()[:MAX_TEXT_WORDS])

    @property
    def text(self) -> str:
        """The transcript where there is one, else the recognised text."""
        return self.transcript_text or self.recognised_text

    def follow(self, previous: Overlap) -> None:
        """Note that this overlap continues another's utterance."""
        previous.words_before, previous.previous = previous.earlier_text, None
        self.previous = previous

    @property
    def earlier_text(self) -> str:
        """The transcribed words of the same utterance before this overlap, as far as they are known by now."""
        if self.previous is None:
            return self.words_before
        words = f"{self.previous.earlier_text} {self.previous.transcript_text}".split()
        return " ".join(words[-MAX_TEXT_WORDS:])

    def take(self, transcript: Transcript) -> bool:
        """Take a transcript of this overlap; False when it repeats or precedes what is known."""
        if any(_says_no_more(known, transcript) for known in self.final_texts):
            return False
        if transcript.final:
            self.final_texts.append(transcript)
            self.final_texts.sort(key=lambda known: known.at if known.start is None else known.start)
            del self.final_texts[:-MAX_FINALS]
            self.interim = None
            return True
        if self.interim is not None and (transcript.at < self.interim.at or transcript.text == self.interim.text):
            return False
        self.interim = transcript
        return True


def _says_no_more(final: Transcript, transcript: Transcript) -> bool:
    """Whether a transcript says no more than a final one already has."""
    if final.start is not None and transcript.start is not None:
        end = transcript.end if transcript.end is not None else transcript.start
        return transcript.start >= final.start - 0.05 and end <= (final.end or end) + 0.05
    known, said = tokenize(final.text), tokenize(transcript.text)
    if transcript.final:
        return said == known
    return transcript.at <= final.at or known[: len(said)] == said

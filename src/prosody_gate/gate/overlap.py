"""One overlap on its way from hold to decision, the transcripts that describe it, and what others may see of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ..errors import TranscriptError
from ..evidence import NOTHING_SAID, EvidenceSource, Observation
from ..lexicon import Lexicon, LexiconMatch, tokenize
from .gate_event import GateEventKind


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of a transcript with its times on the gate's stream clock, in seconds."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """Half way between start and end, in stream seconds."""
        return (self.start + self.end) / 2


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
    words: tuple[TimedWord, ...] = ()
    """Its words with their times, in order; none where they are not known."""

    def __post_init__(self) -> None:
        for name in ("at", "start", "end"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise TranscriptError(f"transcript {name}: expected seconds, got {value}")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise TranscriptError(f"transcript end {self.end} s is before its start {self.start} s")


class OverlapState(Enum):
    """How far an overlap has come. `TRANSITIONS` in life_cycle.py says what leads from one to the other."""

    HELD = "held"
    """Its speech goes on, and nothing is decided."""
    PENDING = "pending"
    """Its speech has ended, and nothing is decided."""
    CONFIRMED = "confirmed"
    """It was an interruption."""
    CANCELLED = "cancelled"
    """It was none."""
    RELEASED = "released"
    """The agent ended first, or the gate failed."""


DECISIONS: Final = {
    OverlapState.CONFIRMED: GateEventKind.CONFIRM,
    OverlapState.CANCELLED: GateEventKind.CANCEL,
    OverlapState.RELEASED: GateEventKind.RELEASE,
}
"""The event that each final state was reported by."""


@dataclass(frozen=True, slots=True)
class OverlapView:
    """An overlap as it stood when somebody asked: a copy that does not change. Times are stream seconds."""

    number: int
    """Its number, as in `GateEvent.overlap`."""
    onset: float
    """Start of the first speech frame."""
    speech_end: float
    """End of the last speech frame by then."""
    transcript: str
    """What speech-to-text had delivered of it."""
    recognised: str
    """What the on-device listener had recognised."""
    decision: GateEventKind | None
    """confirm, cancel or release; None while it is undecided."""
    previous: int | None
    """Number of the overlap whose utterance it continues; None where it begins one."""

    @property
    def text(self) -> str:
        """The transcript where there is one, else the recognised text."""
        return self.transcript or self.recognised


LATE_TRANSCRIPT: Final = 3.0
"""How long (s) after its speech ended a transcript can still turn a cancelled overlap into an interruption."""

MAX_FINALS: Final = 8
"""Final transcripts that are kept of one overlap."""

MAX_TEXT_WORDS: Final = 64
"""Words of a transcript that are kept for the evidence; a longer one was decided long before."""


@dataclass(slots=True, eq=False)
class Overlap:
    """What the gate keeps about one overlap; nobody else holds it, for it changes."""

    number: int
    observation: Observation
    sources: tuple[EvidenceSource, ...]
    """The sources that weigh this overlap alone."""
    final_texts: list[Transcript] = field(default_factory=list)
    """Final transcripts, in order of their speech."""
    interim: Transcript | None = None
    """The newest interim transcript, until its final one comes."""
    recognised_text: str = ""
    """The listener's newest text."""
    own_match: LexiconMatch = NOTHING_SAID
    """The transcript of this overlap alone, as the lexicon reads it."""
    is_listened_to: bool = False
    """Whether the listener was started for it."""
    previous: Overlap | None = None
    """The overlap that this one continues."""
    words_before: str = ""
    """What was said before it in the same utterance, once `previous` itself is continued no more."""
    state: OverlapState | None = None
    """None before it is held."""
    notes: dict[str, str] = field(default_factory=dict)
    """What sources said beside their numbers when it was weighed last."""
    evidence: dict[str, float] = field(default_factory=dict)
    """Each source's share in nats, the prior included."""
    log_odds: float = 0.0
    """Their sum."""

    @property
    def decision(self) -> GateEventKind | None:
        """confirm, cancel or release; None while it is undecided."""
        return None if self.state is None else DECISIONS.get(self.state)

    @property
    def view(self) -> OverlapView:
        """What others get to see."""
        return OverlapView(
            number=self.number,
            onset=self.onset,
            speech_end=self.speech_end,
            transcript=self.transcript_text,
            recognised=self.recognised_text,
            decision=self.decision,
            previous=None if self.previous is None else self.previous.number,
        )

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

    def add_transcript(self, transcript: Transcript) -> bool:
        """Add a transcript of this overlap; False when it repeats or precedes what is known."""
        if any(_adds_nothing(known, transcript) for known in self.final_texts):
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

    def read_words(self, lexicon: Lexicon, *, described_until: float, now: float) -> None:
        """Bring the transcripts' words into the observation.

        Args:
            lexicon: Reads them.
            described_until: End of the speech that the newest transcript describes, in stream seconds.
            now: Stream time, in seconds.
        """
        observation = self.observation
        own, earlier = self.transcript_text, self.earlier_text
        final = self.interim is None
        match = self.own_match = lexicon.match(own, final=final)
        observation.words = len(match.tokens)
        observation.words_end = min(max(described_until, observation.words_end), observation.speech_end)
        observation.time = now
        observation.transcript = lexicon.match(f"{earlier} {own}", final=final) if earlier else match


def _adds_nothing(final: Transcript, transcript: Transcript) -> bool:
    """Whether a transcript says no more than a final one already has."""
    if final.start is not None and transcript.start is not None:
        end = transcript.end if transcript.end is not None else transcript.start
        return transcript.start >= final.start - 0.05 and end <= (final.end or end) + 0.05
    known, said = tokenize(final.text), tokenize(transcript.text)
    if transcript.final:
        return said == known
    return transcript.at <= final.at or known[: len(said)] == said

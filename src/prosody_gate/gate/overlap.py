"""One overlap on its way from hold to decision."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..evidence import EvidenceSource, Observation
from .gate_event import GateEventKind
from .transcript import Transcript

MAX_TEXT_WORDS = 64
"""Words of a transcript that are kept for the evidence; a longer one was decided long before."""


@dataclass(slots=True)
class Overlap:
    """What the gate keeps about one overlap."""

    number: int
    observation: Observation
    sources: tuple[EvidenceSource, ...]
    """The sources that weigh this overlap alone."""
    earlier_text: str = ""
    """The words of the same utterance before this overlap."""
    final_texts: list[Transcript] = field(default_factory=list)
    interim: Transcript | None = None
    heard_text: str = ""
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
        """The transcript where there is one, else what the listener heard."""
        return self.transcript_text or self.heard_text

    def take(self, transcript: Transcript) -> bool:
        """Take a transcript of this overlap; False when it repeats or precedes what is known."""
        if any(_same_speech(known, transcript) for known in self.final_texts):
            return False
        if transcript.final:
            self.final_texts.append(transcript)
            self.final_texts.sort(key=lambda known: known.at if known.start is None else known.start)
            self.interim = None
            return True
        if self.interim is not None and (transcript.at < self.interim.at or transcript.text == self.interim.text):
            return False
        self.interim = transcript
        return True


def _same_speech(final: Transcript, transcript: Transcript) -> bool:
    """Whether a transcript says no more than a final one already has."""
    if final.start is not None and transcript.start is not None:
        end = transcript.end if transcript.end is not None else transcript.start
        return transcript.start >= final.start - 0.05 and end <= (final.end or end) + 0.05
    return final.text.casefold().startswith(transcript.text.casefold().strip(" .,?!"))

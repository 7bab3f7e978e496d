"""What the rules on transcripts have in common: each text is judged by itself, as it arrives."""

from __future__ import annotations

from typing import Final

from ..gate import Transcript
from .decision import Decision
from .heard import Heard, described

STARTS_EARLY: Final = 0.3
"""Seconds by which a recogniser's start of speech may lie before the VAD's."""

LATE: Final = 3.0
"""Seconds after its speech at which a transcript can still be about it."""


class TranscriptRule:
    """Interrupts on the first interim or final text of an overlap that a subclass takes for an interruption."""

    name = "transcript"
    needs_transcripts = True

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether one text is enough to stop the agent."""
        raise NotImplementedError

    def decide(self, heard: Heard) -> list[Decision]:
        """The interruptions it makes, at most one an overlap."""
        decisions: dict[float, Decision] = {}
        for transcript in heard.transcripts:
            begins = described(transcript) if transcript.start is None else transcript.start
            overlap = heard.overlap_at(begins + STARTS_EARLY, patience=LATE)
            if overlap is None or overlap.start in decisions or not heard.agent_speaks_at(transcript.at):
                continue
            if self.interrupts(transcript):
                decisions[overlap.start] = Decision(
                    overlap.start, transcript.at, confirm=True, reason="transcript", text=transcript.text
                )
        return list(decisions.values())

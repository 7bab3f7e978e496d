"""What the rules on transcripts have in common: each text is judged by itself, as it arrives."""

from __future__ import annotations

from typing import Final

from ..gate import Transcript
from .decision import Decision
from .heard import Heard

TEXT_LAG: Final = 0.3
"""Seconds that a transcript without times of its own is taken to lie behind its speech."""


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
            described = transcript.at - TEXT_LAG if transcript.start is None else transcript.start
            # A recogniser's start may lie a little before the VAD's.
            overlap = heard.overlap_at(described + 0.3)
            if overlap is None or overlap.start in decisions or not heard.agent_speaks_at(transcript.at):
                continue
            if self.interrupts(transcript):
                decisions[overlap.start] = Decision(
                    overlap.start, transcript.at, confirm=True, reason="transcript", text=transcript.text
                )
        return list(decisions.values())

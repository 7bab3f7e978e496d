"""What the gate is compared with."""

from __future__ import annotations

from typing import Protocol

from ..lexicon import Lexicon
from .decision import Decision
from .heard import Heard
from .min_words_rule import MinWordsRule
from .speech_duration_rule import SpeechDurationRule
from .word_list_rule import WordListRule


class Baseline(Protocol):
    """A rule that stops the agent, run on what the gate heard."""

    @property
    def name(self) -> str:
        """As tables and plots show it."""
        ...

    @property
    def needs_transcripts(self) -> bool:
        """Whether it can say nothing about an item without transcripts."""
        ...

    def decide(self, heard: Heard) -> list[Decision]:
        """The interruptions it makes, at most one an overlap."""
        ...


def default_baselines(lexicon: Lexicon) -> tuple[Baseline, ...]:
    """What people use today: speech for 0.2, 0.5 and 0.8 s, word lists, at least 2 and at least 3 words.

    Args:
        lexicon: The phrases of the word lists.
    """
    return (
        SpeechDurationRule(0.2),
        SpeechDurationRule(0.5),
        SpeechDurationRule(0.8),
        WordListRule(lexicon),
        MinWordsRule(2, lexicon),
        MinWordsRule(3, lexicon),
    )

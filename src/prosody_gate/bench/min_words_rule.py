"""The rule of a least number of words."""

from __future__ import annotations

from ..gate import Transcript
from ..lexicon import Lexicon
from .transcript_rule import TranscriptRule


class MinWordsRule(TranscriptRule):
    """Interrupts once a text has enough words.

    Args:
        min_words: How many.
        lexicon: Splits text into words.
    """

    def __init__(self, min_words: int, lexicon: Lexicon) -> None:
        self._min_words = min_words
        self._lexicon = lexicon
        self.name = f"{min_words} words"

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether the text has enough words."""
        return len(self._lexicon.match(transcript.text).tokens) >= self._min_words

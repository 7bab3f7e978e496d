"""The rule of an ignore-and-stop word list on interim text."""

from __future__ import annotations

from ..gate import Transcript
from ..lexicon import Lexicon
from .transcript_rule import TranscriptRule


class WordListRule(TranscriptRule):
    """Interrupts on a stop phrase, and on any text that is more than phrases to ignore.

    Args:
        lexicon: Both lists.
    """

    name = "word list"

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def interrupts(self, transcript: Transcript) -> bool:
        """Whether the text is more than phrases to ignore."""
        match = self._lexicon.match(transcript.text, final=transcript.final)
        return bool(match.tokens) and not match.ignore_only

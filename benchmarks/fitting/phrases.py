"""What the espeak-ng voices say."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from prosody_gate.lexicon import Lexicon

from .overlap_corpus import LabelledOverlap

SENTENCES = (
    "can i", "i want", "i need", "could you", "what about", "how much", "yeah but", "okay but wait",
    "that's wrong", "tell me", "can you repeat", "i have a question", "alexa", "computer", "jarvis",
    "hello", "listen", "sorry", "again", "repeat", "next", "back", "up", "go", "help", "louder", "skip",
    "where", "who", "when", "why", "what", "hey", "hi there",
)  # fmt: skip


def backchannel_phrases(lexicon: Lexicon, overlaps: Sequence[LabelledOverlap]) -> list[str]:
    """Real backchannels as often as they were said, and as many ignore phrases of one or two words."""
    said = [
        " ".join(word.text for word in overlap.words)
        for overlap in overlaps
        if not overlap.interruption and len(overlap.words) <= 4
    ]
    said = [text for text in said[::5] if lexicon.match(text).ignore_only]
    listed = [phrase for phrase in lexicon.ignore if len(phrase.split()) <= 2]
    return said + listed * max(1, len(said) // len(listed))


def interruption_phrases(lexicon: Lexicon, utterances: Path) -> list[str]:
    """The interrupt phrases, openings of questions, and the first words of real utterances."""
    with gzip.open(utterances, "rt", encoding="utf-8") as lines:
        spoken = [line.split() for line in lines]
    openings = [
        " ".join(words[:7]) for words in spoken[::20] if len(words) >= 4 and not lexicon.match(words[0]).ignore_only
    ]
    short = list(SENTENCES) + list(lexicon.interrupt)
    return short * max(1, len(openings) // len(short)) + openings

"""Evidence from the transcript: what the words so far say about the turn they open."""

from __future__ import annotations

from collections.abc import Mapping

from ..lexicon import Lexicon
from .observation import Observation
from .weights import EvidenceWeights
from .word_features import WordFeatures


class WordsEvidence:
    """Sums the fitted weights of the words, their order and their number.

    Ignore phrases alone never speak for an interruption, whatever the weights say.

    Args:
        lexicon: Tells which words a listener says.
        weights: The fitted weights.
    """

    name = "words"

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._weights = weights.words
        self._features = WordFeatures(vocabulary_of(weights.words), ignorable_tokens(lexicon))
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._seen: tuple[tuple[str, ...], bool] | None = None
        self._nats = 0.0

    def update(self, observation: Observation) -> float:
        """Nats of the words so far; 0 while there are none."""
        match = observation.transcript
        if not match.tokens:
            return 0.0
        seen = (match.tokens, match.ignore_only)
        if seen != self._seen:
            self._seen = seen
            weights = self._weights
            self._nats = sum(weights.get(name, 0.0) for name in self._features.of(*seen))
            if match.ignore_only:
                self._nats = min(self._nats, 0.0)
        return self._nats


def vocabulary_of(weights: Mapping[str, float]) -> frozenset[str]:
    """The words that have a weight of their own."""
    return frozenset(name.removeprefix("any=") for name in weights if name.startswith("any="))


def ignorable_tokens(lexicon: Lexicon) -> frozenset[str]:
    """The canonical tokens that are an ignore phrase by themselves."""
    matches = (lexicon.match(phrase) for phrase in lexicon.ignore)
    return frozenset(match.tokens[0] for match in matches if len(match.tokens) == 1)

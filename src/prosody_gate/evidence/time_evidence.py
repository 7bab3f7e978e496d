"""Evidence from time: interruptions go on, backchannels end."""

from __future__ import annotations

from ..lexicon import Lexicon
from .observation import NOTHING_SAID, Observation
from .time_features import time_features
from .weights import EvidenceWeights
from .word_features import WordFeatures
from .words_evidence import ignorable_tokens


class TimeEvidence:
    """Weighs how long the speech lasts, and how much of it the words so far leave untold.

    Args:
        lexicon: Tells which words a listener says.
        weights: The fitted weights.
    """

    name = "time"

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._weights = weights.time
        self._features = WordFeatures((), ignorable_tokens(lexicon))

    def reset(self) -> None:
        """A new overlap begins; nothing is remembered from the last."""

    def update(self, observation: Observation) -> float:
        """Nats of the duration so far."""
        kind = words_kind(observation, self._features)
        weights = self._weights
        return sum(
            weights.get(name, 0.0) * value
            for name, value in time_features(
                duration=observation.speech_duration,
                untold=max(observation.speech_end - observation.words_end, 0.0),
                ended=observation.ended,
                words_kind=kind,
            )
        )


def words_kind(observation: Observation, features: WordFeatures) -> str:
    """The kind of the transcript's words in this overlap, as the time features take it."""
    match = observation.transcript if observation.words else NOTHING_SAID
    return features.kind(match.tokens, match.ignore_only, awaited=observation.awaits_words)

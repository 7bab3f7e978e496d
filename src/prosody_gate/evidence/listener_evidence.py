"""Evidence from the on-device listener: noisier than a transcript, but there before one can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..lexicon import Lexicon
from ..listener import STEADY
from .evidence_source import Observation
from .weights import EvidenceWeights
from .words_evidence import WordFeatures, ignorable_tokens

EARLY: Final = 0.3
"""Seconds of speech before which the recognised text often changes."""

LATE: Final = 0.55
MANY_WORDS: Final = 3


def listener_features(observation: Observation, features: WordFeatures) -> Iterator[tuple[str, float]]:
    """The features of the recognised text so far; none before the listener has said anything.

    Args:
        observation: The overlap.
        features: Knows which tokens can be ignored.
    """
    recognised = observation.recognised
    if recognised is None:
        return
    match = observation.recognised_match
    duration = observation.speech_duration
    age = "early" if duration < EARLY else "middle" if duration < LATE else "late"
    yield f"{age} kind={features.kind(match.tokens, match.ignore_only)}", 1.0
    if len(match.tokens) >= MANY_WORDS:
        yield "many words", 1.0
    if match.interrupt is not None:
        yield f"{age} interrupt phrase", 1.0
        if recognised.standing(observation.time) >= STEADY:
            yield "steady interrupt phrase", 1.0


class ListenerEvidence:
    """Weighs the recognised text by what the listener was measured to confuse.

    Once the transcript has words of its own, they are better: the listener has no say any more.

    Args:
        lexicon: Tells which words a listener says, and which are interrupt phrases.
        weights: The fitted weights.
    """

    name = "listener"
    on_device = True

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._weights = weights.listener
        self._features = WordFeatures((), ignorable_tokens(lexicon))

    def reset(self) -> None:
        """A new overlap begins; nothing of the last one counts."""

    def update(self, observation: Observation) -> float:
        """Nats of the recognised text so far; 0 without a listener."""
        if observation.words:
            return 0.0
        weights = self._weights
        return sum(weights.get(name, 0.0) * value for name, value in listener_features(observation, self._features))

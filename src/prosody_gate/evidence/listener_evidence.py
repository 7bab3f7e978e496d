"""Evidence from the on-device listener: noisier than a transcript, but there before one can be."""

from __future__ import annotations

from ..lexicon import Lexicon
from .listener_features import listener_features
from .observation import Observation
from .weights import EvidenceWeights
from .word_features import WordFeatures
from .words_evidence import ignorable_tokens


class ListenerEvidence:
    """Weighs what is heard on the device by what the listener was measured to confuse.

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
        """A new overlap begins; nothing is remembered from the last."""

    def update(self, observation: Observation) -> float:
        """Nats of what is heard so far; 0 without a listener."""
        if observation.words:
            return 0.0
        weights = self._weights
        return sum(weights.get(name, 0.0) * value for name, value in listener_features(observation, self._features))

"""Evidence from time: interruptions go on, backchannels end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..lexicon import Lexicon
from .evidence_source import NOTHING_SAID, Observation
from .weights import EvidenceWeights
from .words_evidence import WordFeatures, ignorable_tokens, order_of

DURATION_KNOTS: Final = (0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.8, 1.0, 1.3, 1.7)
"""Seconds of speech at which the slope of the duration's log-likelihood ratio may change."""

UNTOLD_KNOTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""The same for the speech after the last word that was transcribed."""


def time_features(*, duration: float, untold: float, ended: bool, words_kind: str) -> Iterator[tuple[str, float]]:
    """Hinge functions of the two durations, apart for speech that goes on and speech that has ended.

    Args:
        duration: Speech since the onset, in seconds.
        untold: Speech since the end of the last word transcribed, in seconds.
        ended: Whether the speech has ended.
        words_kind: As `WordFeatures.kind`; what a long "yeah" means is not what a long silence of the
            transcript means.
    """
    state = "ended" if ended else "going"
    group = words_kind if words_kind in "0wb" else "x"
    yield f"{state} {words_kind}", 1.0
    for knot in DURATION_KNOTS:
        if duration <= knot:
            break
        yield f"{state} {group} duration>{knot:g}", duration - knot
    if words_kind in "0w":
        return
    for knot in UNTOLD_KNOTS:
        if untold <= knot:
            break
        yield f"{state} {group} untold>{knot:g}", untold - knot


class TimeEvidence:
    """Weighs how long the speech lasts, and how much of it no transcript describes yet.

    Once speech has ended that was one word with which people steer a machine, time has no say: in meetings a single
    word that ends is a backchannel, and such orders they have none of.

    Args:
        lexicon: Knows the ignore phrases.
        weights: The fitted weights.
    """

    name = "time"

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._weights, self._words = weights.time, weights.words
        self._features = WordFeatures((), ignorable_tokens(lexicon))

    def reset(self) -> None:
        """A new overlap begins; nothing of the last one counts."""

    def update(self, observation: Observation) -> float:
        """Nats of the duration so far."""
        if observation.ended and observation.words and order_of(observation.transcript, self._words) is not None:
            return 0.0
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
    """The kind of the transcript's words in this overlap, as the time features have it."""
    match = observation.transcript if observation.words else NOTHING_SAID
    return features.kind(match.tokens, match.ignore_only, awaited=observation.awaits_words)

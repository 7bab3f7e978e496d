"""Evidence from the on-device listener: noisier than a transcript, but there before one can be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from ..lexicon import Lexicon
from ..listener import STEADY, Hypothesis
from .evidence_source import Observation
from .weights import EvidenceWeights
from .words_evidence import WordFeatures, ignorable_tokens

EARLY: Final = 0.3
"""Seconds of speech before which the recognised text often changes."""

LATE: Final = 0.55
MANY_WORDS: Final = 3

AGES: Final = (0.3, 0.45, 0.62)
"""Seconds since the onset that part the looks of a listener that follows phrases; each look is weighed by itself."""

LISTED_NATS: Final = 3.0
"""What a phrase of the lexicon says for its list where no overlaps were counted, or where its list was changed."""

LARGEST_ODDS: Final = 4.0


class PhraseOdds:
    """What each phrase that opens an overlap says for an interruption: ln P(phrase | interruption) / P(phrase | not).

    Args:
        lexicon: A phrase that nobody counted goes by its list, and so does one that was moved to the other list.
        counted: Phrase to its odds in nats, as `benchmarks/fit_listener.py` counts them.
    """

    def __init__(self, lexicon: Lexicon, counted: Mapping[str, float]) -> None:
        self._odds = dict(counted)
        self._own: set[str] = set()
        for phrase in lexicon.ignore:
            if self._odds.get(phrase, LISTED_NATS) > 0.5 * LISTED_NATS:
                self._odds[phrase] = -LISTED_NATS
                self._own.add(phrase)
        for phrase in lexicon.interrupt:
            if self._odds.get(phrase, -LISTED_NATS) < -0.5 * LISTED_NATS:
                self._odds[phrase] = LISTED_NATS
                self._own.add(phrase)

    def of(self, hypothesis: Hypothesis) -> float | None:
        """Log-odds of an interruption by the words that may have been begun, in nats; None when there are none."""
        total = interruption = 0.0
        for phrase in hypothesis.phrases:
            share = phrase.said + phrase.begun
            total += share
            interruption += share / (1.0 + math.exp(-self._odds.get(phrase.text, 0.0)))
        if total <= 0.0:
            return None
        share = min(max(interruption / total, 1e-3), 1.0 - 1e-3)
        return min(max(math.log(share / (1.0 - share)), -LARGEST_ODDS), LARGEST_ODDS)

    def own_share(self, hypothesis: Hypothesis) -> float:
        """P(the words begun are phrases of the lexicon that nobody counted, or whose list was changed), 0 to 1."""
        return min(sum(phrase.said + phrase.begun for phrase in hypothesis.phrases if phrase.text in self._own), 1.0)


def listener_features(
    observation: Observation, features: WordFeatures, odds: PhraseOdds
) -> Iterator[tuple[str, float]]:
    """The features of the recognised text so far; none before the listener has said anything.

    Args:
        observation: The overlap.
        features: Knows which tokens can be ignored.
        odds: Knows what the phrases say.
    """
    recognised = observation.recognised
    if recognised is None:
        return
    match = observation.recognised_match
    if recognised.follows_phrases:
        yield f"look {look_of(recognised, observation)}", 1.0
        nats = odds.of(recognised)
        if nats is not None:
            yield "phrases", (1.0 - recognised.nothing - recognised.something_else) * nats
        if match.interrupt is not None:
            yield "interrupt phrase", 1.0
        return
    duration = observation.speech_duration
    age = "early" if duration < EARLY else "middle" if duration < LATE else "late"
    yield f"{age} kind={features.kind(match.tokens, match.ignore_only)}", 1.0
    if len(match.tokens) >= MANY_WORDS:
        yield "many words", 1.0
    if match.interrupt is not None:
        yield f"{age} interrupt phrase", 1.0
        if recognised.standing(observation.time) >= STEADY:
            yield "steady interrupt phrase", 1.0


def look_of(recognised: Hypothesis, observation: Observation) -> int:
    """Which of the looks a hypothesis is from, 0 to 3."""
    return sum(recognised.time - observation.onset > age for age in AGES)


class ListenerEvidence:
    """Weighs the recognised text by what the listener was measured to confuse.

    A listener that follows phrases gives each a probability; the odds with which each opens an interruption, counted in
    meetings without any sound, turn them into nats. What was heard counts besides, whatever phrase it belongs to: most
    coughs have no sounds of speech at all, and a hum has hardly any consonants. Of another listener only the kind of
    its words is weighed. Once the transcript has words of its own, they are better: the listener has no say any more.

    Args:
        lexicon: Knows the ignore phrases and the interrupt phrases.
        weights: The fitted weights.
    """

    name = "listener"
    on_device = True

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._weights = weights.listener
        self._features = WordFeatures((), ignorable_tokens(lexicon))
        self._odds = PhraseOdds(lexicon, weights.openings)
        self._sounds = {name: np.array(row) for name, row in weights.sounds.items()}

    def reset(self) -> None:
        """A new overlap begins; nothing of the last one counts."""

    def update(self, observation: Observation) -> float:
        """Nats of the recognised text so far; 0 without a listener."""
        if observation.words:
            return 0.0
        weights = self._weights
        features = listener_features(observation, self._features, self._odds)
        return sum(weights.get(name, 0.0) * value for name, value in features) + self._sound_nats(observation)

    def _sound_nats(self, observation: Observation) -> float:
        """What the sounds say whatever phrase they belong to; the user's own phrases say it better."""
        recognised = observation.recognised
        if recognised is None or not recognised.heard:
            return 0.0
        row = self._sounds.get(f"look {look_of(recognised, observation)}")
        if row is None:
            return 0.0
        return float(row @ np.array(recognised.heard)) * (1.0 - self._odds.own_share(recognised))

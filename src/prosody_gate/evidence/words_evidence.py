"""Evidence from the transcript: what the words so far say about the turn they open."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from ..lexicon import Lexicon, LexiconMatch
from .evidence_source import Observation
from .weights import EvidenceWeights

FIRST_WORDS: Final = 3
"""Words that are weighed by their place; the opening of a turn says most."""

CONTEXT_WORDS: Final = 6
"""Words after which nothing new is learned."""

OPEN_UNTIL: Final = 0.9
"""Seconds since the onset up to which the next word often changes what the first ones say."""

SETTLED_AT: Final = 2.1
EARLY_NATS: Final = -1.06
SETTLED_NATS: Final = 0.74
"""By grid search on the AMI overlaps, cross-validated by series: false interruptions at a recall of 0.993."""

IGNORABLE: Final = "<ignore>"
UNKNOWN: Final = "<unknown>"


class WordFeatures:
    """Names the features of a row of canonical tokens.

    Args:
        vocabulary: The words that have weights of their own.
        ignorable: Single tokens on the ignore list: a word never seen backs off to `<ignore>` or `<unknown>`.
    """

    def __init__(self, vocabulary: Collection[str], ignorable: Collection[str]) -> None:
        self._vocabulary = frozenset(vocabulary)
        self._ignorable = frozenset(ignorable)

    def kind(self, tokens: Sequence[str], ignore_only: bool, *, awaited: bool = False) -> str:
        """What kind of words these are.

        Returns:
            `0` for none, `w` for none while words are awaited, `b` for ignore phrases alone, else `1` or `2` for one or
            more words that are no ignore phrase.
        """
        if not tokens:
            return "w" if awaited else "0"
        if ignore_only:
            return "b"
        content = sum(token not in self._ignorable for token in tokens)
        return "1" if content <= 1 else "2"

    def of(self, tokens: Sequence[str], ignore_only: bool) -> Iterator[str]:
        """The features of all words said so far; none while nothing was said."""
        if not tokens:
            return
        yield f"kind={self.kind(tokens, ignore_only)}"
        yield f"count={min(len(tokens), 5)}"
        words = [self._back_off(token) for token in tokens[:CONTEXT_WORDS]]
        for place, word in enumerate(words[:FIRST_WORDS]):
            yield f"word{place + 1}={word}"
        for word in dict.fromkeys(words):
            yield f"any={word}"
        for before, word in pairwise(words):
            yield f"pair={before} {word}"
        if len(tokens) <= CONTEXT_WORDS:
            yield f"last={words[-1]}"

    def _back_off(self, token: str) -> str:
        if token in self._vocabulary:
            return token
        return IGNORABLE if token in self._ignorable else UNKNOWN


def patience(time: float) -> float:
    """What is taken off, or put on, for the words that may still come, in nats.

    A confirm cannot be taken back, and the next word often settles what the first leaves open ("uh ... yeah", "I ...
    see", "that's ... cool"). So more is asked early, and less once most of the words must have been heard.

    Args:
        time: Seconds since the onset.
    """
    share = min(max((time - OPEN_UNTIL) / (SETTLED_AT - OPEN_UNTIL), 0.0), 1.0)
    return EARLY_NATS + share * (SETTLED_NATS - EARLY_NATS)


class WordsEvidence:
    """Sums the fitted weights of the words, their order and their number, and the patience for what may follow.

    A word with which people steer a machine ("down", "next", "louder") and that stands alone has a weight of its own in
    place of that sum: meetings have no such orders. Ignore phrases alone never speak for an interruption, whatever the
    weights say.

    Args:
        lexicon: Knows the ignore phrases.
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
            order = order_of(match, weights)
            self._nats = sum(weights.get(name, 0.0) for name in self._features.of(*seen)) if order is None else order
        nats = self._nats + patience(observation.time - observation.onset)
        return min(nats, 0.0) if match.ignore_only else nats


def order_of(match: LexiconMatch, weights: Mapping[str, float]) -> float | None:
    """What the only word of a transcript says as an order to a machine, in nats; None where it is no such word."""
    if len(match.tokens) != 1 or match.ignore_only:
        return None
    return weights.get(f"alone={match.tokens[0]}")


def vocabulary_of(weights: Mapping[str, float]) -> frozenset[str]:
    """The words that have a weight of their own."""
    return frozenset(name.removeprefix("any=") for name in weights if name.startswith("any="))


@functools.lru_cache(maxsize=8)
def ignorable_tokens(lexicon: Lexicon) -> frozenset[str]:
    """The canonical tokens that are an ignore phrase by themselves."""
    matches = (lexicon.match(phrase) for phrase in lexicon.ignore)
    return frozenset(match.tokens[0] for match in matches if len(match.tokens) == 1)

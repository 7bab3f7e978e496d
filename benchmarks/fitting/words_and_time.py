"""Fits the word and time weights together, so that what they share is not counted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from prosody_gate.evidence import WordFeatures, ignorable_tokens
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import TimedWord

from .overlap_corpus import LabelledOverlap, states_of

MIN_OVERLAPS = 6
"""Overlaps that a word, a pair or a place must occur in to get a weight of its own."""

INVERSE_PENALTY = 0.3
"""L2: scikit-learn's C."""

SHORT_COMMANDS = 0.3
"""Share of one-word commands ("stop") among the interruptions of an agent, for the durations of speech whose
words are not known. Meetings have none."""

SMALLEST_WEIGHT = 0.005


@dataclass(frozen=True)
class FittedTable:
    """Weights by feature name, in nats."""

    words: dict[str, float]
    time: dict[str, float]


def vocabulary(overlaps: Sequence[LabelledOverlap], lexicon: Lexicon) -> frozenset[str]:
    """Canonical words that occur often enough in the first words of overlaps."""
    counts: Counter[str] = Counter()
    for overlap in overlaps:
        text = " ".join(word.text for word in overlap.words[:6])
        counts.update(set(lexicon.match(text).tokens))
    return frozenset(word for word, count in counts.items() if count >= MIN_OVERLAPS)


def fit_words_and_time(
    overlaps: Sequence[LabelledOverlap],
    lexicon: Lexicon,
    command_durations: Sequence[float],
    *,
    lags: Sequence[float] = (0.1, 0.3, 0.5),
) -> FittedTable:
    """Logistic regression on the states of all overlaps, balanced between the labels.

    Args:
        overlaps: Training overlaps.
        lexicon: Canonical spellings and ignore phrases.
        command_durations: Speech durations of one-word commands, in seconds.
        lags: Lags of the interim transcripts, in seconds, to train on together.
    """
    # A hard word would end the hold before its state is seen.
    plain = lexicon.replace(interrupt=[])
    features = WordFeatures(vocabulary(overlaps, lexicon), ignorable_tokens(lexicon))
    interruptions = sum(overlap.interruption for overlap in overlaps)
    # Overlaps are balanced, not states: at the onset nothing is known, and that later on more interruptions are left is
    # just what time has to say. With words the odds of the meetings stand: two backchannels to an interruption.
    balance = (len(overlaps) - interruptions) / interruptions
    rows: list[dict[str, float]] = []
    labels: list[bool] = []
    weights: list[float] = []

    def take(overlap: LabelledOverlap, lag: float | None, weight: float) -> None:
        for state in states_of(overlap, plain, features, lag):
            rows.append({**state.words, **state.timing})
            labels.append(overlap.interruption)
            weights.append(weight)

    for overlap in overlaps:
        take(overlap, None, balance * (1.0 - SHORT_COMMANDS) if overlap.interruption else 1.0)
        for lag in lags:
            take(overlap, lag, 1.0)
    share = balance * SHORT_COMMANDS * interruptions / max(len(command_durations), 1)
    for duration in command_durations:
        take(LabelledOverlap("", True, (TimedWord("", 0.0, duration),)), None, share)
    return _regress(rows, np.array(labels), np.array(weights))


def _regress(
    rows: list[dict[str, float]], labels: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]
) -> FittedTable:
    vectorizer = DictVectorizer(dtype=np.float32)
    matrix = sparse.csr_matrix(vectorizer.fit_transform(rows))
    names = vectorizer.get_feature_names_out()
    # A state is one of many of its overlap; rare features are those of fewer than MIN_OVERLAPS overlaps or so.
    seen = np.asarray((matrix != 0).sum(axis=0)).ravel()
    kept = seen >= MIN_OVERLAPS * 10
    model = LogisticRegression(C=INVERSE_PENALTY, fit_intercept=False, max_iter=200)
    model.fit(matrix[:, kept], labels, sample_weight=weights)
    fitted = {name: float(weight) for name, weight in zip(names[kept], model.coef_[0], strict=True)}
    _give_constants_to_words(fitted)
    rounded = {name: round(weight, 3) for name, weight in fitted.items() if abs(weight) >= SMALLEST_WEIGHT}
    is_time = ("going ", "ended ")
    return FittedTable(
        words={name: weight for name, weight in rounded.items() if not name.startswith(is_time)},
        time={name: weight for name, weight in rounded.items() if name.startswith(is_time)},
    )


def _give_constants_to_words(fitted: dict[str, float]) -> None:
    """What a kind of words says at no duration at all is the words' share, not the time's; the sum stays the same."""
    for kind in "b12":
        constant = fitted.get(f"going {kind}", 0.0)
        fitted[f"kind={kind}"] = fitted.get(f"kind={kind}", 0.0) + constant
        for state in ("going", "ended"):
            fitted[f"{state} {kind}"] = fitted.get(f"{state} {kind}", 0.0) - constant

"""What the listener hears as the features that its source weighs: kinds of words, not single words.

Single words would be learned from the few that the shared recordings hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..listener import STEADY
from .observation import Observation
from .word_features import WordFeatures

EARLY: Final = 0.3
"""Seconds of speech before which what is heard often changes."""

LATE: Final = 0.55
MANY_WORDS: Final = 3


def listener_features(observation: Observation, features: WordFeatures) -> Iterator[tuple[str, float]]:
    """The features of what is heard so far; none before the listener has said anything.

    Args:
        observation: The overlap.
        features: Knows which tokens can be ignored.
    """
    heard = observation.heard
    if heard is None:
        return
    match = observation.heard_match
    duration = observation.speech_duration
    age = "early" if duration < EARLY else "middle" if duration < LATE else "late"
    yield f"{age} kind={features.kind(match.tokens, match.ignore_only)}", 1.0
    if len(match.tokens) >= MANY_WORDS:
        yield "many words", 1.0
    if match.interrupt is not None:
        yield f"{age} interrupt phrase", 1.0
        if heard.standing(observation.time) >= STEADY:
            yield "steady interrupt phrase", 1.0

"""Word-timed, human-labelled overlaps, and what the gate sees of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prosody_gate.evidence import Observation, WordFeatures, time_features, words_kind
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import TimedWord, replay_words

AMI_MEETING = re.compile(r"([A-Z]{2}\d{4})[a-d]")
"""A meeting's name: its series, and which of the series it is."""

FRAMES_PER_STATE = 3
"""Between two words every third frame is kept: neighbours are almost the same."""


@dataclass(frozen=True)
class LabelledOverlap:
    """One annotated overlap."""

    conversation: str
    interruption: bool
    words: tuple[TimedWord, ...]


@dataclass(frozen=True)
class State:
    """The features of one overlap at one moment."""

    time: float
    """Seconds since the onset."""
    words: dict[str, float]
    timing: dict[str, float]


def read_overlaps(path: Path) -> list[LabelledOverlap]:
    """The overlaps that carry a clear label."""
    overlaps = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["label"] == "ambiguous":
                continue
            words = tuple(TimedWord(*word) for word in row["words"])
            overlaps.append(LabelledOverlap(row["conversation"], row["label"] == "interruption", words))
    return overlaps


def fold_of(group: str, folds: int) -> int:
    """The fold of a speaker or meeting for cross-validation; the same on every machine.

    The AMI meetings a to d of one series have the same four people, so they share a fold.
    """
    series = AMI_MEETING.fullmatch(group)
    return int(hashlib.sha256((series[1] if series else group).encode()).hexdigest(), 16) % folds


class StateRecorder:
    """An evidence source that only writes down what the others would see."""

    name = "recorder"

    def __init__(self, features: WordFeatures, states: list[State]) -> None:
        self._features = features
        self._states = states

    def reset(self) -> None:
        self._asked = 0
        self._words = -1

    def update(self, observation: Observation) -> float:
        self._asked += 1
        if observation.words == self._words and self._asked % FRAMES_PER_STATE and not observation.ended:
            return 0.0
        self._words = observation.words
        match = observation.transcript
        timing = time_features(
            duration=observation.speech_duration,
            untold=max(observation.speech_end - observation.words_end, 0.0),
            ended=observation.ended,
            words_kind=words_kind(observation, self._features),
        )
        words = {name: 1.0 for name in self._features.of(match.tokens, match.ignore_only)}
        self._states.append(State(observation.time - observation.onset, words, dict(timing)))
        return 0.0


def states_of(
    overlap: LabelledOverlap, lexicon: Lexicon, features: WordFeatures, interim_lag: float | None
) -> Iterator[State]:
    """What a gate sees of one overlap, frame by frame and word by word, if nothing stops it."""
    states: list[State] = []
    options = GateOptions(confirm_probability=0.999, sensitivity=0.0, max_hold=3.0)
    gate = Gate(
        options, lexicon=lexicon, sources=[StateRecorder(features, states)], expects_transcripts=interim_lag is not None
    )
    replay_words(overlap.words, gate, interim_lag=interim_lag)
    if gate.failure is not None:
        raise gate.failure
    return iter(states)

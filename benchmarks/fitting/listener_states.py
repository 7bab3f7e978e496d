"""What the listener and the voice network say of real clips, moment by moment, and the weights that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.optimize

from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.evidence import (
    EvidenceWeights,
    Observation,
    PhraseOdds,
    TimeEvidence,
    VoiceEvidence,
    WordFeatures,
    bounded,
    ignorable_tokens,
    listener_features,
)
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import PhonemeListener
from prosody_gate.vad import SileroDetector

Samples = npt.NDArray[np.float32]
PENALTY = 2.0


@dataclass(frozen=True)
class ListenerState:
    """One moment of one clip."""

    log_odds: float
    """What the voice network says, not yet bounded."""
    heard: float
    """Seconds of sound that it says this of."""
    timing: float
    recognised: Mapping[str, float]
    interruption: bool
    weight: float


class _Recorder:
    name = "recorder"

    def __init__(
        self,
        lexicon: Lexicon,
        weights: EvidenceWeights,
        states: list[tuple[float, float, float, Mapping[str, float]]],
    ) -> None:
        self._features = WordFeatures((), ignorable_tokens(lexicon))
        self._odds = PhraseOdds(lexicon, weights.openings)
        self._lexicon, self._weights, self._states = lexicon, weights, states

    def reset(self) -> None:
        self._voice = VoiceEvidence(self._weights)
        self._time = TimeEvidence(self._lexicon, self._weights)

    def update(self, observation: Observation) -> float:
        self._voice.update(observation)
        recognised = dict(listener_features(observation, self._features, self._odds))
        timing = self._time.update(observation)
        self._states.append((self._voice.log_odds, self._voice.heard, timing, recognised))
        return 0.0


def listener_states(
    scenes: Sequence[tuple[Samples, bool, float]], lexicon: Lexicon, weights: EvidenceWeights
) -> list[ListenerState]:
    """The states of scenes (samples, interruption, weight) that one listener gets in turn."""
    listener, detector = PhonemeListener(lexicon), SileroDetector()
    options = GateOptions(confirm_probability=0.999, sensitivity=0.0, max_hold=2.0)
    found = []
    for samples, interruption, weight in scenes:
        states: list[tuple[float, float, float, Mapping[str, float]]] = []
        gate = Gate(options, lexicon=lexicon, listener=listener, sources=[_Recorder(lexicon, weights, states)])
        gate.agent_started(float("-inf"))
        detector.reset()
        for start in range(0, len(samples) - FRAME_SAMPLES, FRAME_SAMPLES):
            frame = samples[start : start + FRAME_SAMPLES]
            gate.push(frame, detector.frame_probability(frame))
        gate.close()
        if gate.failure is not None:
            raise gate.failure
        found += [ListenerState(*state, interruption, weight) for state in states]
    return found


def fit_listener(states: Sequence[ListenerState]) -> tuple[dict[str, float], float]:
    """Logistic regression of the listener's features and one scale for the voice, with time as it stands.

    Returns:
        The weights by feature, and the factor on the voice network's log-odds.
    """
    names = sorted({name for state in states for name in state.recognised})
    column = {name: index for index, name in enumerate(names)}
    matrix = np.zeros((len(states), len(names) + 1))
    for row, state in enumerate(states):
        matrix[row, -1] = bounded(state.log_odds, state.heard)
        for name, value in state.recognised.items():
            matrix[row, column[name]] = value
    offset = np.array([state.timing for state in states])
    sign = np.array([1.0 if state.interruption else -1.0 for state in states])
    weight = np.array([state.weight for state in states])
    weight = weight * np.where(sign > 0, weight[sign < 0].sum() / weight[sign > 0].sum(), 1.0)
    weight *= 1000.0 / weight.sum()
    start = np.zeros(len(names) + 1)
    start[-1] = 1.0

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        margin = sign * (matrix @ parameters + offset)
        away = parameters - start
        value = (weight * np.logaddexp(0.0, -margin)).sum() + PENALTY * (away**2).sum()
        slope = -(weight * sign / (1.0 + np.exp(margin))) @ matrix + 2.0 * PENALTY * away
        return float(value), np.asarray(slope)

    best = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    return {name: round(float(best[column[name]]), 3) for name in names}, float(best[-1])

"""Evidence from the voice: what the first moments sound like, and how loud they are for this user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..prosody import MEL_BANDS, ProsodyFrame
from .evidence_source import Observation
from .weights import EvidenceWeights

FEATURES: Final = 2 * MEL_BANDS + 4
"""Two spectra, two levels, the VAD's probability and the strength of voicing."""


class VoiceFeatures:
    """Turns the frames of one overlap into feature vectors, each relative to the loudest spectrum so far.

    That makes them blind to the microphone's gain: a classifier that could see the level would learn it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._reference_db = -np.inf

    def of(self, frame: ProsodyFrame) -> npt.NDArray[np.float32]:
        """The features of the next frame, [FEATURES] float32."""
        levels = 10.0 * np.log10(np.power(10.0, frame.log_mel * 0.1).sum(axis=1))
        self._reference_db = max(self._reference_db, float(levels.max()))
        features = np.empty(FEATURES, np.float32)
        spectra = (frame.log_mel - self._reference_db) * 0.05 + 1.5
        np.clip(spectra.ravel(), -1.5, 2.5, out=features[: 2 * MEL_BANDS])
        features[-4:-2] = np.maximum((levels - self._reference_db) * 0.05, -3.0)
        features[-2] = frame.speech_probability
        features[-1] = frame.voicing
        return features


LIMIT_NATS: Final = 4.0
"""The network's say is bounded: it was trained on few kinds of sound."""

FULL_SAY: Final = 0.3
"""Seconds of sound after which the bound is reached; before, it grows in proportion. A first consonant alone
would often be mistaken for a word that the network never met."""

BACKGROUND_MARGIN_DB: Final = 9.0
"""How far below the user's own speaking level a voice may be and still count as the user's."""

BACKGROUND_NATS_PER_DB: Final = 0.6
BACKGROUND_LIMIT_NATS: Final = 8.0

LEVEL_FRAMES: Final = 4
"""Voiced frames before the level counts (128 ms): a word may begin softly."""


class VoiceEvidence:
    """A small recurrent network over the spectra, and the level against the user's own.

    The network is a gated recurrent unit (Cho et al. 2014, in the form of PyTorch's `nn.GRU`) between two linear
    layers. It reads one vector a frame, from shortly before the onset, and gives log-odds under a balanced prior.

    A voice well below the user's own speaking level in this call is a colleague or a television: each decibel
    beyond `BACKGROUND_MARGIN_DB` costs it `BACKGROUND_NATS_PER_DB`. These two are set by hand, not fitted: the
    shared recordings have no background speech.

    Args:
        weights: The fitted weights.
    """

    name = "voice"
    on_device = True

    def __init__(self, weights: EvidenceWeights) -> None:
        self._network = GruNetwork(weights.network)
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._features = VoiceFeatures()
        self._state = self._network.initial_state()
        self._read = 0
        self._nats = 0.0
        self._speech_frames = 0
        self._voiced_frames = 0
        self._relative_db = 0.0

    def update(self, observation: Observation) -> float:
        """Nats of the sound so far; 0 without audio."""
        frames = observation.frames
        for index in range(self._read, len(frames)):
            frame = frames[index]
            log_odds = self._network.step(self._features.of(frame), self._state)
            if index >= observation.lead_frames:
                self._speech_frames += 1
                limit = LIMIT_NATS * min(self._speech_frames * FRAME_DURATION / FULL_SAY, 1.0)
                self._nats = min(max(log_odds, -limit), limit)
                if frame.voiced and not math.isnan(frame.relative_level_db):
                    self._voiced_frames += 1
                    self._relative_db += (frame.relative_level_db - self._relative_db) / self._voiced_frames
        self._read = max(self._read, len(frames))
        return self._nats + self._level_nats()

    def _level_nats(self) -> float:
        if self._voiced_frames < LEVEL_FRAMES:
            return 0.0
        below = -BACKGROUND_MARGIN_DB - self._relative_db
        return -min(max(below, 0.0) * BACKGROUND_NATS_PER_DB, BACKGROUND_LIMIT_NATS)


class GruNetwork:
    """Linear, tanh, GRU, linear: one step at a time.

    Args:
        parameters: `input_weight` [hidden, features], `input_bias` [hidden], `gate_input` and `gate_state`
            [3 * hidden, hidden] with their biases (rows in PyTorch's order: reset, update, new), `output_weight`
            [hidden], `output_bias` [1].
    """

    def __init__(self, parameters: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._input_weight = parameters["input_weight"]
        self._input_bias = parameters["input_bias"]
        self._gate_input = parameters["gate_input"]
        self._gate_input_bias = parameters["gate_input_bias"]
        self._gate_state = parameters["gate_state"]
        self._gate_state_bias = parameters["gate_state_bias"]
        self._output_weight = parameters["output_weight"]
        self._output_bias = float(parameters["output_bias"][0])
        self._hidden = len(self._input_bias)

    def initial_state(self) -> npt.NDArray[np.float32]:
        """The state before the first step, [hidden] zeros."""
        return np.zeros(self._hidden, np.float32)

    def step(self, features: npt.NDArray[np.float32], state: npt.NDArray[np.float32]) -> float:
        """Read one feature vector, change `state` in place, and give the log-odds."""
        hidden = self._hidden
        inner = np.tanh(self._input_weight @ features + self._input_bias)
        from_input = self._gate_input @ inner + self._gate_input_bias
        from_state = self._gate_state @ state + self._gate_state_bias
        gates = 1.0 / (1.0 + np.exp(-(from_input[: 2 * hidden] + from_state[: 2 * hidden])))
        new = np.tanh(from_input[2 * hidden :] + gates[:hidden] * from_state[2 * hidden :])
        state += (1.0 - gates[hidden:]) * (new - state)
        return float(self._output_weight @ state) + self._output_bias

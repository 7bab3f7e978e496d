"""Evidence from the voice: what the first moments sound like."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..errors import ModelError
from ..prosody import MEL_BANDS, ProsodyFrame
from .evidence_source import Observation
from .speech_embedding import SpeechEmbedding
from .weights import EvidenceWeights

logger = logging.getLogger("prosody_gate")

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
        # Half the time of np.clip, which looks up the limits of the type.
        features[: 2 * MEL_BANDS] = np.minimum(np.maximum(spectra.ravel(), np.float32(-1.5)), np.float32(2.5))
        features[-4:-2] = np.maximum((levels - self._reference_db) * 0.05, -3.0)
        features[-2] = frame.speech_probability
        features[-1] = frame.voicing
        return features


LIMIT_NATS: Final = 4.0
"""The network's say is bounded: it was trained on few kinds of sound."""

FULL_SAY: Final = 0.3
"""Seconds of sound after which the bound is reached; before, it grows in proportion. A first consonant alone
would often be mistaken for a word that the network never met."""

LAST_FRAME: Final = 44
"""Frames since the onset (1.4 s) that the network was trained on; later frames leave what it says as it is."""

FIRST_EMBEDDED: Final = 2
"""Frames since the onset at which the first embedding is taken: a hold begins then."""

DENSE_FRAMES: Final = 26
"""Frames since the onset (0.8 s) in which every second one gets an embedding; after that, every fourth."""

PATIENCE_TIMES: Final = (0.1, 0.25, 0.35, 0.5, 0.8, 1.2)
"""Seconds since the onset at which the fitted patience is given; straight lines between them."""

ALL_NOISE_DB: Final = 15.0
NO_NOISE_DB: Final = 25.0
"""How far the loudest frame is above the room where the network for noise alone is asked, and where it is not asked."""


def noise_share(snr_db: float) -> float:
    """The share of the network for noise in what is said, 0 to 1.

    Args:
        snr_db: Level of the loudest frame since the onset over the noise floor, in dB.
    """
    return min(max((NO_NOISE_DB - snr_db) / (NO_NOISE_DB - ALL_NOISE_DB), 0.0), 1.0)


def bounded(log_odds: float, heard: float) -> float:
    """What the network may say after so much sound.

    Args:
        log_odds: What it does say, in nats.
        heard: Seconds of sound since the onset.
    """
    limit = LIMIT_NATS * min(heard / FULL_SAY, 1.0)
    return min(max(log_odds, -limit), limit)


class VoiceEvidence:
    """A small recurrent network over spectra and speech embeddings.

    The network is a gated recurrent unit (Cho et al. 2014, in the form of PyTorch's `nn.GRU`) between linear layers.
    It reads one vector of spectra a frame, from shortly before the onset, beside it the newest speech embedding, and
    gives log-odds under a balanced prior. Without the embedding's models it goes on with the spectra alone; the log
    says so once a process.

    In noise a second network of the same form is asked. It was trained on the same sounds and on many noisy ones
    besides, and is less sure of short words in quiet rooms. How far the loudest frame so far is above the room says
    which of the two counts how much.

    A confirm cannot be taken back, and the next syllable often settles what the first leaves open: "uh-huh" begins as
    "up" does. So some nats of patience are taken off early on, fitted by the decisions that follow from them.

    Args:
        weights: The fitted weights.

    Attributes:
        log_odds: What the network said last, not yet bounded, in nats.
        heard: Seconds of sound since the onset that it said this of.
    """

    name = "voice"
    on_device = True

    def __init__(self, weights: EvidenceWeights) -> None:
        self._network = GruNetwork(weights.network)
        self._noisy = GruNetwork(weights.noisy_network) if weights.noisy_network else None
        self._patience = [weights.voice.get(f"patience {time:g}", 0.0) for time in PATIENCE_TIMES]
        self._has_embedding = _embedding_is_there()
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self._reading = self._new_reading()
        self._read = 0
        self.log_odds = 0.0
        self.heard = 0.0

    def update(self, observation: Observation) -> float:
        """Nats of the sound so far; 0 without audio."""
        frames = observation.frames
        for index in range(self._read, len(frames)):
            since = index + 1 - observation.lead_frames
            if since <= LAST_FRAME:
                log_odds = self._reading.log_odds(observation, index)
                if since > 0:
                    self.log_odds, self.heard = log_odds, since * FRAME_DURATION
        self._read = max(self._read, len(frames))
        if not self.heard:
            return 0.0
        patience = float(np.interp(observation.time - observation.onset, PATIENCE_TIMES, self._patience))
        return min(max(bounded(self.log_odds, self.heard) + patience, -LIMIT_NATS), LIMIT_NATS)

    def _new_reading(self) -> VoiceReading:
        inputs = VoiceInputs(SpeechEmbedding() if self._has_embedding else None)
        return VoiceReading(self._network, inputs, noisy=self._noisy)


class VoiceInputs:
    """What the network gets to read of one overlap: spectra of each frame, and the newest speech embedding.

    Args:
        embedding: A fresh one; None where its models are missing.
    """

    def __init__(self, embedding: SpeechEmbedding | None) -> None:
        self._embedding = embedding
        self._features = VoiceFeatures()
        self._vector: npt.NDArray[np.float32] | None = None
        self._heard = 0

    def of(
        self, observation: Observation, index: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """The inputs of `observation.frames[index]`; to be asked for every frame in turn.

        Returns:
            The features, [FEATURES] float32, and the embedding, [96] float32 or None while there is none.
        """
        since = index + 1 - observation.lead_frames
        if self._embedding is not None:
            self._embed(self._embedding, observation, since)
        return self._features.of(observation.frames[index]), self._vector

    def _embed(self, embedding: SpeechEmbedding, observation: Observation, since: int) -> None:
        """Let the embedding hear all sound up to the `since`-th frame since the onset."""
        if since < FIRST_EMBEDDED or since % (2 if since <= DENSE_FRAMES else 4):
            return  # the spectra of several frames at once cost what those of one do
        end = min(observation.audio_lead_frames + since, len(observation.audio))
        if end > self._heard:
            embedding.push(np.concatenate(observation.audio[self._heard : end]))
            self._heard = end
        if self._heard:
            self._vector = embedding.vector()


class VoiceReading:
    """What the networks make of one overlap, frame by frame.

    Args:
        network: Shared; the state is kept here.
        inputs: Fresh ones.
        noisy: The network for noise, shared, too; None when there is none.
    """

    def __init__(self, network: GruNetwork, inputs: VoiceInputs, *, noisy: GruNetwork | None = None) -> None:
        self._network = network
        self._inputs = inputs
        self._state = network.initial_state()
        self._noisy = noisy
        self._noisy_state = None if noisy is None else noisy.initial_state()
        self._unread: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]] = []
        """What the network for noise has not read: until the onset nobody knows whether it will be asked."""
        self._snr_db = -np.inf

    def log_odds(self, observation: Observation, index: int) -> float:
        """Read `observation.frames[index]`; every frame before it was read before."""
        features, vector = self._inputs.of(observation, index)
        log_odds = self._network.step(features, vector, self._state)
        if self._noisy is None or self._noisy_state is None:
            return log_odds
        self._unread.append((features, vector))
        if index < observation.lead_frames:
            return log_odds
        self._snr_db = max(self._snr_db, observation.frames[index].snr_db)
        share = noise_share(self._snr_db)
        if share == 0.0:
            # And it stays so: the loudest frame so far can only become louder.
            self._noisy = None
            self._unread.clear()
            return log_odds
        in_noise = log_odds
        for features, vector in self._unread:
            in_noise = self._noisy.step(features, vector, self._noisy_state)
        self._unread.clear()
        return log_odds + share * (in_noise - log_odds)


@lru_cache(maxsize=1)
def _embedding_is_there() -> bool:
    try:
        SpeechEmbedding()
    except ModelError as error:
        logger.warning("voice evidence goes on without the speech embedding, and knows less: %s", error)
        return False
    return True


class GruNetwork:
    """Linear and tanh for each of the two inputs, GRU, linear: one step at a time.

    Args:
        parameters: `input_weight` [inner, features], `input_bias` [inner]; `embedding_weight` [inner_e, 96],
            `embedding_bias` [inner_e], with `embedding_mean` and `embedding_scale` [96]; `gate_input`
            [3 * hidden, inner + inner_e] and `gate_state` [3 * hidden, hidden] with their biases (rows in PyTorch's
            order: reset, update, new), `output_weight` [hidden], `output_bias` [1].
    """

    def __init__(self, parameters: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._input_weight = parameters["input_weight"]
        self._input_bias = parameters["input_bias"]
        self._embedding_weight = parameters["embedding_weight"] / parameters["embedding_scale"]
        self._embedding_bias = parameters["embedding_bias"]
        self._embedding_mean = parameters["embedding_mean"]
        self._gate_input = parameters["gate_input"]
        self._gate_input_bias = parameters["gate_input_bias"]
        self._gate_state = parameters["gate_state"]
        self._gate_state_bias = parameters["gate_state_bias"]
        self._output_weight = parameters["output_weight"]
        self._output_bias = float(parameters["output_bias"][0])
        self._hidden = len(self._output_weight)
        self._inner = np.empty(len(self._input_bias) + len(self._embedding_bias), np.float32)

    def initial_state(self) -> npt.NDArray[np.float32]:
        """The state before the first step, [hidden] zeros."""
        return np.zeros(self._hidden, np.float32)

    def step(
        self,
        features: npt.NDArray[np.float32],
        embedding: npt.NDArray[np.float32] | None,
        state: npt.NDArray[np.float32],
    ) -> float:
        """Read one feature vector and the newest embedding, change `state` in place, and give the log-odds.

        Args:
            features: [FEATURES] float32.
            embedding: [96] float32; None while there is none.
            state: [hidden] float32.
        """
        hidden, inner, spectral = self._hidden, self._inner, len(self._input_bias)
        np.tanh(self._input_weight @ features + self._input_bias, out=inner[:spectral])
        known = 0.0 if embedding is None else self._embedding_weight @ (embedding - self._embedding_mean)
        np.tanh(known + self._embedding_bias, out=inner[spectral:])
        from_input = self._gate_input @ inner + self._gate_input_bias
        from_state = self._gate_state @ state + self._gate_state_bias
        gates = 1.0 / (1.0 + np.exp(-(from_input[: 2 * hidden] + from_state[: 2 * hidden])))
        new = np.tanh(from_input[2 * hidden :] + gates[:hidden] * from_state[2 * hidden :])
        state += (1.0 - gates[hidden:]) * (new - state)
        return float(self._output_weight @ state) + self._output_bias

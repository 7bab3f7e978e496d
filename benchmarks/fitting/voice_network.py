"""Trains the voice network with PyTorch (needed for fitting only) and hands over its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from torch import Tensor, nn

from prosody_gate.evidence import EMBEDDING_SIZE, FEATURES, LAST_FRAME
from prosody_gate.prosody import MEL_BANDS

from .voice_scenes import MAX_FRAMES, Scene

HIDDEN = 48
SPECTRAL, EMBEDDED = 24, 32
"""Units that the spectra and the embedding are brought to: the embedding has seen many more voices."""

EPOCHS = 12
BATCH = 128
LABEL_SMOOTHING = 0.02
FIRST_COUNTED = 2
"""Frames after the onset before the network is asked: a hold begins when two frames of speech are there."""

WITHOUT_EMBEDDING = 0.1
"""Share of the scenes shown without their embeddings: the gate goes on where the models are missing."""

KIND_WEIGHT: Mapping[str, float] = {
    "read_affirmative": 1.0,
    "command_word": 1.0,
    "content_word": 5.0,
    "called_name": 1.2,
    "spoken_order": 0.7,
    "bank_turn": 2.5,
    "bank_acknowledgement": 6.0,
    "bank_noise": 5.0,
    "room_noise": 0.5,
    "background": 0.5,
    "keyboard": 0.7,
    "espeak": 0.5,
    "neural": 0.6,
    "cough_like": 1.5,
    "hum_like": 0.7,
    "laugh_like": 1.0,
    "throat_like": 0.7,
    "sigh_like": 0.7,
    "thump": 0.4,
}
"""So that no set drowns the others; sets that are for evaluation only must not be given."""


Network = dict[str, npt.NDArray[np.float32]]
"""Parameters by name, as `prosody_gate.evidence.voice_evidence.GruNetwork` takes them."""


class _Network(nn.Module):
    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.spectral = nn.Linear(FEATURES, SPECTRAL)
        self.embedded = nn.Linear(EMBEDDING_SIZE, EMBEDDED)
        self.recurrent = nn.GRU(SPECTRAL + EMBEDDED, HIDDEN, batch_first=True)
        self.outer = nn.Linear(HIDDEN, 1)
        self.drop = nn.Dropout(0.25)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, features: Tensor, embeddings: Tensor) -> Tensor:
        known = embeddings.abs().sum(-1, keepdim=True) > 0.0
        centred = (embeddings - self.mean) / self.scale * known
        inner = torch.cat([torch.tanh(self.spectral(features)), torch.tanh(self.embedded(centred))], -1)
        states, _ = self.recurrent(self.drop(inner))
        log_odds: Tensor = self.outer(self.drop(states))[..., 0]
        return log_odds


def train_voice_network(scenes: Sequence[Scene], *, seed: int = 0) -> Network:
    """Fit the network to say at every frame what the whole scene is.

    Args:
        scenes: Training scenes.
        seed: Of the initial weights and the order of the scenes.

    Returns:
        The parameters.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    features = torch.zeros(len(scenes), MAX_FRAMES, FEATURES)
    embeddings = torch.zeros(len(scenes), MAX_FRAMES, EMBEDDING_SIZE)
    counted = torch.zeros(len(scenes), MAX_FRAMES)
    for index, scene in enumerate(scenes):
        length = min(len(scene.features), MAX_FRAMES)
        features[index, :length] = torch.from_numpy(scene.features[:length])
        embeddings[index, :length] = torch.from_numpy(scene.embeddings[:length])
        counted[index, scene.lead + FIRST_COUNTED - 1 : length] = KIND_WEIGHT[scene.kind]
    labels = torch.tensor([float(scene.interruption) for scene in scenes])
    _balance(counted, labels, [scene.lead for scene in scenes])
    found = embeddings[embeddings.abs().sum(-1) > 0.0]
    network = _Network(found.mean(0), found.std(0) + 1e-3)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=2e-2)
    batches = len(scenes) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=EPOCHS * batches + 1)
    ramp = torch.linspace(-1.0, 1.0, MEL_BANDS).repeat(2)
    targets = labels * (1.0 - 2.0 * LABEL_SMOOTHING) + LABEL_SMOOTHING
    for _ in range(EPOCHS):
        order = torch.randperm(len(scenes))
        for batch in order[: batches * BATCH].split(BATCH):
            inputs = features[batch] + 0.05 * torch.randn(len(batch), 1, 1)
            # A tilt of the spectrum, as another microphone would make.
            inputs[..., : 2 * MEL_BANDS] += 0.25 * torch.randn(len(batch), 1, 1) * ramp
            kept = (torch.rand(len(batch), 1, 1) >= WITHOUT_EMBEDDING).float()
            log_odds = network(inputs, embeddings[batch] * kept)
            wanted = targets[batch][:, None].expand_as(log_odds)
            loss = nn.functional.binary_cross_entropy_with_logits(log_odds, wanted, reduction="none")
            loss = (loss * counted[batch]).sum() / counted[batch].sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return _parameters(network)


def averaged(networks: Sequence[Network]) -> Network:
    """One network whose log-odds are the mean of several.

    They lie side by side: a layer's matrix has theirs as blocks, and the states never meet. Networks that were trained
    from other random numbers agree on what they were shown and differ on what they were not, such as real coughs.
    """
    count = np.float32(len(networks))

    def rows(name: str) -> npt.NDArray[np.float32]:
        return np.concatenate([network[name] for network in networks])

    def gates(matrices: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Matrices or biases of three gates each, gate by gate."""
        parts = [np.split(matrix, 3) for matrix in matrices]
        if parts[0][0].ndim == 1:
            return np.concatenate([part[gate] for gate in range(3) for part in parts])
        blocks = [scipy.linalg.block_diag(*(part[gate] for part in parts)) for gate in range(3)]
        return np.concatenate(blocks).astype(np.float32)

    # The spectral units of all networks come first, then all embedded ones.
    of_input = [np.split(network["gate_input"], [len(network["input_bias"])], axis=1) for network in networks]
    return {
        "input_weight": rows("input_weight"),
        "input_bias": rows("input_bias"),
        "embedding_weight": np.concatenate([one["embedding_weight"] / one["embedding_scale"] for one in networks]),
        "embedding_bias": rows("embedding_bias"),
        "embedding_mean": np.mean([network["embedding_mean"] for network in networks], axis=0),
        "embedding_scale": np.ones(EMBEDDING_SIZE, np.float32),
        "gate_input": np.hstack([gates([part[side] for part in of_input]) for side in range(2)]),
        "gate_input_bias": gates([network["gate_input_bias"] for network in networks]),
        "gate_state": gates([network["gate_state"] for network in networks]),
        "gate_state_bias": gates([network["gate_state_bias"] for network in networks]),
        "output_weight": rows("output_weight") / count,
        "output_bias": np.asarray(rows("output_bias").mean(keepdims=True), np.float32),
    }


def _balance(counted: Tensor, labels: Tensor, leads: Sequence[int]) -> None:
    """Give both labels the same weight at every frame since the onset.

    Then how long the speech lasts tells the network nothing: that is the time evidence's part.
    """
    for since in range(LAST_FRAME):
        at = [(row, lead + since) for row, lead in enumerate(leads) if lead + since < MAX_FRAMES]
        rows, columns = (torch.tensor(indices) for indices in zip(*at, strict=True))
        weights = counted[rows, columns]
        for_it, against = (weights * labels[rows]).sum(), (weights * (1.0 - labels[rows])).sum()
        if for_it > 0 and against > 0:
            counted[rows, columns] = weights * torch.where(labels[rows] > 0, against / for_it, torch.tensor(1.0))
        else:
            counted[rows, columns] = 0.0


def _parameters(network: _Network) -> Network:
    named = {
        "input_weight": network.spectral.weight,
        "input_bias": network.spectral.bias,
        "embedding_weight": network.embedded.weight,
        "embedding_bias": network.embedded.bias,
        "embedding_mean": network.mean,
        "embedding_scale": network.scale,
        "gate_input": network.recurrent.weight_ih_l0,
        "gate_input_bias": network.recurrent.bias_ih_l0,
        "gate_state": network.recurrent.weight_hh_l0,
        "gate_state_bias": network.recurrent.bias_hh_l0,
        "output_weight": network.outer.weight[0],
        "output_bias": network.outer.bias,
    }
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in named.items()}

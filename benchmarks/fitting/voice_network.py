"""Trains the voice network with PyTorch (needed for fitting only) and hands over its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from torch import Tensor, nn

from prosody_gate.evidence import FEATURES
from prosody_gate.prosody import MEL_BANDS

from .voice_scenes import MAX_FRAMES, Scene

HIDDEN = 64
EPOCHS = 14
BATCH = 128
LABEL_SMOOTHING = 0.02
FIRST_COUNTED = 2
"""Frames after the onset before the network is asked: a hold begins when two frames of speech are there."""

KIND_WEIGHT: Mapping[str, float] = {
    "read_affirmative": 1.0,
    "command_word": 1.0,
    "content_word": 2.2,
    "called_name": 1.3,
    "spoken_order": 0.6,
    "room_noise": 0.5,
    "background": 0.5,
    "espeak": 0.8,
    "cough_like": 2.5,
    "thump": 0.4,
}
"""So that no set drowns the others; `cough` itself is for evaluation only and must not be given."""


Network = dict[str, npt.NDArray[np.float32]]
"""Parameters by name, as `prosody_gate.evidence.voice_evidence.GruNetwork` takes them."""


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(FEATURES, HIDDEN)
        self.recurrent = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.outer = nn.Linear(HIDDEN, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, features: Tensor) -> Tensor:
        states, _ = self.recurrent(self.drop(torch.tanh(self.inner(features))))
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
    counted = torch.zeros(len(scenes), MAX_FRAMES)
    for index, scene in enumerate(scenes):
        length = min(len(scene.features), MAX_FRAMES)
        features[index, :length] = torch.from_numpy(scene.features[:length])
        counted[index, scene.lead + FIRST_COUNTED - 1 : length] = KIND_WEIGHT[scene.kind]
    labels = torch.tensor([float(scene.interruption) for scene in scenes])
    _balance(counted, labels, [scene.lead for scene in scenes])
    network = _Network()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
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
            log_odds = network(inputs)
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

    def gates(name: str) -> npt.NDArray[np.float32]:
        parts = [np.split(network[name], 3) for network in networks]
        if parts[0][0].ndim == 1:
            return np.concatenate([part[gate] for gate in range(3) for part in parts])
        return np.concatenate([scipy.linalg.block_diag(*(part[gate] for part in parts)) for gate in range(3)])

    return {
        "input_weight": rows("input_weight"),
        "input_bias": rows("input_bias"),
        "gate_input": gates("gate_input").astype(np.float32),
        "gate_input_bias": gates("gate_input_bias"),
        "gate_state": gates("gate_state").astype(np.float32),
        "gate_state_bias": gates("gate_state_bias"),
        "output_weight": rows("output_weight") / count,
        "output_bias": np.asarray(rows("output_bias").mean(keepdims=True), np.float32),
    }


def _balance(counted: Tensor, labels: Tensor, leads: Sequence[int]) -> None:
    """Give both labels the same weight at every frame since the onset.

    Then how long the speech lasts tells the network nothing: that is the time evidence's part.
    """
    for since in range(MAX_FRAMES):
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
        "input_weight": network.inner.weight,
        "input_bias": network.inner.bias,
        "gate_input": network.recurrent.weight_ih_l0,
        "gate_input_bias": network.recurrent.bias_ih_l0,
        "gate_state": network.recurrent.weight_hh_l0,
        "gate_state_bias": network.recurrent.bias_hh_l0,
        "output_weight": network.outer.weight[0],
        "output_bias": network.outer.bias,
    }
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in named.items()}

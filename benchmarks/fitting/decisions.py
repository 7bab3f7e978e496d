"""Fits how voice, time and listener are added up, by the decisions that follow: not by single moments.

A gate confirms at the first moment at which the sum is large enough, and an interruption that is confirmed late counts
as missed. So a clip's loss is that of its largest sum: up to its deadline for an interruption, at any time for all
else. Most moments lie late or after the end, and a regression over moments gives the early ones too little. The loss is
a sigmoid of that sum: a decision counts once, however sure it is. With a logarithmic loss the few that are surely wrong
press the voice down to 0.6 of what it says, and short words with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from prosody_gate.evidence import LIMIT_NATS, PATIENCE_TIMES, bounded
from prosody_gate.gate import GateOptions

from .listener_states import HEARD, LOOKS, HeardClip
from .voice_network import Network

DEADLINES: Mapping[str, float] = {"command_word": 1.0, "spoken_order": 1.5}
"""Seconds within which an interruption is to be confirmed."""

DEADLINE = 1.2
SOON, SOON_SHARE = 0.6, 0.15
"""Seconds within which most of them should be, and the share of the loss that asks for it."""

KIND_WEIGHT: Mapping[str, float] = {
    "read_affirmative": 1.3,
    "command_word": 1.0,
    "content_word": 2.5,
    "called_name": 0.8,
    "spoken_order": 0.8,
    "bank_turn": 3.0,
    "bank_acknowledgement": 0.5,
    "bank_noise": 0.8,
    "keyboard": 0.2,
    "room_noise": 0.1,
    "background": 0.1,
}
"""Share of each kind in the loss, however many clips it has."""

MISSED = 1.3
"""What missed interruptions cost beside false ones; chosen on the folds and on half of the telephone speakers."""

SOFTNESS = 0.5
"""Nats over which a decision turns from wrong to right: smaller ones count decisions, larger ones how sure they are."""

SOUNDS_INVERSE_PENALTY = 0.01
"""L2 on the weights of the sounds: scikit-learn's C."""

PENALTY = 0.1
"""L2 on how far the other weights are moved from where they start."""

UNHEARD_UNTIL, UNHEARD_NATS = 0.25, -0.25
"""Seconds until the listener has had its first say, and what is taken off besides until then. Hardly a clip is decided
otherwise for it, but what an echo guard leaves of the agent's voice was confirmed there on the voice alone."""

START = {"scale": 1.7, "phrases": 0.9, "look": 0.2, "interrupt phrase": 0.6, "sounds": 0.5}


@dataclass(frozen=True)
class FittedSum:
    """How the sources are added up."""

    scale: float
    """Factor on the voice network's log-odds."""
    voice: dict[str, float]
    """`patience` at each of `PATIENCE_TIMES`."""
    listener: dict[str, float]
    """Nats of the listener's features."""
    sounds: dict[str, tuple[float, ...]]
    """Nats of what each look heard."""
    loss: float


def network_log_odds(network: Network, clips: Sequence[HeardClip]) -> list[npt.NDArray[np.float64]]:
    """What the voice network says at each moment of each clip."""
    hidden = len(network["output_weight"])
    embedding = network["embedding_weight"] / network["embedding_scale"]
    length = max(len(clip.scene.features) for clip in clips)
    features = np.zeros((len(clips), length, clips[0].scene.features.shape[1]), np.float32)
    vectors = np.zeros((len(clips), length, clips[0].scene.embeddings.shape[1]), np.float32)
    for row, clip in enumerate(clips):
        features[row, : len(clip.scene.features)] = clip.scene.features
        vectors[row, : len(clip.scene.embeddings)] = clip.scene.embeddings
    known = np.abs(vectors).sum(axis=-1, keepdims=True) > 0.0
    spectral = np.tanh(features @ network["input_weight"].T + network["input_bias"])
    embedded = np.tanh(((vectors - network["embedding_mean"]) * known) @ embedding.T + network["embedding_bias"])
    inputs = np.concatenate([spectral, embedded], axis=-1) @ network["gate_input"].T + network["gate_input_bias"]
    state = np.zeros((len(clips), hidden), np.float32)
    said = np.zeros((len(clips), length))
    for step in range(length):
        from_state = state @ network["gate_state"].T + network["gate_state_bias"]
        gates = 1.0 / (1.0 + np.exp(-(inputs[:, step, : 2 * hidden] + from_state[:, : 2 * hidden])))
        new = np.tanh(inputs[:, step, 2 * hidden :] + gates[:, :hidden] * from_state[:, 2 * hidden :])
        state = state + (1.0 - gates[:, hidden:]) * (new - state)
        said[:, step] = state @ network["output_weight"] + network["output_bias"][0]
    return [said[row, clip.scene.lead + clip.frames - 1] for row, clip in enumerate(clips)]


def clip_weights(clips: Sequence[HeardClip]) -> npt.NDArray[np.float64]:
    """Each clip's share of the loss."""
    kinds = np.array([clip.scene.kind for clip in clips])
    labels = np.array([clip.scene.interruption for clip in clips])
    weights = np.zeros(len(clips))
    for kind in set(kinds):
        for label in (True, False):
            same = (kinds == kind) & (labels == label)
            if same.any():
                weights[same] = KIND_WEIGHT.get(str(kind), 0.2) / same.sum()
    return weights


def fit_sounds(
    clips: Sequence[HeardClip], log_odds: Sequence[npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[np.float64]]:
    """What the sounds of each look say beyond voice and phrases: logistic regression, balanced between the labels."""
    weights, found = clip_weights(clips), {}
    for look in range(LOOKS):
        rows, labels, shares = [], [], []
        for clip, said, weight in zip(clips, log_odds, weights, strict=True):
            at = np.flatnonzero(clip.looks == look)
            if not len(at):
                continue
            voice = bounded(float(said[at[0]]), LIMIT_NATS)
            rows.append([voice, clip.phrases[at[0]], *clip.sounds[look]])
            labels.append(clip.scene.interruption)
            shares.append(weight)
        label, share = np.array(labels), np.array(shares)
        share = np.where(label, share * share[~label].sum() / share[label].sum(), share)
        model = LogisticRegression(C=SOUNDS_INVERSE_PENALTY, max_iter=500)
        model.fit(np.array(rows), label, sample_weight=share * len(share) / share.sum())
        found[f"look {look}"] = model.coef_[0, 2 : 2 + HEARD]
    return found


def fit_sum(
    clips: Sequence[HeardClip], log_odds: Sequence[npt.NDArray[np.float64]], *, prior_shift: float = 0.0
) -> FittedSum:
    """Fit the sum by the decisions that follow from it, with time as it stands.

    Args:
        clips: What to decide about.
        log_odds: What a voice network that never met them says of each.
        prior_shift: Nats that the time weights still lack, as `at_natural_odds` adds them.
    """
    torch.set_num_threads(1)
    sounds = fit_sounds(clips, log_odds)
    clip_of = torch.tensor(np.repeat(np.arange(len(clips)), [len(clip.times) for clip in clips]))
    times = np.concatenate([clip.times for clip in clips])
    looks = np.concatenate([clip.looks for clip in clips])
    frames = np.concatenate([clip.frames for clip in clips])
    of_sounds = np.concatenate(
        [
            np.array([sounds[f"look {look}"] @ clip.sounds[look] if look >= 0 else 0.0 for look in range(-1, LOOKS)])[
                clip.looks + 1
            ]
            for clip in clips
        ]
    )
    said = torch.tensor(np.concatenate(log_odds))
    limit = torch.tensor(np.array([bounded(1e9, frame * 0.032) for frame in frames]))
    timing = torch.tensor(np.concatenate([clip.timing for clip in clips]) + prior_shift)
    phrases = torch.tensor(np.concatenate([clip.phrases for clip in clips]))
    interrupt = torch.tensor(np.concatenate([clip.interrupt_phrases for clip in clips]))
    sounding = torch.tensor(of_sounds)
    hats = torch.tensor(_hats(times))
    look_is = torch.tensor((looks[:, None] == np.arange(LOOKS)[None]).astype(float))
    labels = torch.tensor(np.array([clip.scene.interruption for clip in clips]))
    weights = torch.tensor(clip_weights(clips))
    weights = torch.where(labels, MISSED * weights * weights[~labels].sum() / weights[labels].sum(), weights)
    deadlines = np.array([DEADLINES.get(clip.scene.kind, DEADLINE) for clip in clips])
    no_interruption = ~labels[clip_of]
    in_time = torch.tensor(times <= deadlines[clip_of.numpy()]) | no_interruption
    soon = torch.tensor(times <= SOON) | no_interruption
    free = {
        "scale": torch.tensor([START["scale"]], dtype=torch.float64),
        "patience": torch.zeros(len(PATIENCE_TIMES), dtype=torch.float64),
        "phrases": torch.tensor([START["phrases"]], dtype=torch.float64),
        "look": torch.full((LOOKS,), START["look"], dtype=torch.float64),
        "interrupt phrase": torch.tensor([START["interrupt phrase"]], dtype=torch.float64),
        "sounds": torch.tensor([START["sounds"]], dtype=torch.float64),
    }
    start = {name: value.clone() for name, value in free.items()}
    for value in free.values():
        value.requires_grad_(True)
    needed = GateOptions().confirm_log_odds

    def largest(sums: Tensor, counted: Tensor) -> Tensor:
        lowest = torch.full((len(clips),), -9.0, dtype=torch.float64)
        masked = torch.where(counted, sums, torch.tensor(-9.0, dtype=torch.float64))
        return lowest.scatter_reduce(0, clip_of, masked, "amax")

    def loss() -> Tensor:
        voice = torch.minimum(torch.maximum(said * free["scale"], -limit), limit) + hats @ free["patience"]
        listener = free["phrases"] * phrases + free["interrupt phrase"] * interrupt + free["sounds"] * sounding
        sums = (voice + listener + look_is @ free["look"] + timing - needed) / SOFTNESS
        wrong = torch.sigmoid
        missed = (1.0 - SOON_SHARE) * wrong(-largest(sums, in_time)) + SOON_SHARE * wrong(-largest(sums, soon))
        value = (weights * torch.where(labels, missed, wrong(largest(sums, in_time)))).sum()
        away = sum(((value_ - start[name]) ** 2).sum() for name, value_ in free.items())
        return value + PENALTY * away

    optimiser = torch.optim.LBFGS(list(free.values()), lr=0.5, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimiser.step(closure)
    done = {name: value.detach().numpy() for name, value in free.items()}
    share = float(done["sounds"][0])
    return FittedSum(
        scale=float(done["scale"][0]),
        voice={
            f"patience {time:g}": round(float(nats) + (UNHEARD_NATS if time <= UNHEARD_UNTIL else 0.0), 3)
            for time, nats in zip(PATIENCE_TIMES, done["patience"], strict=True)
        },
        listener={
            "phrases": round(float(done["phrases"][0]), 3),
            "interrupt phrase": round(float(done["interrupt phrase"][0]), 3),
            **{f"look {look}": round(float(nats), 3) for look, nats in enumerate(done["look"])},
        },
        sounds={name: tuple(round(float(nats) * share, 3) for nats in row) for name, row in sounds.items()},
        loss=float(loss().detach()),
    )


def _hats(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What each of `PATIENCE_TIMES` counts at each moment, as straight lines between them have it, [moments, times]."""
    knots = np.array(PATIENCE_TIMES)
    return np.stack([np.interp(times, knots, row) for row in np.eye(len(knots))], axis=1)

"""Measures what the phoneme recogniser makes of each sound, on recordings of known words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prosody_gate.lexicon import SOUNDS
from prosody_gate.listener import SoundModel

Floats = npt.NDArray[np.float64]

ROUNDS = 6
"""Rounds of expectation and maximisation; the likelihood hardly moves after the fifth."""

PRIOR = 12.0
"""Sounds seen beforehand, most of them recognised right: rare sounds stay near to that."""

INSERTED = 0.001
"""P(a certain sound is recognised where none was said): at 0.02, the five sounds of "street" counted as "right"."""

ALIKE = (
    ("aɪ", "ɑ", "eɪ"), ("aʊ", "ɑ", "æ"), ("oʊ", "ɔ", "ʊ", "u", "ʌ"), ("eɪ", "ɛ", "ɪ", "i"), ("æ", "ɛ", "ɑ", "ʌ"),
    ("ə", "ʌ", "ɪ", "ɛ"), ("ɚ", "ə", "ɹ"), ("ʊ", "u", "ə"), ("i", "ɪ"), ("ɔɪ", "ɔ"), ("ɑ", "ɔ"), ("b", "p", "v"),
    ("d", "t", "ð", "g"), ("g", "k", "d"), ("p", "t", "k"), ("s", "z", "θ", "f", "ʃ"), ("ʃ", "tʃ", "ʒ", "s"),
    ("dʒ", "tʃ", "ʒ", "d"), ("m", "n", "ŋ"), ("l", "w", "ɹ", "oʊ"), ("f", "θ", "v"), ("ð", "v", "l"), ("h", "k"),
    ("j", "i"),
)  # fmt: skip
"""Sounds that the recogniser may take for each other before anything was measured."""


@dataclass(frozen=True)
class KnownSound:
    """What the recogniser made of a recording whose words are known."""

    frames: npt.NDArray[np.float32]
    """Probability of nothing, then of each sound, [n, 1 + sounds]."""
    pronunciations: tuple[tuple[int, ...], ...]
    """The ways to say the words; the likeliest counts."""
    whole: bool
    """Whether all of the words are in the recording, not only their beginning."""
    weight: float = 1.0


def initial_model() -> SoundModel:
    """The model before anything was measured."""
    count = len(SOUNDS)
    confusion = np.full((count, count), 0.05 / count)
    for group in ALIKE:
        for one in group:
            for other in group:
                if one != other:
                    confusion[SOUNDS.index(one), SOUNDS.index(other)] += 0.06
    confusion[np.arange(count), np.arange(count)] += 0.7
    confusion /= confusion.sum(axis=1, keepdims=True)
    return SoundModel(confusion.astype(np.float32), np.full(count, 0.12, np.float32), inserted=INSERTED, other=0.03)


def fit_sound_model(known: Sequence[KnownSound]) -> SoundModel:
    """Expectation maximisation over all alignments of the words with the recogniser's frames."""
    first = model = initial_model()
    for _ in range(ROUNDS):
        counts = first.confusion.astype(np.float64) * PRIOR
        missed = first.missed.astype(np.float64) * PRIOR
        entered = (1.0 - first.missed.astype(np.float64)) * PRIOR
        for sound in known:
            scored = [_align(sound.frames, np.array(one), sound.whole, model) for one in sound.pronunciations]
            best = max(scored, key=lambda one: one[0])
            _, said, heard, skipped = best
            row = np.array(sound.pronunciations[[one[0] for one in scored].index(best[0])])
            for place, number in enumerate(row):
                # One sound counts once, however many frames it lasts.
                total = heard[place].sum()
                if total > 0:
                    counts[number] += sound.weight * said[place] * heard[place] / total
                entered[number] += sound.weight * said[place]
                missed[number] += sound.weight * skipped[place]
        model = SoundModel(
            (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32),
            (missed / (missed + entered)).astype(np.float32),
            inserted=first.inserted,
            other=first.other,
        )
    return model


def _align(
    frames: npt.NDArray[np.float32], row: npt.NDArray[np.int64], whole: bool, model: SoundModel
) -> tuple[float, Floats, Floats, Floats]:
    """Forward and backward over one chain of sounds.

    Returns:
        The log-likelihood; for each sound P(it was recognised as something), the expected sounds it was recognised as
        [n, sounds], and P(it was missed).
    """
    length = len(row)
    nothing = np.clip(frames[:, 0].astype(np.float64), 1e-4, 1.0)
    emitted = np.clip(frames[:, 1:].astype(np.float64) @ model.confusion.T.astype(np.float64), 1e-7, None)
    missed = model.missed.astype(np.float64)[row]
    states = 2 * length + 2
    # rest before sound 0, sound 0, rest, sound 1, ... rest after the last; then any other sounds.
    moves = np.zeros((states, states))
    for place in range(length + 1):
        rest, sound = 2 * place, 2 * place - 1
        moves[rest, rest] = 1.0
        if place:
            moves[sound, sound] = moves[sound, rest] = 1.0
        for origin in (rest, sound):
            if origin < 0:
                continue
            if place < length:
                moves[origin, 2 * place + 1] = 1.0 - missed[place]
            if place + 1 < length:
                moves[origin, 2 * place + 3] = missed[place] * (1.0 - missed[place + 1])
    after = states - 1
    moves[2 * length, after] = moves[2 * length - 1, after] = moves[after, after] = 1.0
    emission = np.empty((len(frames), states))
    emission[:, 0 : 2 * length + 1 : 2] = (nothing + model.inserted * (1.0 - nothing))[:, None]
    emission[:, 1 : 2 * length : 2] = emitted[:, row]
    emission[:, after] = nothing * 0.5 + model.other * (1.0 - nothing)
    end = np.ones(states)
    if whole:
        end[:] = 1e-6
        end[after] = 0.2
        left = 1.0
        for place in range(length, -1, -1):
            end[2 * place] = left
            if place:
                end[2 * place - 1] = left
                left *= missed[place - 1]
    forward = np.empty((len(frames), states))
    state = np.zeros(states)
    state[0] = 1.0
    log = 0.0
    for index, emits in enumerate(emission):
        state = (state @ moves) * emits
        scale = state.sum()
        state /= scale
        log += np.log(scale)
        forward[index] = state
    total = forward[-1] @ end
    log += np.log(max(total, 1e-300))
    backward = end / max(total, 1e-300)
    heard = np.zeros((length, frames.shape[1] - 1))
    said, skipped = np.zeros(length), np.zeros(length)
    for index in range(len(frames) - 1, -1, -1):
        gamma = forward[index] * backward
        gamma /= gamma.sum()
        for place in range(length):
            share = gamma[2 * place + 1]
            if share > 1e-4:
                mix = model.confusion[row[place]] * frames[index, 1:]
                heard[place] += share * mix / max(mix.sum(), 1e-12)
        before = forward[index - 1] if index else np.eye(states)[0]
        flow = before[:, None] * moves * (emission[index] * backward)[None, :]
        flow /= max(flow.sum(), 1e-300)
        for place in range(length):
            entering = flow[[2 * place, 2 * place - 1][: 2 if place else 1], 2 * place + 1].sum()
            if place:
                jump = flow[[2 * place - 2, 2 * place - 3][: 2 if place > 1 else 1], 2 * place + 1].sum()
                skipped[place - 1] += jump
                entering += jump
            said[place] += entering
        backward = moves @ (emission[index] * backward)
        backward /= max(float(backward.max()), 1e-300)
    if whole:
        ends = forward[-1] * end
        ends /= max(ends.sum(), 1e-300)
        for place in range(length):
            skipped[place] += ends[: 2 * place + 1].sum()
    return log, np.clip(said, 0.0, 1.0), heard, np.clip(skipped, 0.0, 1.0)

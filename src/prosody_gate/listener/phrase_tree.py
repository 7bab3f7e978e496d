"""Follows many pronunciations at once through the recogniser's frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SoundModel:
    """What the recogniser makes of each sound, as it was measured on recordings of known words."""

    confusion: Floats
    """P(recogniser's sound | sound said), [sounds, sounds]; rows add up to 1."""
    missed: Floats
    """P(nothing is recognised | sound said), [sounds]."""
    inserted: float
    """P(a certain sound is recognised in a frame where none was said)."""
    other: float
    """Likelihood of any one sound in a word that is not among those followed."""


class PhraseTree:
    """A tree of pronunciations that share their beginnings, followed frame by frame.

    Each place in the tree has two states, as in connectionist temporal classification (Graves et al. 2006): its
    sound is being heard, or was heard and nothing has come since. A sound may be taken for another, missed, or heard
    where there was none, with the odds of the sound model. After the last sound of a pronunciation anything may follow.

    Args:
        pronunciations: Rows of sound numbers, at least one sound each; the same row may occur twice.
        model: The recogniser's confusions.
    """

    def __init__(self, pronunciations: Sequence[Sequence[int]], model: SoundModel) -> None:
        self._model = model
        index: dict[tuple[int, ...], int] = {(): 0}
        parents, sounds = [0], [0]
        ends: list[int] = []
        paths: list[list[int]] = []
        for pronunciation in pronunciations:
            path = [0]
            for length in range(1, len(pronunciation) + 1):
                prefix = tuple(pronunciation[:length])
                if prefix not in index:
                    index[prefix] = len(parents)
                    parents.append(path[-1])
                    sounds.append(prefix[-1])
                path.append(index[prefix])
            ends.append(path[-1])
            paths.append(path)
        self._parent = np.array(parents)
        self._sound = np.array(sounds)
        self._end = np.array(ends)
        # Node 0 is its own parent; nothing enters it.
        self._skip = model.missed[self._sound[self._parent]] * (self._parent > 0)
        self._enter = (1.0 - model.missed[self._sound]).astype(np.float32)
        self._enter[0] = 0.0
        width = max(map(len, paths))
        self._paths = np.array([path[:-1] + [len(parents)] * (width - len(path) + 1) for path in paths])
        self._last_missed = model.missed[self._sound]

    @property
    def size(self) -> int:
        """Places in the tree, the root included."""
        return len(self._parent)

    def follow(self, frames: Floats) -> tuple[Floats, Floats, float, float]:
        """Follow all pronunciations through the frames.

        Args:
            frames: Probability of nothing, then of each sound, in each frame, [n, 1 + sounds].

        Returns:
            For each pronunciation the likelihood that it has been said (whatever came after it), and that it has been
            begun and not ended; the likelihood of silence; and that of another word. All on one scale, which
            is set so that they are at most 1.
        """
        model = self._model
        emitted = frames[:, 1:] @ model.confusion.T
        nothing = np.clip(frames[:, 0], 1e-4, 1.0)
        quiet = nothing + model.inserted * (1.0 - nothing)
        something = model.other * (1.0 - nothing)
        parent, grand, sound, end = self._parent, self._parent[self._parent], self._sound, self._end
        resting = np.zeros(self.size, np.float32)
        resting[0] = 1.0
        sounding = np.zeros(self.size, np.float32)
        after = np.zeros(len(end), np.float32)
        unknown = 0.0
        for heard, still, silent, another in zip(emitted, quiet, nothing, something, strict=True):
            mass = resting + sounding
            from_parent = mass[parent] + self._skip * mass[grand]
            moved = heard[sound] * (sounding + self._enter * from_parent)
            after = silent * after + another * (after + mass[end])
            unknown = float(silent * unknown + another * (unknown + mass[0]))
            resting = still * mass
            sounding = moved
            scale = max(float(moved.max()), float(resting.max()), float(after.max(initial=0.0)), unknown, 1e-30)
            resting /= scale
            sounding /= scale
            after /= scale
            unknown /= scale
        mass = np.append(resting + sounding, np.float32(0.0))
        said = after + mass[end] + self._last_missed[end] * mass[parent[end]] * (parent[end] > 0)
        begun = mass[self._paths].sum(axis=1)
        return said, begun, float(mass[0]), unknown

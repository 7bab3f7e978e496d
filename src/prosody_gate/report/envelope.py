"""The outline of a recording, as a picture of its waveform needs it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio import AudioFile


class Envelope(NamedTuple):
    """Lowest and highest sample in each of [n] stretches of equal length."""

    times: npt.NDArray[np.float64]
    """Middle of each stretch, in seconds."""
    lowest: npt.NDArray[np.float32]
    """In [-1, 1]."""
    highest: npt.NDArray[np.float32]
    """In [-1, 1]."""

    @property
    def peak(self) -> float:
        """The greatest distance from zero, 0 to 1."""
        return float(max(np.abs(self.lowest).max(), np.abs(self.highest).max()))


def read_envelope(recording: AudioFile, channel: int | None, *, points: int) -> Envelope:
    """Read the outline of one channel, block by block.

    Args:
        recording: An open recording.
        channel: From 0; None takes the mean of all.
        points: How many stretches, at least 1; a short recording has at most one a sample.

    Raises:
        AudioError: As `AudioFile.blocks`.
    """
    samples = max(1, round(recording.duration * recording.sample_rate))
    points = min(points, samples)
    # Stretch k ends before sample ends[k]; whole numbers, so that no sample falls between two.
    ends = (np.arange(1, points + 1) * samples) // points
    lowest = np.full(points, np.inf, np.float32)
    highest = np.full(points, -np.inf, np.float32)
    position = 0
    for block in recording.blocks(channel):
        first, last = np.searchsorted(ends, [position, position + block.size - 1], side="right")
        last = min(int(last), points - 1)
        starts = np.concatenate(([0], ends[first:last] - position))
        stretch = slice(first, last + 1)
        lowest[stretch] = np.minimum(lowest[stretch], np.minimum.reduceat(block, starts))
        highest[stretch] = np.maximum(highest[stretch], np.maximum.reduceat(block, starts))
        position += block.size
    known = np.isfinite(lowest)
    middles = (ends - samples / points / 2.0) / recording.sample_rate
    return Envelope(middles[known], lowest[known], highest[known])

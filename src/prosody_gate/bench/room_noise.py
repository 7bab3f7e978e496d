"""Noise that sounds like the room a clip was recorded in, made from the clip's quietest moments."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

WINDOW: Final = 512
HOP: Final = 128

QUIETEST_SHARE: Final = 0.05
"""Share of a clip's windows that count as its room."""

LEAST_WINDOWS: Final = 2

DIGITAL_SILENCE: Final = 2.0**-16
"""Half a step of 16-bit audio: below it there was padding, not a room."""

LEAST_POWER: Final = 1e-9
"""-90 dBFS: a room is never quieter than a converter."""

MOST_PADDED: Final = 0.1
"""Share of a window that padding may take before the window tells nothing about the room."""

Samples = npt.NDArray[np.float32]


def room_noise(clip: Samples, length: int, rng: np.random.Generator, *, silence_dbfs: float = -75.0) -> Samples:
    """Make noise with the level and the spectrum of a clip's quietest windows.

    White noise is shaped with the mean power spectrum of the quietest 5 % of the windows of 32 ms, padding left
    out. The noise has no repeats, as a tiled stretch would have, and no voice.

    Args:
        clip: Mono float32 at 16 kHz, shape [n].
        length: Samples to make.
        rng: Where its randomness comes from.
        silence_dbfs: Level of the white noise that is made where the clip has no room: all padding, or too short.

    Returns:
        Float32 of shape [length].
    """
    white = rng.standard_normal(length)
    spectrum = _quietest_spectrum(clip)
    if spectrum is None:
        return np.asarray(white * 10.0 ** (silence_dbfs / 20.0), np.float32)
    bins = np.fft.rfft(white)
    places = np.linspace(0.0, len(spectrum) - 1.0, len(bins))
    shaped = np.fft.irfft(bins * np.sqrt(np.interp(places, np.arange(len(spectrum)), spectrum)), length)
    return np.asarray(shaped, np.float32)


def is_padding(samples: Samples) -> npt.NDArray[np.bool_]:
    """Where a clip holds nothing, not even a room: runs of 10 ms or more of digital silence, shape [n]."""
    shortest = 160
    silent = np.abs(samples) < DIGITAL_SILENCE
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    padding = np.zeros(len(samples), np.bool_)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= shortest:
            padding[start:stop] = True
    return padding


def _quietest_spectrum(clip: Samples) -> npt.NDArray[np.float64] | None:
    """Mean power a sample, by frequency, of the quietest windows; None where there is no room."""
    if len(clip) < WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(clip, WINDOW)[::HOP]
    padded = np.lib.stride_tricks.sliding_window_view(is_padding(clip), WINDOW)[::HOP]
    power = np.mean(np.square(windows, dtype=np.float64), axis=1)
    usable = np.flatnonzero((power > LEAST_POWER) & (padded.mean(axis=1) <= MOST_PADDED))
    if len(usable) < LEAST_WINDOWS:
        return None
    count = max(LEAST_WINDOWS, round(QUIETEST_SHARE * len(usable)))
    quietest = usable[np.argsort(power[usable], kind="stable")[:count]]
    taper = np.hanning(WINDOW)
    spectra = np.abs(np.fft.rfft(windows[quietest] * taper, axis=1)) ** 2
    return np.asarray(spectra.mean(axis=0) / np.sum(taper**2), np.float64)

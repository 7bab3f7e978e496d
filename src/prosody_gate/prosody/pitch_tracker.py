"""F0 and a voicing decision from the autocorrelation of one window."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE

WINDOW_SAMPLES: Final = 1024
TRANSFORM_SAMPLES: Final = 2048
KEPT_BINS: Final = 256
"""Bins of the spectrum that are kept: up to 2 kHz, where voiced speech is periodic."""

LAG_SAMPLES: Final = 1024
"""Length of the inverse transform: zero-padding the cut spectrum interpolates the lags."""

LAG_RATE: Final = SAMPLE_RATE * LAG_SAMPLES / TRANSFORM_SAMPLES
"""Rate of the lags, in Hz (8 kHz)."""

OCTAVE_COST: Final = 0.05
"""Taken off a candidate per octave below the highest F0, against sub-harmonics (Boersma 1993, eq. 26)."""

SILENCE_POWER: Final = 1e-9
"""Mean power (-90 dBFS) below which a window is not searched."""


class Pitch(NamedTuple):
    """One window's F0.

    `hz` is NaN when nothing periodic was found in range; `strength` is the normalised autocorrelation at the
    period, 0 to 1, and serves as the probability-like measure of voicing.
    """

    hz: float
    strength: float


UNVOICED: Final = Pitch(math.nan, 0.0)


class PitchTracker:
    """Autocorrelation pitch after Boersma (1993, "Accurate short-term analysis of the fundamental frequency").

    The autocorrelation of the Hann-windowed signal is divided by that of the window, which makes its peaks
    comparable across lags; the spectrum is cut at 2 kHz first, which removes most of a room's noise and makes
    the inverse transform small.

    Args:
        lowest_hz: Lowest F0 searched, in Hz.
        highest_hz: Highest F0 searched, in Hz.
    """

    def __init__(self, *, lowest_hz: float = 60.0, highest_hz: float = 500.0) -> None:
        self._window = np.hanning(WINDOW_SAMPLES).astype(np.float32)
        window_correlation = self._correlate(self._window)
        self._first = int(LAG_RATE / highest_hz)
        self._last = math.ceil(LAG_RATE / lowest_hz)
        # One lag more on either side, so that every lag in range has two neighbours.
        lags = np.arange(self._first - 1, self._last + 2)
        self._scale = (window_correlation[0] / window_correlation[lags]).astype(np.float32)
        self._cost = (OCTAVE_COST * np.log2(lags[1:-1] * highest_hz / LAG_RATE)).astype(np.float32)

    def _correlate(self, windowed: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        spectrum = np.fft.rfft(windowed, TRANSFORM_SAMPLES)[: KEPT_BINS + 1]
        return np.asarray(np.fft.irfft(spectrum.real**2 + spectrum.imag**2, LAG_SAMPLES), dtype=np.float32)

    def track(self, samples: npt.NDArray[np.float32]) -> Pitch:
        """F0 of one window.

        Args:
            samples: [WINDOW_SAMPLES] float32, 64 ms.
        """
        if float(samples @ samples) < SILENCE_POWER * WINDOW_SAMPLES:
            return UNVOICED
        correlation = self._correlate((samples - samples.mean()) * self._window)
        power = float(correlation[0])
        if power <= 0.0:
            return UNVOICED
        strengths = correlation[self._first - 1 : self._last + 2] * self._scale / power
        before, middle, after = strengths[:-2], strengths[1:-1], strengths[2:]
        peaks = np.flatnonzero((middle > before) & (middle >= after))
        if not len(peaks):
            return UNVOICED
        # Parabolas through the peaks: between two lags a high voice would lose to its own sub-harmonic.
        rise = 0.5 * (before[peaks] - after[peaks])
        shift = rise / (before[peaks] - 2.0 * middle[peaks] + after[peaks])
        heights = middle[peaks] - 0.5 * rise * shift
        best = int(np.argmax(heights - self._cost[peaks]))
        strength = min(max(float(heights[best]), 0.0), 1.0)
        return Pitch(LAG_RATE / float(self._first + peaks[best] + shift[best]), strength)

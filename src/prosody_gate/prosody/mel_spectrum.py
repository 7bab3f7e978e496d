"""Log-mel spectra of the analysis stream, two per frame."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE

MEL_BANDS: Final = 24
"""Bands in one spectrum, spaced evenly in mel from 80 Hz to 7.6 kHz."""

WINDOW_SAMPLES: Final = 512
HOP_SAMPLES: Final = 256
LOWEST_HZ: Final = 80.0
HIGHEST_HZ: Final = 7600.0
FLOOR_POWER: Final = 1e-10
"""Added to each band's power, so that digital silence reads -100 dB."""


def _hz_to_mel(hz: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """O'Shaughnessy's mel scale (Speech Communication: Human and Machine, 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0))


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))


def _filter_bank() -> npt.NDArray[np.float32]:
    """Triangular filters of unit sum, [MEL_BANDS, bins]; a band narrower than a bin takes the nearest bin."""
    edges = _mel_to_hz(np.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), MEL_BANDS + 2))
    bins = np.fft.rfftfreq(WINDOW_SAMPLES, 1.0 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1, None] - edges[:-2, None])
    falling = (edges[2:, None] - bins) / (edges[2:, None] - edges[1:-1, None])
    bank = np.maximum(0.0, np.minimum(rising, falling))
    for band in np.flatnonzero(bank.sum(axis=1) == 0.0):
        bank[band, np.argmin(np.abs(bins - edges[band + 1]))] = 1.0
    return np.asarray(bank / bank.sum(axis=1, keepdims=True), dtype=np.float32)


class MelSpectrum:
    """Log-mel power of 32 ms windows every 16 ms.

    `compute` takes the 256 samples before a frame and the frame, 768 in all, and gives the two spectra whose
    windows end in the middle and at the end of the frame.
    """

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW_SAMPLES).astype(np.float32)
        # A Hann window keeps 3/8 of the power of what it is laid over.
        self._bank = _filter_bank().T / np.float32(WINDOW_SAMPLES * 0.375)
        self.centres_hz = _mel_to_hz(np.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), MEL_BANDS + 2))[1:-1]

    def compute(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-mel spectra in dB.

        Args:
            samples: [HOP_SAMPLES + FRAME_SAMPLES] float32.

        Returns:
            [2, MEL_BANDS] float32, dB of power relative to full scale, not below -100.
        """
        windows = np.empty((2, WINDOW_SAMPLES), np.float32)
        np.multiply(samples[:WINDOW_SAMPLES], self._window, out=windows[0])
        np.multiply(samples[HOP_SAMPLES:], self._window, out=windows[1])
        spectrum = np.fft.rfft(windows)
        power = spectrum.real**2 + spectrum.imag**2
        return np.asarray(10.0 * np.log10(power @ self._bank + FLOOR_POWER), dtype=np.float32)

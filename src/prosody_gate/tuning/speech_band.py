"""Finds where the band of a microphone ends."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES, SAMPLE_RATE

STEP_HZ: Final = 100.0
LOUD_BAND_HZ: Final = (300.0, 3_000.0)
"""Where speech has its power, on any line."""

EDGE_DB: Final = 45.0
"""How far below that band's loudest part the power lies where nothing is let through: the sibilants of wide-band speech
are 20 to 35 dB below it, the stop band of a telephone line is 60 dB or more."""


def upper_edge_hz(speech: npt.NDArray[np.float32]) -> float:
    """The highest frequency that carries power, in steps of 100 Hz.

    Args:
        speech: Frames of speech, float32 at 16 kHz, shape [n, 512].
    """
    # Hann side lobes fall fast enough that the loud band does not reach into an empty one.
    spectra = np.abs(np.fft.rfft(speech * np.hanning(FRAME_SAMPLES), axis=1)) ** 2
    hertz = np.fft.rfftfreq(FRAME_SAMPLES, 1.0 / SAMPLE_RATE)
    mean = spectra.mean(axis=0)
    edges = np.arange(0.0, SAMPLE_RATE / 2, STEP_HZ)
    steps = np.array([mean[(hertz >= low) & (hertz < low + STEP_HZ)].mean() for low in edges])
    loudest = steps[(edges >= LOUD_BAND_HZ[0]) & (edges < LOUD_BAND_HZ[1])].max()
    carrying = np.flatnonzero(steps > loudest * 10.0 ** (-EDGE_DB / 10.0))
    return float(edges[carrying[-1]] + STEP_HZ)

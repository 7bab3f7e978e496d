"""What a recording shows of its line and room: the upper edge of its band, and mains hum."""

from __future__ import annotations

from dataclasses import dataclass
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


MAINS_HZ: Final = (50.0, 60.0)
HARMONICS: Final = 8
WINDOW: Final = 16_384
"""Samples of a spectrum: bins of about 1 Hz, which part 300 Hz of 50 from that of nothing else nearby."""

LINE_WIDTH_HZ: Final = 2.5
NEIGHBOURS_HZ: Final = 12.0
STANDS_OUT: Final = 10.0
"""Times the power of its neighbours from which a line is one."""

LEAST_LINES: Final = 3
LEAST_SHARE: Final = 0.1
"""Share of the room's power from which a hum is worth a warning."""


@dataclass(frozen=True)
class MainsHum:
    """What the mains put into a recording."""

    hz: float
    """50 or 60."""
    share: float
    """Share of the room's power, 0 to 1."""


def find_mains_hum(room: npt.NDArray[np.float32]) -> MainsHum | None:
    """The hum in a room, where there is one.

    Args:
        room: Float32 at 16 kHz, shape [n]; less than 1 s is too short.

    Returns:
        The hum, or None.
    """
    if len(room) < WINDOW:
        return None
    count = 1 + (len(room) - WINDOW) // (WINDOW // 2)
    taper = np.hanning(WINDOW)
    power = np.zeros(WINDOW // 2 + 1)
    for start in range(0, count * (WINDOW // 2), WINDOW // 2):
        power += np.abs(np.fft.rfft(room[start : start + WINDOW] * taper)) ** 2
    hertz = np.asarray(np.fft.rfftfreq(WINDOW, 1.0 / SAMPLE_RATE), np.float64)
    total = float(power[hertz >= MAINS_HZ[0] / 2].sum())
    if total <= 0.0:
        return None
    found = []
    for mains in MAINS_HZ:
        lines = [_line(power, hertz, mains * number) for number in range(1, HARMONICS + 1)]
        if sum(line > 0.0 for line in lines) >= LEAST_LINES or lines[0] > LEAST_SHARE * total:
            found.append(MainsHum(mains, sum(lines) / total))
    best = max(found, key=lambda hum: hum.share, default=None)
    return best if best is not None and best.share >= LEAST_SHARE else None


def _line(power: npt.NDArray[np.float64], hertz: npt.NDArray[np.float64], at: float) -> float:
    """The power of a line over its neighbours; 0 where it does not stand out."""
    distance = np.abs(hertz - at)
    line, around = distance <= LINE_WIDTH_HZ, (distance > LINE_WIDTH_HZ) & (distance <= NEIGHBOURS_HZ)
    usual = float(np.median(power[around]))
    return float(power[line].sum()) if power[line].max() > STANDS_OUT * usual else 0.0

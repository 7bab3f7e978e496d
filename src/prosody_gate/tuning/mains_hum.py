"""Finds the hum of the mains in a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import SAMPLE_RATE

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
"""Share of the room's power from which a hum is worth telling."""


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
        room: Float32 at 16 kHz, shape [n]; less than 1 s tells nothing.

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

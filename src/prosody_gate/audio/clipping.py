"""Tells how much of a recording was cut off at full scale."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FULL_SCALE: Final = 32_766.5 / 32_768
"""At or above this a 16-bit converter has given its largest value, in either sign."""

MIN_RUN: Final = 3
"""Neighbouring samples at full scale that make a clipped peak: one or two may be a peak that just fits."""


def clipped_fraction(samples: npt.NDArray[np.float32]) -> float:
    """Return the share of samples that lie in a run of at least three at full scale, all of one sign.

    Args:
        samples: Mono samples in [-1, 1], shape [n].

    Returns:
        A share in [0, 1]; 0 for no samples.
    """
    if samples.size == 0:
        return 0.0
    sign = (samples >= FULL_SCALE).astype(np.int8) - (samples <= -FULL_SCALE).astype(np.int8)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(sign)) + 1))
    lengths = np.diff(np.append(starts, samples.size))
    clipped = lengths[(sign[starts] != 0) & (lengths >= MIN_RUN)]
    return float(clipped.sum() / samples.size)

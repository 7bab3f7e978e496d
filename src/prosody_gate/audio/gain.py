"""Amplifies sound, within full scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def amplified(samples: npt.NDArray[np.float32], gain_db: float) -> npt.NDArray[np.float32]:
    """Samples that are louder or softer; what would go beyond [-1, 1] is clipped.

    Args:
        samples: Float32 in [-1, 1], any shape; not changed.
        gain_db: In dB; 0 hands the samples back as they are.
    """
    if gain_db == 0.0:
        return samples
    louder = samples * np.float32(10.0 ** (gain_db / 20.0))
    return np.clip(louder, -1.0, 1.0, out=louder)

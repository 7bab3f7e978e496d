"""PCM of any usual form in; one form inside the library: float32 mono in [-1, 1]. Gain, and what is clipped."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import AudioError

INTEGER_SCALE: Final = {np.dtype(np.int16): 2.0**-15, np.dtype(np.int32): 2.0**-31}


def to_float32(
    samples: npt.NDArray[Any], *, channel: int | None = None, source: str = "audio", start: int = 0
) -> npt.NDArray[np.float32]:
    """Convert PCM samples to float32 mono in [-1, 1].

    Integers are divided by 2^15 (int16) or 2^31 (int32). Floats beyond [-1, 1] are clipped: a decoder may
    overshoot a little, and no part of the library has a use for what a converter could not have recorded.

    Args:
        samples: int16, int32, float32 or float64, shape [n] or [n, channels]; n may be 0. It is not changed,
            but a mono float32 array that lies within [-1, 1] is handed back as it is, not copied.
        channel: The channel to take, counted from 0; None takes the mean of all channels.
        source: What to call the audio in an error: a file, a track.
        start: Index of the first sample in its source, for errors.

    Raises:
        AudioError: Another dtype or shape, a channel that is not there, or a sample that is not finite.
    """
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] == 0):
        raise AudioError(f"{source}: samples have shape {samples.shape}; expected [n] or [n, channels]")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    check_channel(channel, channels, source=source)
    if samples.ndim == 2 and (channel is not None or channels == 1):
        samples = samples[:, channel or 0]

    scale = INTEGER_SCALE.get(samples.dtype)
    if scale is not None:
        return _mono(np.multiply(samples, scale, dtype=np.float32))
    if samples.dtype not in (np.float32, np.float64):
        raise AudioError(f"{source}: samples are {samples.dtype}; expected int16, int32, float32 or float64")

    # One pass finds NaN, infinities and overshoot alike: a NaN carries through min and max.
    lowest, highest = (samples.min(), samples.max()) if samples.size else (0.0, 0.0)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        finite = np.isfinite(samples) if samples.ndim == 1 else np.isfinite(samples).all(axis=1)
        first = start + int(np.argmin(finite))
        raise AudioError(f"{source}: sample {first} is not a finite number (NaN or infinite); expected [-1, 1]")
    if lowest < -1.0 or highest > 1.0:
        samples = np.clip(samples, -1.0, 1.0)
    return _mono(samples)


def check_channel(channel: int | None, channels: int, *, source: str) -> None:
    """Check that a channel is there.

    Args:
        channel: The channel asked for, counted from 0, or None for the mean of all.
        channels: How many there are.
        source: What to call the audio in an error.

    Raises:
        AudioError: There is no such channel.
    """
    if channel is None or 0 <= channel < channels:
        return
    present = "1 channel (0)" if channels == 1 else f"{channels} channels (0 to {channels - 1})"
    raise AudioError(f"{source}: has {present}; asked for channel {channel}")


def _mono(samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if samples.ndim == 2:
        samples = samples.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(samples, dtype=np.float32)


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

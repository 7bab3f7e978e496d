"""Resamples a stream to the analysis rate with a short delay and the same samples whatever the chunk sizes.

soxr, the obvious choice, was measured and left: in 10 ms chunks at 48 kHz its LQ and MQ settings hold samples
back for up to 20 and 38 ms (61 and 118 ms at 8 kHz), and QQ, which does not, has no anti-alias filter at all.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import AudioError
from .framer import FRAME_SAMPLES, SAMPLE_RATE

MIN_RATE: Final = 8_000
MAX_RATE: Final = 48_000

BLOCK: Final = FRAME_SAMPLES // 4
"""Samples made at a time. A frame is a whole number of blocks, so that blocks delay no frame."""

HALF_TAPS: Final = 32
"""Half length of the filter in samples of the lower rate; the transition band is about 1.0 kHz at 16 kHz."""

CUTOFF: Final = 0.94
"""Middle of the transition band as a share of the lower rate's Nyquist frequency."""

KAISER_BETA: Final = 5.65
"""Window shape for 60 dB of stopband attenuation: 0.1102 (60 - 8.7), Kaiser 1974."""


class Resampler:
    """Streaming conversion to 16 kHz with a windowed-sinc polyphase filter.

    Output sample k is the input's value at k / 16000 s: the filter's delay is compensated. Every block is
    computed from the same window of input by the same operations, however that input arrived, so that the
    output is the same bit for bit. A stream at 16 kHz passes through untouched.
    """

    def __init__(self, input_rate: int) -> None:
        """Make a resampler at the start of a stream.

        Args:
            input_rate: Samples per second of the input, 8000 to 48000.

        Raises:
            AudioError: The rate is out of that range.
        """
        check_rate(input_rate, source="audio")
        common = math.gcd(input_rate, SAMPLE_RATE)
        self._input_rate = input_rate
        self._up = SAMPLE_RATE // common
        self._down = input_rate // common
        self._passes_through = input_rate == SAMPLE_RATE
        self._reach = _reach(input_rate)
        if not self._passes_through:
            self._filters = _polyphase_filters(input_rate)
            self._steps = np.arange(BLOCK, dtype=np.int64) * self._down
            self._input = np.zeros(self._input_for_a_block(self._up - 1), dtype=np.float32)
            self._windows = np.lib.stride_tricks.sliding_window_view(self._input, 2 * self._reach)
        self.reset()

    @property
    def input_rate(self) -> int:
        """Samples per second of the input."""
        return self._input_rate

    @property
    def latency(self) -> float:
        """How far past the end of a frame, in seconds, the input must be for that frame to be complete.

        0 at 16 kHz, 4 ms at 8 kHz, 2 ms from 16 kHz on.
        """
        return 0.0 if self._passes_through else self._reach / self._input_rate

    def push(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the next chunk of the stream.

        Args:
            samples: Mono float32 samples at the input rate, shape [n], n >= 0.

        Returns:
            The samples at 16 kHz that are known by now, in whole blocks of 128; often none, often several.

        Raises:
            AudioError: The samples are not float32 of shape [n].
        """
        if samples.dtype != np.float32 or samples.ndim != 1:
            raise AudioError(f"samples are {samples.dtype} of shape {samples.shape}; expected float32 of shape [n]")
        self._received += samples.size
        if self._passes_through:
            return samples
        blocks = []
        taken = 0
        while taken < samples.size:
            count = min(self._needed - self._filled, samples.size - taken)
            self._input[self._filled : self._filled + count] = samples[taken : taken + count]
            self._filled += count
            taken += count
            if self._filled == self._needed:
                blocks.append(self._next_block())
        return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.float32)

    def flush(self) -> npt.NDArray[np.float32]:
        """End the stream, taken to go on in silence, and make ready for another.

        Returns:
            The rest of the samples: n input samples give round(n * 16000 / input_rate) in all.
        """
        blocks = []
        if not self._passes_through:
            missing = round(Fraction(self._received * self._up, self._down)) - self._made
            while missing > 0:
                self._input[self._filled :] = 0.0
                blocks.append(self._next_block()[:missing])
                missing -= BLOCK
        self.reset()
        return np.concatenate(blocks) if blocks else np.empty(0, dtype=np.float32)

    def reset(self) -> None:
        """Start a new stream; what has not been given out is lost."""
        self._received = 0
        self._made = 0
        self._phase = 0
        # The first output sample lies on the first input sample: half a filter of silence goes before it.
        self._filled = self._reach - 1
        if not self._passes_through:
            self._input[: self._filled] = 0.0
            self._needed = self._input_for_a_block(self._phase)

    def _input_for_a_block(self, phase: int) -> int:
        """Return how many input samples the next block needs when it starts at a phase of the filter."""
        return (phase + (BLOCK - 1) * self._down) // self._up + 2 * self._reach

    def _next_block(self) -> npt.NDArray[np.float32]:
        positions = self._phase + self._steps
        block: npt.NDArray[np.float32] = np.einsum(
            "ij,ij->i", self._windows[positions // self._up], self._filters[positions % self._up]
        )
        # The filter rings by some percent at the edges of clipped audio.
        np.clip(block, -1.0, 1.0, out=block)
        moved, self._phase = divmod(self._phase + BLOCK * self._down, self._up)
        kept = self._needed - moved
        self._input[:kept] = self._input[moved : self._needed]
        self._filled = kept
        self._needed = self._input_for_a_block(self._phase)
        self._made += BLOCK
        return block


def check_rate(rate: int, *, source: str) -> None:
    """Check that a sample rate is one that can be resampled.

    Args:
        rate: Samples per second.
        source: What to call the audio in an error.

    Raises:
        AudioError: The rate is out of range.
    """
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"{source}: sample rate is {rate} Hz; expected {MIN_RATE} to {MAX_RATE} Hz")


def _reach(input_rate: int) -> int:
    """Return how many input samples the filter reaches to either side."""
    return math.ceil(HALF_TAPS * input_rate / min(input_rate, SAMPLE_RATE))


@lru_cache(maxsize=8)
def _polyphase_filters(input_rate: int) -> npt.NDArray[np.float32]:
    """Return the taps for each position of an output sample between two input samples, shape [up, taps]."""
    up = SAMPLE_RATE // math.gcd(input_rate, SAMPLE_RATE)
    reach = _reach(input_rate)
    offsets = np.arange(1 - reach, reach + 1) - np.arange(up)[:, np.newaxis] / up
    bandwidth = CUTOFF * min(1.0, SAMPLE_RATE / input_rate)
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (offsets / reach) ** 2)))
    taps = np.sinc(bandwidth * offsets) * window
    filters: npt.NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    filters.flags.writeable = False
    return filters

"""Remembers the last seconds of a stream in a fixed amount of memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import OptionError


class RingBuffer:
    """The last `capacity_samples` samples of a stream; appending allocates nothing."""

    def __init__(self, capacity_samples: int) -> None:
        """Make an empty buffer.

        Args:
            capacity_samples: How many samples it holds, at least 1.

        Raises:
            OptionError: The capacity is below 1.
        """
        if capacity_samples < 1:
            raise OptionError(f"capacity_samples is {capacity_samples}; expected at least 1")
        self._samples = np.zeros(capacity_samples, dtype=np.float32)
        self._next = 0
        self._stored = 0

    def __len__(self) -> int:
        return self._stored

    @property
    def capacity(self) -> int:
        """How many samples it can hold."""
        return self._samples.size

    def append(self, samples: npt.NDArray[np.float32]) -> None:
        """Add samples at the end; the oldest make room.

        Args:
            samples: Mono samples, shape [n], n >= 0; of more than the capacity only the last are kept.
        """
        capacity = self._samples.size
        if samples.size > capacity:
            samples = samples[samples.size - capacity :]
        head = min(samples.size, capacity - self._next)
        self._samples[self._next : self._next + head] = samples[:head]
        self._samples[: samples.size - head] = samples[head:]
        self._next = (self._next + samples.size) % capacity
        self._stored = min(self._stored + samples.size, capacity)

    def last(self, n: int) -> npt.NDArray[np.float32]:
        """Return a copy of the last n samples, oldest first; fewer when fewer are stored.

        Args:
            n: How many samples, 0 or more.
        """
        n = max(0, min(n, self._stored))
        result = np.empty(n, dtype=np.float32)
        tail = min(n, self._next)
        result[n - tail :] = self._samples[self._next - tail : self._next]
        if n > tail:
            result[: n - tail] = self._samples[self._samples.size - (n - tail) :]
        return result

    def clear(self) -> None:
        """Forget all samples."""
        self._next = 0
        self._stored = 0

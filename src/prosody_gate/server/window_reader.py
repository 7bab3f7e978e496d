"""Finds what is new in windows that overlap almost wholly."""

from __future__ import annotations

from typing import Final

import numpy as np

from .frames import Pcm

ANCHOR_SAMPLES: Final = 64
"""Samples that are looked for in the next window."""

LEAST_SHARED: Final = 512
"""Fewer samples in common (32 ms) are chance."""

MOST_PLACES: Final = 16
"""Places of the anchor that are tried; sound that repeats itself exactly has many."""


class WindowReader:
    """Remembers a client's last window, and says how much of the next one is new.

    A client keeps up to 3 s of sound and sends all of it each time 0.1 s came to it: it grows, then slides. It begins
    anew whenever the agent begins to speak.
    """

    def __init__(self) -> None:
        self._last = b""

    def new_samples(self, window: Pcm) -> int | None:
        """How many samples at the window's end were not there in the last one.

        Returns:
            None where the window does not continue the last one: all of it is new, and something is missing between.
        """
        last, data = self._last, window.tobytes()
        self._last = data
        shared = shared_samples(last, data)
        return None if shared == 0 else len(window) - shared

    def forget(self) -> None:
        """Nothing continues what came so far."""
        self._last = b""


def shared_samples(last: bytes, window: bytes) -> int:
    """The most samples that are both the end of one window and the beginning of the next.

    Args:
        last: int16 samples.
        window: int16 samples.

    Returns:
        0 where it is none, or so few that it may be chance.
    """
    if last and window.startswith(last) and len(last) >= 2 * LEAST_SHARED:
        return len(last) // 2
    anchor = _anchor(last)
    if anchor is None:
        return 0
    behind = len(last) - anchor
    """Bytes from the anchor's begin to the end of the last window."""
    block = last[anchor : anchor + 2 * ANCHOR_SAMPLES]
    # From the right, since the longest common stretch is the least that can be new.
    end = min(len(window), len(last) - behind + len(block))
    for _ in range(MOST_PLACES):
        place = window.rfind(block, 0, end)
        if place < 0:
            return 0
        shared = place + behind
        is_whole = place % 2 == 0 and 2 * LEAST_SHARED <= shared <= len(window)
        if is_whole and last[len(last) - shared :] == window[:shared]:
            return shared // 2
        end = place + len(block) - 1
    return 0


def _anchor(last: bytes) -> int | None:
    """Where (in bytes) the last window's newest sound is; None where all of it is digital silence.

    Microphones that suppress noise send zeros between words, and zeros are everywhere.
    """
    samples = np.frombuffer(last, np.int16)
    heard = np.flatnonzero(samples)
    if len(heard) == 0 or len(samples) < ANCHOR_SAMPLES:
        return None
    return 2 * min(max(int(heard[-1]) - ANCHOR_SAMPLES // 2, 0), len(samples) - ANCHOR_SAMPLES)

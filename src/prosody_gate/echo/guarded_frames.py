"""The echo guard over a recording: the agent's channel is what was played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from .echo_canceller import Samples
from .echo_guard import EchoGuard

Frame = npt.NDArray[np.float32]


def guarded_frames(microphone: Iterable[Frame], played: Iterable[Frame], guard: EchoGuard) -> Iterator[Frame]:
    """The frames of a microphone without the echo of what was played meanwhile.

    Args:
        microphone: Analysis frames, [512] float32 at 16 kHz.
        played: Those of the agent's channel; silence after the last.
        guard: A fresh guard for 16 kHz.

    Yields:
        As many frames, 8 ms later: a frame is no whole multiple of the guard's 10 ms.
    """
    agent = iter(played)
    for index, frame in enumerate(microphone):
        at = index * FRAME_DURATION
        reference = next(agent, None)
        if reference is not None:
            guard.played(to_int16(reference), at)
        yield guard.clean(to_int16(frame), at) * np.float32(2.0**-15)


def to_int16(samples: npt.NDArray[np.float32]) -> Samples:
    """Samples of 16 bit from float32 in [-1, 1]."""
    rounded: Samples = np.rint(np.clip(samples * np.float32(2.0**15), -32_768.0, 32_767.0)).astype(np.int16)
    return rounded

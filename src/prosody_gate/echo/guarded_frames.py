"""The echo guard over a recording: the agent's channel is what was played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, SAMPLE_RATE
from .echo_canceller import Samples
from .echo_guard import EchoGuard

Frame = npt.NDArray[np.float32]


def guarded_frames(microphone: Iterable[Frame], played: Iterable[Frame], guard: EchoGuard) -> Iterator[Frame]:
    """The frames of a microphone without the echo of what was played meanwhile.

    Args:
        microphone: Analysis frames, [512] float32 at 16 kHz.
        played: Those of the agent's channel; silence after the last.
        guard: A fresh guard for 16 kHz, with a `lead` of at most a frame.

    Yields:
        As many frames, 8 ms later: a frame is no whole multiple of the guard's 10 ms.
    """
    agent = enumerate(played)
    _play_next(agent, guard)
    for index, frame in enumerate(microphone):
        _play_next(agent, guard)  # a frame ahead of the microphone
        yield guard.clean(to_int16(frame), index * FRAME_DURATION) * np.float32(2.0**-15)


def _play_next(agent: Iterator[tuple[int, Frame]], guard: EchoGuard) -> None:
    index, reference = next(agent, (0, None))
    if reference is not None:
        guard.played(to_int16(reference), index * FRAME_DURATION)


def recording_guard(*, only_when_found: bool = False) -> EchoGuard:
    """A guard for `guarded_frames`.

    Args:
        only_when_found: See `EchoGuard`.

    Raises:
        ModelError: There is no canceller in the installed `livekit` package.
    """
    return EchoGuard(SAMPLE_RATE, lead=FRAME_DURATION, only_when_found=only_when_found)


def to_int16(samples: npt.NDArray[np.float32]) -> Samples:
    """Samples of 16 bit from float32 in [-1, 1]."""
    rounded: Samples = np.rint(np.clip(samples * np.float32(2.0**15), -32_768.0, 32_767.0)).astype(np.int16)
    return rounded

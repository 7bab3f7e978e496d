"""A voice for a session on a clock that jumps, for VADs that know one when they hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from livekit import rtc

from livekit_call import WINDOW

RATE = 16_000
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
BEGINS, WINDOWS = 27.52, 64
"""Where in the demo (s) the user begins to speak without a break, and for how many windows."""


class RealVoice:
    """In place of `frame_of`: a voice from the demo in a quiet room."""

    def __init__(self) -> None:
        samples, rate = soundfile.read(DEMO, dtype="int16", start=round(BEGINS * RATE), frames=WINDOWS * WINDOW)
        assert rate == RATE
        self._voice = samples[:, 1].reshape(-1, WINDOW)
        self._room = np.random.default_rng(0)
        self._spoken = 0

    def __call__(self, character: str) -> rtc.AudioFrame:
        """The next window of audio: `s` goes on with the voice, `-` ends it."""
        if character == "s":
            samples = self._voice[self._spoken % WINDOWS]
            self._spoken += 1
        else:
            samples = self._room.normal(0.0, 8.0, WINDOW).astype(np.int16)
            self._spoken = 0
        return rtc.AudioFrame(samples.tobytes(), RATE, 1, WINDOW)


def run_at_once(
    loop: asyncio.AbstractEventLoop, executor: Any, func: Callable[..., Any], *args: Any
) -> asyncio.Future[Any]:
    """In place of `run_in_executor` of a loop whose clock jumps: a VAD's inference takes no time on it."""
    future = loop.create_future()
    try:
        future.set_result(func(*args))
    except Exception as error:
        future.set_exception(error)
    return future

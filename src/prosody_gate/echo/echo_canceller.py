"""What subtracts the echo of a known sound from a microphone: WebRTC's AEC3, as the `livekit` package brings it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import ModelError

Samples = npt.NDArray[np.int16]

REFERENCE_RATE: Final = 16_000
"""Samples per second of what is played."""

CANCELLER_BLOCK: Final = 0.01
"""Seconds that are cancelled at a time: WebRTC's own block."""


class EchoCanceller(Protocol):
    """Takes the echo of what is played out of a microphone, block by block, and adapts to room and loudspeaker."""

    def process(self, microphone: Samples, played: Samples) -> Samples:
        """The microphone without the echo.

        Args:
            microphone: 10 ms of it, int16 mono at the microphone's rate.
            played: The 10 ms that were played meanwhile, int16 mono at 16 kHz; what the microphone has of them may come
                up to some 0.4 s later.

        Returns:
            As many samples as the microphone's.
        """
        ...


class WebRtcCanceller:
    """`livekit.rtc.AudioProcessingModule` with its echo canceller (AEC3) and its high-pass filter alone.

    AEC3 finds delays of up to some 0.4 s by itself.

    Args:
        sample_rate: Of the microphone, in Hz, 8000 to 48000.

    Raises:
        ModelError: The installed `livekit` package has no such module.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._make_frame: Callable[[bytes, int, int, int], Any]
        try:
            from livekit import rtc

            self._make_frame = rtc.AudioFrame
            self._module = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        except (ImportError, AttributeError, TypeError) as error:
            raise ModelError(
                f"echo guard: the installed livekit package has no AudioProcessingModule ({error}); "
                'expected livekit 1.0 or newer: pip install -U "livekit>=1.0"'
            ) from None

    def process(self, microphone: Samples, played: Samples) -> Samples:
        """The microphone without the echo; see `EchoCanceller.process`.

        Raises:
            RuntimeError: WebRTC refuses the block.
        """
        reference = self._make_frame(played.tobytes(), REFERENCE_RATE, 1, len(played))
        self._module.process_reverse_stream(reference)
        frame = self._make_frame(microphone.tobytes(), self._rate, 1, len(microphone))
        self._module.process_stream(frame)
        return np.frombuffer(frame.data, np.int16)


def make_webrtc_canceller(sample_rate: int) -> EchoCanceller:
    """A fresh canceller for a microphone of this rate; see `WebRtcCanceller`."""
    return WebRtcCanceller(sample_rate)

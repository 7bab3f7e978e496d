"""The user's audio on its way to the gate, and when the bot's speech counts as over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pipecat.frames.frames import (
    Frame,
    FunctionCallCancelFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InputAudioRawFrame,
)

from ..audio import SAMPLE_RATE, Framer, Resampler, amplified, to_float32
from ..session import GateDriver
from ..vad import SpeechDetector

SETTLES: Final = 0.2
"""Seconds of audio after the bot's stop in which its next start shows that it has only paused. Between two pieces of
text-to-speech Pipecat reports a stop and a start."""

AT_ONCE: Final = 3
"""Frames that the gate gets with one piece of audio at most when some have waited (two more than a longer piece
has): more would stop the event loop."""


class RunningFunctions:
    """The functions that the bot waits for: while one runs it has not handed over the floor."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._running)

    def note(self, frame: Frame) -> None:
        """Take in what a frame says of them, if anything."""
        if isinstance(frame, FunctionCallsStartedFrame):
            self._running |= {call.tool_call_id for call in frame.function_calls}
        elif isinstance(frame, FunctionCallResultFrame | FunctionCallCancelFrame):
            self._running.discard(frame.tool_call_id)
        elif isinstance(frame, FunctionCallInProgressFrame) and not frame.cancel_on_interruption:
            self._running.discard(frame.tool_call_id)  # the conversation goes on while it runs


@dataclass(slots=True)
class _End:
    """The bot has stopped, and may go on at once."""

    at: float
    keeps_floor: bool


class UserAudio:
    """Cuts the user's audio into the gate's frames, each with its speech probability, and keeps the stream clock.

    While it is open whether the bot has finished, the gate does not get the audio: what it holds must not expire, and
    what begins must not count as said in silence.

    Args:
        driver: The session's gate.
        detector: Says how likely a frame is speech.
        gain_db: How much louder than recorded gate and VAD get the user, in dB.
    """

    def __init__(self, driver: GateDriver, detector: SpeechDetector, *, gain_db: float = 0.0) -> None:
        self._driver = driver
        self._detector = detector
        self._gain_db = gain_db
        self._resampler = Resampler(SAMPLE_RATE)
        self._framer = Framer()
        self._frames: deque[tuple[npt.NDArray[np.float32], float]] = deque()
        self._samples: dict[int, int] = {}
        self._end: _End | None = None

    @property
    def time(self) -> float:
        """Seconds of audio that came in; exact, for they are counted in samples."""
        return sum(samples / rate for rate, samples in self._samples.items())

    @property
    def bot_may_go_on(self) -> bool:
        """Whether the bot has stopped so lately that it may only have paused."""
        return self._end is not None

    def convert(self, samples: npt.NDArray[np.int16], sample_rate: int) -> npt.NDArray[np.float32]:
        """Bring a piece of audio to what gate and VAD get: one channel, 16 kHz, amplified as the profile wants it.

        Args:
            samples: int16, shape [n, channels]; their mean is taken.
            sample_rate: 8000 to 48000.

        Returns:
            Float32 in [-1, 1]; a little of the piece may come with the next one.

        Raises:
            AudioError: The sample rate is out of range.
        """
        if self._resampler.input_rate != sample_rate:
            self._resampler = Resampler(sample_rate)
        self._samples[sample_rate] = self._samples.get(sample_rate, 0) + len(samples)
        return amplified(self._resampler.push(to_float32(samples)), self._gain_db)

    def for_vad(
        self, frame: InputAudioRawFrame, converted: npt.NDArray[np.float32], *, sample_rate: int
    ) -> InputAudioRawFrame:
        """A piece of audio as Pipecat's VAD takes it: of one channel, as loud as the gate gets it.

        Args:
            frame: As it came.
            converted: The same by `convert`.
            sample_rate: The VAD's.
        """
        if sample_rate != frame.sample_rate or self._gain_db:
            return _audio_frame(np.round(converted * 32_768.0), SAMPLE_RATE)
        if frame.num_channels > 1:
            samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
            return _audio_frame(samples.mean(axis=1), sample_rate)
        return frame

    def push(self, converted: npt.NDArray[np.float32]) -> None:
        """Give the gate a piece of audio that was converted."""
        self._driver.time = self.time
        fresh = 0
        for frame in self._framer.push(converted):
            self._frames.append((frame, self._detector.frame_probability(frame)))
            fresh += 1
        self._feed(fresh)

    def bot_started(self) -> None:
        """The bot begins to speak, or goes on."""
        if self._end is not None:
            self._end = None
            self._feed()
        else:
            self._driver.agent_changed(True)

    def bot_stopped(self, *, keeps_floor: bool) -> None:
        """The bot falls silent; `keeps_floor` when it has more to say, once a function has returned."""
        self._end = _End(self.time, keeps_floor)

    def settle(self) -> None:
        """The bot's stop counts, however little audio came since."""
        end, self._end = self._end, None
        if end is not None:
            self._driver.agent_changed(False, keeps_floor=end.keeps_floor, at=end.at)

    def _feed(self, fresh: int = 0) -> None:
        if self._end is not None:
            if self.time - self._end.at < SETTLES:
                return
            self.settle()
        for _ in range(min(max(AT_ONCE, fresh + 2), len(self._frames))):
            self._driver.push(*self._frames.popleft())


def _audio_frame(samples: npt.NDArray[np.floating[Any]], sample_rate: int) -> InputAudioRawFrame:
    pcm = np.clip(samples, -32_768, 32_767).astype(np.int16)
    return InputAudioRawFrame(pcm.tobytes(), sample_rate, 1)

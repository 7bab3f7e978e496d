"""Stand-ins for the microphone, the loudspeaker and the speech-to-text of a pipeline, for your own tests.

A real pipeline runs on them in real time, with no transport, no server, no key and no sound card. `RecordedInput` plays
a recording as the user, `SilentOutput` takes what the bot says and logs when it played, was cut off and ended, and
`SilentSTT` is a speech-to-text service that recognises nothing, for tests of what the audio alone does. What the bot
says can be queued into the pipeline as `speech(samples, sample_rate)`.

Example:
    async def test_a_cough_does_not_stop_the_bot():
        samples, rate = soundfile.read("cough.wav", dtype="int16")  # mono; the cough is at 2 s
        microphone, loudspeaker = RecordedInput(samples, rate), SilentOutput()
        gate = ProsodyGate(vad_analyzer=SileroVADAnalyzer())
        user_aggregator, _ = LLMContextAggregatorPair(LLMContext())
        pipeline = Pipeline([microphone, SilentSTT(), gate, user_aggregator, loudspeaker])
        worker = PipelineWorker(pipeline, enable_rtvi=False)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run())
        await worker.queue_frames(speech(voice_of_the_bot, rate))
        await microphone.ended.wait()
        await worker.cancel()
        await running
        assert not [playout for playout in loudspeaker.log if playout.kind == "cut"]
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

__all__ = ["Playout", "RecordedInput", "SilentOutput", "SilentSTT", "speech"]

FRAMES_PER_SECOND: Final = 50
"""Frames of `RecordedInput`: 20 ms each, as Pipecat's transports have them."""


class SilentSTT(STTService):
    """A streaming speech-to-text service that takes the audio and never sends a transcript."""

    def __init__(self) -> None:
        super().__init__(settings=STTSettings(model=None, language=None), ttfs_p99_latency=0.5)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Take a piece of audio, and say nothing about it."""
        yield None


PlayoutKind = Literal["play", "cut", "end"]


class Playout(NamedTuple):
    """One change of what is played."""

    kind: PlayoutKind
    """play: the bot begins to speak; cut: it was interrupted; end: it spoke to its end."""
    at: float
    """Wall clock, in seconds."""


class SilentOutput(BaseOutputTransport):
    """A loudspeaker without sound: put it where `transport.output()` stands. It plays in real time.

    Args:
        sample_rate: Samples per second of what it plays.
    """

    def __init__(self, sample_rate: int = 24_000) -> None:
        super().__init__(
            TransportParams(audio_out_enabled=True, audio_out_sample_rate=sample_rate, audio_out_end_silence_secs=0)
        )
        self.log: list[Playout] = []
        """When the bot began to speak, was cut off and ended, in order."""
        self._played_until = 0.0
        self._is_interrupted = False

    async def start(self, frame: StartFrame) -> None:
        """Start playing."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note whether it is an interruption that stops the bot."""
        self._is_interrupted = isinstance(frame, InterruptionFrame)
        await super().process_frame(frame, direction)
        self._is_interrupted = False

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Note when the bot begins and stops to speak."""
        if direction is FrameDirection.DOWNSTREAM and isinstance(frame, BotStartedSpeakingFrame):
            self.log.append(Playout("play", time.time()))
        elif direction is FrameDirection.DOWNSTREAM and isinstance(frame, BotStoppedSpeakingFrame):
            self.log.append(Playout("cut" if self._is_interrupted else "end", time.time()))
        await super().push_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Take as long as the audio would play."""
        duration = frame.num_frames / frame.sample_rate
        self._played_until = max(self._played_until, time.monotonic()) + duration
        await asyncio.sleep(max(self._played_until - time.monotonic(), 0.0))
        return True


class RecordedInput(BaseInputTransport):
    """A microphone that plays a recording: put it where `transport.input()` stands. After the recording comes silence.

    Args:
        samples: int16, shape [n] or [n, channels].
        sample_rate: Samples per second.
    """

    def __init__(self, samples: npt.NDArray[np.int16], sample_rate: int = 16_000) -> None:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        super().__init__(
            TransportParams(audio_in_enabled=True, audio_in_sample_rate=sample_rate, audio_in_channels=channels)
        )
        self._recording = samples.reshape(-1, channels)
        self._channels = channels
        self._rate = sample_rate
        self._began: float | None = None
        self._player: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """Set once the whole recording was played."""

    @property
    def began(self) -> float | None:
        """Wall clock (s) of the first sample; None before it."""
        return self._began

    @property
    def time(self) -> float:
        """Seconds since the first sample; 0 before it."""
        return 0.0 if self._began is None else time.time() - self._began

    async def start(self, frame: StartFrame) -> None:
        """Start to play the recording."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._player = self.create_task(self._play())

    async def cleanup(self) -> None:
        """Stop playing."""
        if self._player is not None:
            await self.cancel_task(self._player)
            self._player = None
        await super().cleanup()

    async def _play(self) -> None:
        step, position = self._rate // FRAMES_PER_SECOND, 0
        self._began = time.time()
        while True:
            chunk = self._recording[position : position + step]
            if len(chunk) < step:
                self.ended.set()
                chunk = np.pad(chunk, ((0, step - len(chunk)), (0, 0)))
            position += step
            await asyncio.sleep(max(self._began + position / self._rate - time.time(), 0.0))
            audio = chunk.astype(np.int16).tobytes()
            await self.push_audio_frame(InputAudioRawFrame(audio, self._rate, self._channels))


def speech(samples: npt.NDArray[np.int16], sample_rate: int, *, context_id: str = "speech") -> list[Frame]:
    """The frames of something that the bot says, as a text-to-speech service sends them.

    Args:
        samples: int16 mono, shape [n].
        sample_rate: Samples per second.
        context_id: Of the text-to-speech; each thing that is said has one of its own.
    """
    audio = TTSAudioRawFrame(samples.astype(np.int16).tobytes(), sample_rate, 1, context_id)
    return [TTSStartedFrame(context_id=context_id), audio, TTSStoppedFrame(context_id=context_id)]

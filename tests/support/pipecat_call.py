"""A real Pipecat pipeline on a clock that jumps, with everything around the gate scripted or recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    TranscriptionFrame,
    UserBackchannelFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from livekit_call import ConfirmAt
from prosody_gate.pipecat import ProsodyGate
from prosody_gate.pipecat.testing import SilentOutput, SilentSTT, speech

RATE = 16_000
STEP = 0.032
"""Seconds of a window of the scripts below."""

LOUD = 29_000
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"

SAID = {
    "mm-hm": (6.9, 7.8),
    "yeah": (9.9, 10.5),
    "okay": (13.1, 14.4),
    "cough": (16.7, 18.0),
    "yeah wait a second": (25.3, 27.4),
    "stop": (41.2, 41.9),
}
"""Where the bundled call has it on the user's channel, in seconds."""


def recorded(what: str, rate: int = RATE) -> np.ndarray:
    """A sound of the bundled call: int16 mono."""
    begin, end = SAID[what]
    samples, own = soundfile.read(DEMO, dtype="int16", start=round(begin * RATE), stop=round(end * RATE))
    assert own == RATE
    return np.asarray(soxr.resample(samples[:, 1], RATE, rate), np.int16)


class LoudIsSpeech(VADAnalyzer):
    """A VAD that takes what is loud for speech: the share of full scale is its confidence."""

    def __init__(self, **params: float) -> None:
        super().__init__(params=VADParams(min_volume=0.0, **params))

    def num_frames_required(self) -> int:
        return self.sample_rate * 512 // 16_000

    def voice_confidence(self, buffer: bytes) -> float:
        return float(np.abs(np.frombuffer(buffer, np.int16)).mean() / 32_768)


class LoudDetector:
    """The same for the gate."""

    name = "loud"

    def reset(self) -> None: ...

    def frame_probability(self, frame: np.ndarray) -> float:
        return float(np.abs(frame).mean())


class AtOnce:
    """The listener without its thread, which knows nothing of a clock that jumps."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def prepare(self) -> None: ...

    def close(self) -> None: ...


class Notes(FrameProcessor):
    """Keeps what passes, with the time of the call."""

    def __init__(self, direction: FrameDirection) -> None:
        super().__init__(enable_direct_mode=True)
        self.direction = direction
        self.frames: list[tuple[float, Frame]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self.direction:
            self.frames.append((asyncio.get_running_loop().time(), frame))
        await self.push_frame(frame, direction)

    def of(self, *kinds: type[Frame]) -> list[Any]:
        return [frame for _, frame in self.frames if isinstance(frame, kinds)]

    def times(self, *kinds: type[Frame]) -> list[float]:
        return [at for at, frame in self.frames if isinstance(frame, kinds)]


class Answering(FrameProcessor):
    """In place of LLM and TTS: keeps what it is asked, and answers with a tone of `seconds`; with nothing when None."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds
        self.asked: list[str] = []
        self.times: list[float] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            self.asked.append(str(frame.context.messages[-1]["content"]))
            self.times.append(asyncio.get_running_loop().time())
            if self.seconds is not None:
                for each in said_by_bot(self.seconds):
                    await self.push_frame(each)
            return
        await self.push_frame(frame, direction)


def said_by_bot(seconds: float, context_id: str = "answer") -> list[Frame]:
    return speech(np.full(round(seconds * RATE), 1_000, np.int16), RATE, context_id=context_id)


def strategies(**stop: Any) -> UserTurnStrategies:
    return UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(**stop)])


class PipecatCall:
    """A pipeline with the gate, driven step by step; used as `async with` in `run_virtual(main, monotonic=True)`.

    `await call.audio("-" * 10 + "s" * 20)` is 10 windows (32 ms each) of silence, then 20 of speech. With `real` the
    VADs are Silero, the gate is as it ships, and `await call.sound("stop")` plays what was recorded. `confirm_at` are
    the stream times at which the evidence speaks for an interruption.
    """

    def __init__(
        self,
        *confirm_at: float,
        gated: bool = True,
        real: bool = False,
        rate: int = RATE,
        channels: int = 1,
        stt: Any = None,
        answers: float | None = None,
        llm: Any = None,
        gate: dict[str, Any] | None = None,
        vad: VADAnalyzer | None = None,
        user: dict[str, Any] | None = None,
        frame: int = 512,
    ) -> None:
        self.rate, self.channels, self.frame = rate, channels, frame
        analyzer = vad or (SileroVADAnalyzer() if real else LoudIsSpeech())
        self.gate: ProsodyGate | None = None
        if gated:
            own: dict[str, Any] = {} if real else {"sources": [ConfirmAt(*confirm_at)], "listener": False}
            self.gate = ProsodyGate(vad_analyzer=analyzer, **{**own, **(gate or {})})
            if real and self.gate._listener is not None:
                self.gate._listener = AtOnce(self.gate._listener._listener)  # type: ignore[assignment]
            if not real:
                self.gate._audio._detector = LoudDetector()  # type: ignore[assignment]
        self.decisions: list[Any] = []
        self.errors: list[Exception] = []
        self.metrics: list[Any] = []
        params = {"user_turn_strategies": strategies(), **(user or {})}
        if not gated:
            params.setdefault("vad_analyzer", analyzer)
        self.context = LLMContext()
        self.user_aggregator, self.assistant_aggregator = LLMContextAggregatorPair(
            self.context, user_params=LLMUserAggregatorParams(**params)
        )
        self.stt = stt or SilentSTT()
        self.llm = llm or Answering(answers)
        self.up, self.down = Notes(FrameDirection.UPSTREAM), Notes(FrameDirection.DOWNSTREAM)
        self.after = Notes(FrameDirection.DOWNSTREAM)
        self.loudspeaker = SilentOutput(RATE)
        self.turns: list[tuple[str, float, str]] = []
        self.timeouts = 0
        self._said = 0
        gates = [] if self.gate is None else [self.gate]
        self.pipeline = Pipeline(
            [
                *(self.up, self.stt, *gates, self.down, self.user_aggregator),
                *(self.after, self.llm, self.loudspeaker, self.assistant_aggregator),
            ]
        )

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def __aenter__(self) -> PipecatCall:
        if self.gate is not None:
            self.gate.add_event_handler("on_decision", lambda _, event: self.decisions.append(event))
            self.gate.add_event_handler("on_gate_error", lambda _, error: self.errors.append(error))
            self.gate.add_event_handler("on_metrics", lambda _, metrics: self.metrics.append(metrics))
        user = self.user_aggregator
        user.add_event_handler("on_user_turn_started", lambda *_: self.turns.append(("start", self.time, "")))
        user.add_event_handler(
            "on_user_turn_stopped", lambda _, s, message: self.turns.append(("stop", self.time, message.content or ""))
        )
        user.add_event_handler("on_user_turn_stop_timeout", self._timed_out)
        self.worker = PipelineWorker(
            self.pipeline,
            enable_rtvi=False,
            idle_timeout_secs=None,
            enable_turn_tracking=False,
            params=PipelineParams(audio_in_sample_rate=self.rate),
        )
        started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", lambda *_: started.set())
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        self._running = asyncio.create_task(runner.run())
        await started.wait()
        self.began = self.time
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Let the pipeline finish what is queued, and end it."""
        if not self._running.done():
            await self.worker.stop_when_done()
            await asyncio.wait_for(self._running, 30)

    def _timed_out(self, _: Any) -> None:
        self.timeouts += 1

    async def put(self, *frames: Frame) -> None:
        """Put frames into the pipeline from its beginning."""
        await self.worker.queue_frames(list(frames))

    async def hear(self, samples: np.ndarray) -> None:
        """The user's microphone picks this up: int16 mono, in real time."""
        step = self.frame * self.rate // RATE
        for begin in range(0, len(samples) - step + 1, step):
            piece = np.repeat(samples[begin : begin + step, None], self.channels, axis=1)
            await self.put(InputAudioRawFrame(piece.astype(np.int16).tobytes(), self.rate, self.channels))
            await asyncio.sleep(step / self.rate)

    async def audio(self, script: str) -> None:
        """Let the microphone pick up one window a character: `s` speech, `-` silence."""
        levels = np.repeat([LOUD if character == "s" else 10 for character in script], round(STEP * self.rate))
        await self.hear(np.asarray(levels, np.int16))

    async def silence(self, seconds: float) -> None:
        noise = np.random.default_rng(1).normal(0.0, 8.0, round(seconds * self.rate))
        await self.hear(noise.astype(np.int16))

    async def sound(self, what: str) -> None:
        """Let the microphone pick up a sound of the bundled call."""
        await self.hear(recorded(what, self.rate))

    async def wait(self, seconds: float) -> None:
        """Let time go by without any audio."""
        await asyncio.sleep(seconds)

    async def speak(self, seconds: float) -> None:
        """The bot says something of that length."""
        self._said += 1
        await self.put(*said_by_bot(seconds, context_id=f"said{self._said}"))
        await asyncio.sleep(0.001)

    async def final(self, text: str, *, result: Any = None, finalized: bool = False) -> None:
        """The recogniser sends a final transcript now."""
        frame = TranscriptionFrame(text, "user", f"at {self.time:.3f}", result=result, finalized=finalized)
        await self.stt.push_frame(frame)
        await asyncio.sleep(0.001)

    async def interim(self, text: str, *, result: Any = None) -> None:
        """The recogniser sends an interim transcript now."""
        await self.stt.push_frame(InterimTranscriptionFrame(text, "user", f"at {self.time:.3f}", result=result))
        await asyncio.sleep(0.001)

    # What came of it

    def kinds(self) -> list[str]:
        """The gate's decisions so far."""
        return [event.kind.value for event in self.decisions]

    def playout(self) -> list[str]:
        return [entry.kind for entry in self.loudspeaker.log]

    def interruptions(self) -> int:
        return len(self.after.of(InterruptionFrame))

    def user_turns(self) -> list[str]:
        """What each of the user's turns said, once it had ended."""
        return [text for kind, _, text in self.turns if kind == "stop"]

    def backchannels(self) -> list[str]:
        return [frame.text for frame in self.down.of(UserBackchannelFrame)]

    def finals(self) -> list[str]:
        """Final transcripts that the user aggregator got."""
        return [frame.text for frame in self.down.of(TranscriptionFrame)]

    def vad(self, notes: Notes | None = None) -> str:
        """The VAD's frames that went downstream (or upstream, by `notes`): `(` a start, `)` a stop."""
        frames = (notes or self.down).of(VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame)
        return "".join("(" if isinstance(frame, VADUserStartedSpeakingFrame) else ")" for frame in frames)

    def user_speaking(self) -> Sequence[str]:
        frames = self.after.of(UserStartedSpeakingFrame, UserStoppedSpeakingFrame)
        return [type(frame).__name__ for frame in frames]

    def messages(self) -> list[tuple[str, str]]:
        return [(str(m["role"]), str(m["content"])) for m in self.context.messages]

"""Stand-ins for the microphone, the loudspeaker and the speech-to-text of an agent, for your own tests.

A real `AgentSession` runs on them in real time, with no room, no server, no key and no sound card. `RecordedInput`
plays a recording as the user, `SilentOutput` takes what the agent says and logs when it played, paused and was cut off,
and `SilentSTT` is a speech-to-text that recognises nothing, for tests of what the audio alone does.

Example:
    async def test_a_cough_does_not_stop_the_agent():
        samples, rate = soundfile.read("cough.wav", dtype="int16")  # mono; the cough is at 2 s
        gate = ProsodyGate()
        session = AgentSession(
            vad=gate.vad(silero.VAD.load()),
            stt=gate.stt(SilentSTT()),
            turn_handling=gate.turn_handling(),
            aec_warmup_duration=0,  # LiveKit ignores the user in the agent's first 3 s otherwise
        )
        session.input.audio = microphone = RecordedInput(samples, rate)
        session.output.audio = loudspeaker = SilentOutput()
        gate.attach(session)
        await session.start(Agent(instructions="..."))
        session.say("...", audio=frames_of_the_agents_voice())
        await microphone.ended.wait()
        await session.aclose()
        assert not [playout for playout in loudspeaker.log if playout.kind in ("pause", "cut")]
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities

__all__ = ["Playout", "RecordedInput", "SilentOutput", "SilentSTT"]

BUFFERED: Final = 0.2
"""Seconds that may wait to be played, as in a room's output; then the sender waits."""

FRAMES_PER_SECOND: Final = 100
"""Frames of `RecordedInput`: 10 ms each, as a room's input has them."""


class SilentSTT(stt.STT[str]):
    """A streaming speech-to-text that takes the audio and never sends an event."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """A stream that sends no event."""
        return _SilentStream(stt=self, conn_options=conn_options)

    async def _recognize_impl(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT)


class _SilentStream(stt.RecognizeStream):
    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass


PlayoutKind = Literal["play", "pause", "resume", "cut", "end"]


class Playout(NamedTuple):
    """One change of what is played."""

    kind: PlayoutKind
    """play: something begins; cut: it was interrupted; end: it was played to its end."""
    at: float
    """Wall clock, in seconds."""


class SilentOutput(AudioOutput):
    """A loudspeaker without sound: set it as `session.output.audio`. It plays in real time, and can pause.

    Args:
        sample_rate: Samples per second of what it takes.
    """

    def __init__(self, sample_rate: int = 24_000) -> None:
        super().__init__(
            label="SilentOutput", capabilities=AudioOutputCapabilities(pause=True), sample_rate=sample_rate
        )
        self.log: list[Playout] = []
        """When it played, paused, resumed, was cut off and ended, in order."""
        self._pushed = 0.0
        self._played = 0.0
        self._running_since: float | None = None
        self._started = False
        self._paused = False
        self._flushed = False
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame; waits while enough is there to be played."""
        await super().capture_frame(frame)
        self._pushed += frame.duration
        if not self._started and not self._paused:
            self._start()
        while self._pushed - self._position() > BUFFERED:
            await asyncio.sleep(0.02)

    def flush(self) -> None:
        """What was captured is all of this segment."""
        super().flush()
        if self._pushed:
            self._flushed = True
            self._schedule_end()

    def clear_buffer(self) -> None:
        """Stop at once: an interruption."""
        if self._pushed:
            self._finish(interrupted=True)

    def pause(self) -> None:
        """Stop for now."""
        super().pause()
        if self._paused:
            return
        self._paused = True
        self._played = self._position()
        self._running_since = None
        self._note("pause")
        self._cancel_end()

    def resume(self) -> None:
        """Go on where it was paused."""
        super().resume()
        if not self._paused:
            return
        self._paused = False
        self._note("resume")
        if self._started:
            self._running_since = time.time()
        elif self._pushed:
            self._start()
        if self._flushed:
            self._schedule_end()

    def _position(self) -> float:
        running = 0.0 if self._running_since is None else time.time() - self._running_since
        return min(self._played + running, self._pushed)

    def _start(self) -> None:
        self._started = True
        self._running_since = time.time()
        self._note("play")
        self.on_playback_started(created_at=self._running_since)

    def _schedule_end(self) -> None:
        self._cancel_end()
        if self._started and not self._paused:
            remaining = max(self._pushed - self._position(), 0.0)
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(remaining, lambda: self._finish(interrupted=False))

    def _cancel_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _finish(self, *, interrupted: bool) -> None:
        position = self._position() if interrupted else self._pushed
        self._cancel_end()
        self._pushed = self._played = 0.0
        self._running_since = None
        self._started = self._flushed = False
        self._note("cut" if interrupted else "end")
        self.on_playback_finished(playback_position=position, interrupted=interrupted)

    def _note(self, kind: PlayoutKind) -> None:
        self.log.append(Playout(kind, time.time()))


class RecordedInput(AudioInput):
    """A microphone that plays a recording: set it as `session.input.audio`. After the recording comes silence.

    Args:
        samples: int16 mono, shape [n].
        sample_rate: Samples per second.
    """

    def __init__(self, samples: npt.NDArray[np.int16], sample_rate: int = 16_000) -> None:
        super().__init__(label="RecordedInput")
        self._samples = samples
        self._rate = sample_rate
        self._step = sample_rate // FRAMES_PER_SECOND
        self._position = 0
        self._began: float | None = None
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

    async def __anext__(self) -> rtc.AudioFrame:
        if self._began is None:
            self._began = time.time()
        chunk = self._samples[self._position : self._position + self._step]
        if len(chunk) < self._step:
            self.ended.set()
            chunk = np.pad(chunk, (0, self._step - len(chunk)))
        self._position += self._step
        due = self._began + self._position / self._rate
        await asyncio.sleep(max(due - time.time(), 0.0))
        return rtc.AudioFrame(chunk.astype(np.int16).tobytes(), self._rate, 1, self._step)

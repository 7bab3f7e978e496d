"""The echo guard in a real AgentSession: the agent's voice comes back through a real room."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from livekit import rtc
from livekit.agents import Agent, AgentSession, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.voice.io import AudioInput
from livekit.plugins import silero

from livekit_session import RATE
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.agent_audio_tap import AgentAudioTap
from prosody_gate.livekit.testing import SilentOutput

pytestmark = pytest.mark.slow

STEP = RATE // 50
"""Samples of a frame: 20 ms."""


def samples_of(folder: Path, name: str) -> np.ndarray:
    samples, rate = sf.read(folder / name, dtype="int16")
    assert rate == RATE
    return samples


class Room(AudioInput):
    """A microphone in which a recording begins when the agent's voice does, `delay` seconds later."""

    def __init__(self, recording: np.ndarray, loudspeaker: SilentOutput, *, delay: float, seconds: float) -> None:
        super().__init__(label="Room")
        quiet = np.random.default_rng(3).normal(0.0, 8.0, round(seconds * RATE))
        self._quiet = quiet.astype(np.int16)
        self._recording = recording
        self._loudspeaker = loudspeaker
        self._delay = delay
        self._position = 0
        self._began: float | None = None
        self._echo_begins: int | None = None
        self.ended = asyncio.Event()

    async def __anext__(self) -> rtc.AudioFrame:
        if self._began is None:
            self._began = time.time()
        first = self._position
        self._position += STEP
        await asyncio.sleep(max(self._began + self._position / RATE - time.time(), 0.0))
        chunk = self._quiet[first : self._position]
        if len(chunk) < STEP:
            self.ended.set()
            chunk = np.zeros(STEP, np.int16)
        plays = [at for kind, at in self._loudspeaker.log if kind == "play"]
        if plays and self._echo_begins is None:
            self._echo_begins = round((plays[0] + self._delay - self._began) * RATE)
        if self._echo_begins is not None:
            padded = np.concatenate((self._recording, np.zeros(STEP, np.int16)))
            at = first - self._echo_begins
            if -STEP < at < len(self._recording):
                heard = np.concatenate((np.zeros(STEP, np.int16), padded))[at + STEP : at + 2 * STEP]
                chunk = chunk + heard
        return rtc.AudioFrame(chunk.astype(np.int16).tobytes(), RATE, 1, STEP)


class NotingSTT(stt.STT):
    """Recognises nothing, and keeps the audio it gets."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.audio: list[np.ndarray] = []

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, language=NOT_GIVEN, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        return _NotingStream(stt=self, conn_options=conn_options)


class _NotingStream(stt.RecognizeStream):
    async def _run(self) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                self._stt.audio.append(np.frombuffer(frame.data, np.int16).copy())


async def voice(samples: np.ndarray) -> Any:
    for first in range(0, len(samples) - STEP + 1, STEP):
        yield rtc.AudioFrame(samples[first : first + STEP].tobytes(), RATE, 1, STEP)


@dataclass
class EchoRun:
    confirms: list[Any] = field(default_factory=list)
    holds: int = 0
    playout: list[str] = field(default_factory=list)
    delay: float | None = None
    stt_audio: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    longest_stop: float = 0.0


def go(agent_says: np.ndarray, comes_back: np.ndarray, *, delay: float = 0.0, **options: Any) -> EchoRun:
    """One session in real time: the agent says something, and the room hears `comes_back` from that moment on."""

    async def run() -> EchoRun:
        out = EchoRun()
        gate = ProsodyGate(**options)
        recogniser, loudspeaker = NotingSTT(), SilentOutput(RATE)
        session = AgentSession(
            vad=gate.vad(silero.VAD.load()),
            stt=gate.stt(recogniser),
            turn_handling=gate.turn_handling(),
            aec_warmup_duration=0,
        )
        room = Room(comes_back, loudspeaker, delay=delay, seconds=len(comes_back) / RATE + delay + 0.8)
        session.input.audio, session.output.audio = room, loudspeaker
        decisions: list[Any] = []
        gate.on("decision", decisions.append)
        gate.attach(session)
        await session.start(Agent(instructions="test"))
        session.say("lorem " * 20, audio=voice(agent_says), add_to_chat_ctx=False)
        await asyncio.wait_for(room.ended.wait(), 30.0)
        out.confirms = [event for event in decisions if event.kind.value == "confirm"]
        out.holds = sum(event.kind.value == "hold" for event in decisions)
        out.delay = None if gate.echo is None else gate.echo.delay
        await session.aclose()
        out.playout = [kind for kind, _ in loudspeaker.log]
        out.stt_audio = np.concatenate(recogniser.audio)
        return out

    return asyncio.run(run())


@pytest.fixture(scope="module")
def far_end(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the agent says, and what a room's microphone hears of it."""
    folder = shared_data / "echo"
    return samples_of(folder, "farend_singletalk_lpb.flac"), samples_of(folder, "farend_singletalk_mic.flac")


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def test_without_the_guard_the_agent_interrupts_itself(far_end):
    run = go(*far_end)
    assert len(run.confirms) >= 1
    assert "pause" in run.playout or "cut" in run.playout
    assert run.delay is None


@pytest.mark.parametrize("delay", [0.0, 0.25])
def test_with_the_guard_the_agent_speaks_on_and_the_speech_to_text_does_not_get_its_voice(far_end, delay):
    run = go(*far_end, delay=delay, echo_guard=True)
    assert run.confirms == []
    assert run.playout == ["play", "end"]
    # 35 ms are the recording's own; the output says when it began to play, to some milliseconds.
    assert run.delay == pytest.approx(delay + 0.035, abs=0.03)
    loud = round(3.5 * RATE)
    assert level(run.stt_audio[loud:]) < 0.2 * level(far_end[1][loud:])


def test_the_speech_to_text_can_have_the_microphone_as_it_is(far_end):
    run = go(*far_end, echo_guard=True, echo_guard_stt=False)
    assert run.confirms == []
    assert level(run.stt_audio) > 0.8 * level(far_end[1])


def test_stop_said_into_the_echo_stops_the_agent(far_end, shared_data):
    rows = [json.loads(line) for line in (shared_data / "recordings.jsonl").read_text(encoding="utf-8").splitlines()]
    clips = [row for row in rows if row["set"] == "command_word" and row["text"] == "stop"]
    stop = samples_of(shared_data, clips[1]["audio"]).astype(np.int64)
    said, heard = far_end
    both = heard.astype(np.int64)
    at = round(6.1 * RATE)
    both[at : at + len(stop)] += stop
    run = go(said, np.clip(both, -32768, 32767).astype(np.int16), echo_guard=True)
    assert [event.onset > 6.0 for event in run.confirms][:1] == [True]
    assert "pause" in run.playout or "cut" in run.playout


def test_every_output_that_the_session_gets_is_tapped_once_and_plays_as_before():
    async def run() -> None:
        gate = ProsodyGate(echo_guard=True, listener=False)
        session = AgentSession(vad=gate.vad(silero.VAD.load()), turn_handling=gate.turn_handling())
        gate.attach(session)  # before there is an output
        first, second = SilentOutput(), SilentOutput()
        session.input.audio = Room(np.zeros(0, np.int16), first, delay=0.0, seconds=30.0)
        session.output.audio = first
        await session.start(Agent(instructions="test"))
        tone = (3_000 * np.sin(2 * np.pi * 220 * np.arange(RATE // 2) / RATE)).astype(np.int16)
        for output in (first, second):
            if output is second:
                session.output.audio = second
            for _ in range(2):
                await session.say("lorem", audio=voice(tone), add_to_chat_ctx=False)
            taps = []
            part: Any = session.output.audio
            while part is not None:
                taps += [part] if isinstance(part, AgentAudioTap) else []
                part = part.next_in_chain
            assert len(taps) == 1
            assert [kind for kind, _ in output.log] == ["play", "end"] * 2
        assert session.output.audio.can_pause
        await asyncio.wait_for(session.aclose(), 2.0)

    asyncio.run(run())

"""A real AgentSession on a clock that jumps: what takes seconds in a call takes milliseconds here, and is exact."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, llm
from livekit.agents.stt import SpeechEventType
from livekit.agents.voice.io import AudioInput

from livekit_call import LOUDEST, STEP, WINDOW, ConfirmAt, HandSTT, ScriptedVAD
from livekit_session import Answering, EchoLLM, ToneTTS
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.testing import SilentOutput
from virtual_time import run_virtual

__all__ = ["HandMicrophone", "ToolCalling", "VirtualCall", "frame_of", "run_virtual", "tone"]

RATE = 16_000


class HandMicrophone(AudioInput):
    """A microphone that gives what it is fed; what comes while it is off is lost, as in a room."""

    def __init__(self) -> None:
        super().__init__(label="HandMicrophone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()
        self._on = True

    def on_attached(self) -> None:
        self._on = True

    def on_detached(self) -> None:
        self._on = False

    def feed(self, frame: rtc.AudioFrame) -> None:
        if self._on:
            self._frames.put_nowait(frame)

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class VirtualCall:
    """A session with scripted VAD and recogniser, with the gate or without it, driven step by step.

    `await call.audio("-" * 10 + "s" * 20)` is 10 windows (32 ms each) of silence, then 20 of speech.

    Args:
        confirm_at: For the gate's evidence; see `ConfirmAt`.
        frames: Makes the windows of audio, in place of `frame_of`, for a VAD that is not the scripted one.
    """

    def __init__(
        self,
        *confirm_at: float,
        gated: bool = True,
        agent: Agent | None = None,
        vad: Any = None,
        frames: Any = None,
        stt: Any = None,
        turn_handling: dict[str, Any] | None = None,
        gate: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.gate: ProsodyGate | None = None
        self.decisions: list[Any] = []
        self.events: list[tuple[float, str, Any]] = []
        self.agent = agent or Answering(seconds=1.0)
        self.recogniser = stt or HandSTT()
        vad = vad or ScriptedVAD()
        self._frame_of = frames or frame_of
        turn_handling = {"turn_detection": "vad", "endpointing": {"min_delay": 0.3}, **(turn_handling or {})}
        options.setdefault("aec_warmup_duration", 0)
        if gated:
            given = {"sources": [ConfirmAt(*confirm_at)], "listener": False, **(gate or {})}
            self.gate = ProsodyGate(**given)
            self.gate.on("decision", self.decisions.append)
            self.session = AgentSession(
                vad=self.gate.vad(vad),
                stt=self.gate.stt(self.recogniser),
                turn_handling=self.gate.turn_handling(turn_handling),
                **options,
            )
            self.gate.attach(self.session)
        else:
            turn_handling.setdefault("interruption", {})["mode"] = "vad"
            self.session = AgentSession(vad=vad, stt=self.recogniser, turn_handling=turn_handling, **options)
        self.microphone, self.loudspeaker = HandMicrophone(), SilentOutput()
        self.session.input.audio, self.session.output.audio = self.microphone, self.loudspeaker
        for name in ("agent_state_changed", "user_state_changed", "user_input_transcribed", "error"):
            self.session.on(name, lambda event, name=name: self.events.append((self.time, name, event)))

    @property
    def time(self) -> float:
        return asyncio.get_running_loop().time()

    async def __aenter__(self) -> VirtualCall:
        await self.session.start(self.agent)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.session.aclose()
        if self.gate is not None:
            await self.gate.aclose()

    async def audio(self, script: str) -> None:
        """Let the microphone pick up one window a character: `s` speech, `-` silence."""
        for character in script:
            self.microphone.feed(self._frame_of(character))
            await asyncio.sleep(STEP)

    async def wait(self, seconds: float) -> None:
        """Let time go by without any audio."""
        await asyncio.sleep(seconds)

    async def silence(self, seconds: float) -> None:
        await self.audio("-" * round(seconds / STEP))

    def speak(self, seconds: float) -> Any:
        """The agent says something of that length."""
        return self.session.say("lorem ipsum", audio=tone(seconds), add_to_chat_ctx=False)

    async def hear(self, kind: str, text: str = "", **more: Any) -> None:
        """Let the recogniser say something now."""
        self.recogniser.streams[-1].say(kind, text, **more)
        await asyncio.sleep(0.001)

    async def final(self, text: str, **more: Any) -> None:
        await self.hear(SpeechEventType.FINAL_TRANSCRIPT.value, text, **more)

    def kinds(self) -> list[str]:
        """The gate's decisions so far."""
        return [event.kind.value for event in self.decisions]

    def finals(self) -> list[str]:
        """What the session took as said."""
        return [
            event.transcript for _, name, event in self.events if name == "user_input_transcribed" and event.is_final
        ]

    def user_states(self) -> list[str]:
        return [event.new_state for _, name, event in self.events if name == "user_state_changed"]

    def agent_states(self) -> list[str]:
        return [event.new_state for _, name, event in self.events if name == "agent_state_changed"]

    def playout(self) -> list[str]:
        return [entry.kind for entry in self.loudspeaker.log]


class ToolCalling(Agent):
    """Says that it looks something up, runs a tool for `runs` seconds, and says what it found; `seconds` each."""

    def __init__(self, *, runs: float, seconds: float = 1.0) -> None:
        super().__init__(instructions="test", llm=EchoLLM(), tts=ToneTTS())
        self.runs, self.seconds = runs, seconds
        self.said: list[str] = []

    @function_tool
    async def look_up(self) -> str:
        """Look the price up."""
        await asyncio.sleep(self.runs)
        return "ten"

    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        if chat_ctx.items[-1].type == "function_call_output":
            self.said.append("it is ten")
            yield "it is ten"
            return
        self.said.append("one moment")
        call = llm.FunctionToolCall(name="look_up", arguments="{}", call_id="1")
        yield llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", content="one moment", tool_calls=[call]))

    async def tts_node(self, text: Any, model_settings: Any) -> Any:
        async for _ in text:
            pass
        async for frame in tone(self.seconds):
            yield frame


def frame_of(character: str) -> rtc.AudioFrame:
    """One window of audio: `s` for speech, `-` for silence, as the scripted VAD reads it."""
    samples = np.full(WINDOW, round((0.9 if character == "s" else 0.02) * LOUDEST), np.int16)
    return rtc.AudioFrame(samples.tobytes(), RATE, 1, WINDOW)


async def tone(seconds: float, rate: int = 24_000) -> Any:
    """Something for the agent to play, in pieces of 100 ms."""
    samples = np.full(rate // 10, 1_000, np.int16).tobytes()
    for _ in range(round(seconds * 10)):
        yield rtc.AudioFrame(samples, rate, 1, rate // 10)

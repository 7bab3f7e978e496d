"""A real AgentSession on recorded audio in real time, with no room, no server and no key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN

from prosody_gate.livekit.testing import RecordedInput, SilentOutput

RATE = 16_000


@dataclass
class Said:
    """What the scripted recogniser makes of one stretch of speech, at stream times in seconds."""

    text: str
    start: float
    end: float
    interim: Sequence[tuple[float, str]] = ()
    delay: float = 0.4
    """From the end of the speech to the final transcript."""


class ScriptedSTT(stt.STT):
    """Says what the script says once the audio has come that far; `timed` adds the times of the speech."""

    def __init__(self, script: Sequence[Said] = (), *, timed: bool = False) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, aligned_transcript="word" if timed else False
            )
        )
        self.script = list(script)
        self.timed = timed

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, *, language=NOT_GIVEN, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        return _ScriptedStream(stt=self, conn_options=conn_options)


class _ScriptedStream(stt.RecognizeStream):
    async def _run(self) -> None:
        script: ScriptedSTT = self._stt  # type: ignore[assignment]
        queue = [
            (at, stt.SpeechEventType.INTERIM_TRANSCRIPT, text, said)
            for said in script.script
            for at, text in said.interim
        ]
        queue += [
            (said.end + said.delay, stt.SpeechEventType.FINAL_TRANSCRIPT, said.text, said) for said in script.script
        ]
        queue.sort(key=lambda entry: entry[0])
        clock = 0.0
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                clock += frame.duration
            while queue and queue[0][0] <= clock:
                at, kind, text, said = queue.pop(0)
                data = stt.SpeechData(language="en", text=text, confidence=0.9)
                if script.timed:
                    data.start_time = said.start + self.start_time_offset
                    data.end_time = min(at, said.end) + self.start_time_offset
                self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[data]))


class EchoLLM(llm.LLM):
    """Answers without a model: the agent's `llm_node` does the talking."""

    def chat(self, **kwargs: Any) -> llm.LLMStream:
        raise NotImplementedError


class ToneTTS(tts.TTS):
    """Speaks without a model: the agent's `tts_node` makes the sound."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=24_000, num_channels=1)

    def synthesize(self, text: str, **kwargs: Any) -> tts.ChunkedStream:
        raise NotImplementedError


class Answering(Agent):
    """Answers each user turn with a tone; keeps the turns it was asked to answer."""

    def __init__(self, *, seconds: float = 2.0, **options: Any) -> None:
        super().__init__(instructions="test", llm=EchoLLM(), tts=ToneTTS(), **options)
        self.seconds = seconds
        self.asked: list[str] = []

    async def llm_node(self, chat_ctx, tools, model_settings):
        self.asked.append(chat_ctx.items[-1].text_content)
        yield "an answer"

    async def tts_node(self, text, model_settings):
        async for _ in text:
            pass
        async for frame in tone(self.seconds):
            yield frame


class SilentRealtimeModel(llm.RealtimeModel):
    """A realtime model that leaves turn taking to the session, and keeps the commands and the audio it gets."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=llm.RealtimeCapabilities(
                message_truncation=False,
                turn_detection=False,
                user_transcription=False,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=False,
            )
        )
        self.commands: list[str] = []
        self.audio: list[rtc.AudioFrame] = []

    def session(self, *, turn_detection_disabled: bool = False) -> llm.RealtimeSession:
        return _SilentRealtimeSession(self)

    async def aclose(self) -> None: ...


class _SilentRealtimeSession(llm.RealtimeSession):
    _realtime_model: SilentRealtimeModel

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return llm.ChatContext.empty()

    @property
    def tools(self) -> llm.ToolContext:
        return llm.ToolContext.empty()

    async def update_instructions(self, instructions: str) -> None: ...

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None: ...

    async def update_tools(self, tools: list[Any]) -> None: ...

    def update_options(self, **options: Any) -> None: ...

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        self._realtime_model.audio.append(frame)

    def push_video(self, frame: rtc.VideoFrame) -> None: ...

    def generate_reply(self, **options: Any) -> asyncio.Future[Any]:
        self._realtime_model.commands.append("reply")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_exception(llm.RealtimeError("has nothing to say"))
        return future

    def commit_audio(self) -> None:
        self._realtime_model.commands.append("commit")

    def clear_audio(self) -> None:
        self._realtime_model.commands.append("clear")

    def interrupt(self) -> None:
        self._realtime_model.commands.append("interrupt")

    def truncate(self, **options: Any) -> None: ...

    async def aclose(self) -> None: ...


async def tone(seconds: float, rate: int = 24_000) -> AsyncIterator[rtc.AudioFrame]:
    """Something for the agent to play."""
    step = rate // 50
    samples = (2_000 * np.sin(2 * np.pi * 220 * np.arange(step) / rate)).astype(np.int16)
    for _ in range(round(seconds * 50)):
        yield rtc.AudioFrame(samples.tobytes(), rate, 1, step)


@dataclass
class SessionRun:
    """What a session did; times are seconds of the user's channel."""

    playout: list[tuple[str, float]] = field(default_factory=list)
    events: list[tuple[float, str, Any]] = field(default_factory=list)
    decisions: list[Any] = field(default_factory=list)
    user_turns: list[str] = field(default_factory=list)
    interrupted: list[bool] = field(default_factory=list)
    """For each time the agent was asked to speak."""
    agent: Agent | None = None

    def times(self, *kinds: str) -> list[float]:
        return [at for kind, at in self.playout if kind in kinds]

    def transcripts(self, final: bool = True) -> list[str]:
        return [
            event.transcript
            for _, name, event in self.events
            if name == "user_input_transcribed" and event.is_final == final and event.transcript
        ]

    def user_states(self) -> list[str]:
        return [event.new_state for _, name, event in self.events if name == "user_state_changed"]

    def kinds(self) -> list[str]:
        return [event.kind.value for event in self.decisions]


async def run_session(
    samples: np.ndarray,
    *,
    vad: vad.VAD,
    stt: stt.STT | None,
    agent_speaks: Sequence[tuple[float, float]] = ((0.0, 10.0),),
    gate: Any = None,
    agent: Agent | None = None,
    rate: int = RATE,
    tail: float = 1.0,
    during: Callable[[AgentSession, RecordedInput], Awaitable[None]] | None = None,
    allow_interruptions: bool = True,
    **options: Any,
) -> SessionRun:
    """Run a session while `samples` are the user's channel.

    Args:
        samples: int16 mono.
        vad: As the session gets it.
        stt: As the session gets it.
        agent_speaks: Start (s of the user's channel) and duration (s) of what the agent says.
        gate: Attached, and its decisions kept.
        agent: Who answers; nobody does when None.
        rate: Of the samples.
        tail: Seconds to go on after the channel's end.
        during: Runs beside the session.
        allow_interruptions: Of what the agent says.
        **options: Of the AgentSession.
    """
    run = SessionRun()
    microphone, loudspeaker = RecordedInput(samples, rate), SilentOutput()
    options.setdefault("aec_warmup_duration", 0)
    session = AgentSession(vad=vad, stt=stt, **options)
    session.input.audio, session.output.audio = microphone, loudspeaker
    names = (
        "agent_state_changed",
        "user_state_changed",
        "user_input_transcribed",
        "agent_false_interruption",
        "conversation_item_added",
        "error",
        "metrics_collected",
        "overlapping_speech",
    )
    for name in names:
        session.on(name, lambda event, name=name: run.events.append((microphone.time, name, event)))
    if gate is not None:
        gate.on("decision", run.decisions.append)
        gate.attach(session)
    run.agent = agent or Agent(instructions="test")
    await session.start(run.agent)
    handles = []

    async def speak() -> None:
        for start, seconds in agent_speaks:
            await asyncio.sleep(max(start - microphone.time, 0.0))
            handles.append(session.say("lorem " * 20, audio=tone(seconds), allow_interruptions=allow_interruptions))

    speaking = asyncio.create_task(speak())
    beside = asyncio.create_task(during(session, microphone)) if during is not None else None
    try:
        await asyncio.wait_for(microphone.ended.wait(), len(samples) / rate + 20.0)
        await asyncio.sleep(tail)
        if beside is not None:
            await asyncio.wait_for(beside, 10.0)
    finally:
        speaking.cancel()
        run.interrupted = [handle.interrupted for handle in handles]
        run.user_turns = [
            item.text_content for item in session.history.items if item.type == "message" and item.role == "user"
        ]
        await session.aclose()
        if gate is not None:
            await gate.aclose()
    assert microphone.began is not None
    run.playout = [(kind, at - microphone.began) for kind, at in loudspeaker.log]
    return run

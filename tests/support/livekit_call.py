"""A gate in a call without a session: a scripted VAD and stub session, fed by hand, with no real time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import AgentStateChangedEvent, UserStateChangedEvent, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN
from livekit.agents.vad import VAD, VADCapabilities, VADEvent, VADEventType, VADStream

from prosody_gate import Transcript
from prosody_gate.livekit import ProsodyGate

WINDOW = 512
STEP = 0.032
LOUDEST = 1_000
"""Sample value that stands for a speech probability of 1: the audio itself carries what the scripted VAD says."""


class ScriptedVAD(VAD):
    """Silero's event logic over probabilities read from the samples' values."""

    def __init__(self, *, min_speech: int = 2, min_silence: float = 0.55, graded: bool = True) -> None:
        super().__init__(capabilities=VADCapabilities(update_interval=STEP))
        self.min_speech = min_speech
        self.min_silence_duration = min_silence
        self.graded = graded
        self.infers = True
        self.fail_at: float | None = None
        self.streams: list[ScriptedVADStream] = []
        self.updated: dict[str, Any] = {}

    @property
    def model(self) -> str:
        return "scripted"

    @property
    def provider(self) -> str:
        return "tests"

    def update_options(self, **options: Any) -> None:
        self.updated.update(options)

    def stream(self) -> VADStream:
        self.streams.append(ScriptedVADStream(self))
        return self.streams[-1]


class ScriptedVADStream(VADStream):
    _vad: ScriptedVAD

    async def _main_task(self) -> None:
        state = _State()
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                state = _State()
                continue
            state.samples = np.concatenate([state.samples, np.frombuffer(item.data, np.int16)])
            factor = item.sample_rate // 16_000
            while len(state.samples) >= WINDOW * factor:
                window, state.samples = np.split(state.samples, [WINDOW * factor])
                self._window(state, window, item.sample_rate)

    def _window(self, state: _State, window: np.ndarray, rate: int) -> None:
        vad = self._vad
        state.time += STEP
        if vad.fail_at is not None and state.time >= vad.fail_at:
            raise RuntimeError("the VAD broke")
        probability = float(np.median(window)) / LOUDEST
        frame = rtc.AudioFrame(window.tobytes(), rate, 1, len(window))
        if state.speaking:
            state.duration += STEP
        state.buffer.append(window)
        if vad.infers:
            self._event_ch.send_nowait(self._inference(state, frame, probability))
        if probability >= 0.5:
            state.speech += STEP
            state.silence = 0.0
            if not state.speaking and state.speech >= vad.min_speech * STEP - 1e-9:
                state.speaking, state.duration = True, state.speech
                self._event_ch.send_nowait(self._change(VADEventType.START_OF_SPEECH, state, rate))
            return
        state.silence += STEP
        state.speech = 0.0
        if not state.speaking:
            del state.buffer[:-16]
        elif state.silence >= vad.min_silence_duration:
            state.speaking = False
            self._event_ch.send_nowait(self._change(VADEventType.END_OF_SPEECH, state, rate))
            state.duration = 0.0

    def _inference(self, state: _State, frame: rtc.AudioFrame, probability: float) -> VADEvent:
        return VADEvent(
            type=VADEventType.INFERENCE_DONE,
            samples_index=round(state.time * 16_000),
            timestamp=state.time,
            speech_duration=state.duration,
            silence_duration=0.0,
            frames=[frame],
            probability=probability if self._vad.graded else 0.0,
            inference_duration=0.001,
            speaking=state.speaking,
            raw_accumulated_silence=state.silence,
            raw_accumulated_speech=state.speech,
        )

    def _change(self, kind: VADEventType, state: _State, rate: int) -> VADEvent:
        audio = np.concatenate(state.buffer)
        ends = kind is VADEventType.END_OF_SPEECH
        return VADEvent(
            type=kind,
            samples_index=round(state.time * 16_000),
            timestamp=state.time,
            speech_duration=max(state.duration - (state.silence if ends else 0.0), 0.0),
            silence_duration=state.silence if ends else 0.0,
            frames=[rtc.AudioFrame(audio.tobytes(), rate, 1, len(audio))],
            speaking=not ends,
        )


@dataclass
class _State:
    time: float = 0.0
    speaking: bool = False
    speech: float = 0.0
    silence: float = 0.0
    duration: float = 0.0

    def __post_init__(self) -> None:
        self.samples = np.zeros(0, np.int16)
        self.buffer: list[np.ndarray] = []


class HandSTT(stt.STT):
    """Says what the test puts into its newest stream."""

    def __init__(self, **capabilities: Any) -> None:
        given = {"streaming": True, "interim_results": True, **capabilities}
        super().__init__(capabilities=stt.STTCapabilities(**given))
        self.streams: list[HandSTTStream] = []
        self.calls: list[tuple[str, Any]] = []

    @property
    def model(self) -> str:
        return "hand"

    @property
    def provider(self) -> str:
        return "tests"

    async def _recognize_impl(self, buffer, *, language, conn_options):
        self.calls.append(("recognize", language))
        data = stt.SpeechData(language="en", text="recognised")
        return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])

    def stream(self, *, language=NOT_GIVEN, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        self.calls.append(("stream", (language, conn_options.max_retry)))
        self.streams.append(HandSTTStream(stt=self, conn_options=conn_options))
        return self.streams[-1]

    def update_options(self, **options: Any) -> None:
        self.calls.append(("update_options", options))

    def prewarm(self) -> None:
        self.calls.append(("prewarm", None))

    async def aclose(self) -> None:
        self.calls.append(("aclose", None))

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        self.calls.append(("keyterms", keyterms))

    def _push_conversation_item(self, ev: Any) -> None:
        self.calls.append(("item", ev))


class HandSTTStream(stt.RecognizeStream):
    heard = 0.0
    """Seconds of audio that it has got."""

    async def _run(self) -> None:
        self.error: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(self._listen())
        try:
            await self.error
        finally:
            listening.cancel()

    async def _listen(self) -> None:
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self.heard += item.duration

    def say(
        self, kind: str, text: str = "", *, start: float = 0.0, end: float = 0.0, words: Any = None, **more: Any
    ) -> None:
        data = stt.SpeechData(language="en", text=text, start_time=start, end_time=end, words=words)
        event = stt.SpeechEvent(stt.SpeechEventType(kind), alternatives=[data] if text else [], **more)
        self._event_ch.send_nowait(event)

    def flush(self) -> None:
        self._stt.calls.append(("flush", None))
        super().flush()


class StubSession(rtc.EventEmitter[str]):
    """The part of an AgentSession that the gate looks at."""

    def __init__(self, *, vad: Any = None, stt: Any = None, **interruption: Any) -> None:
        super().__init__()
        self.agent_state = self.user_state = "listening"
        self.vad, self.stt, self.llm, self.turn_detection = vad, stt, None, None
        self.in_charge: Any = None
        """The agent, None before the start."""
        options = {"min_duration": 0.05, "mode": "vad", **interruption}
        self.options = SimpleNamespace(interruption=options)

    @property
    def current_agent(self) -> Any:
        if self.in_charge is None:
            raise RuntimeError("VoiceAgent isn't running")
        return self.in_charge

    def user(self, state: str) -> None:
        old, self.user_state = self.user_state, state
        self.emit("user_state_changed", UserStateChangedEvent(old_state=old, new_state=state))

    def agent(self, state: str) -> None:
        old, self.agent_state = self.agent_state, state
        self.emit("agent_state_changed", AgentStateChangedEvent(old_state=old, new_state=state))


class ConfirmAt:
    """Evidence that is against an interruption until a stream time (s), and for it from then on."""

    name = "script"

    def __init__(self, *times: float) -> None:
        self.times = times
        """For each overlap in turn; none after the last."""
        self._next = iter(times)
        self._at = float("inf")

    def reset(self) -> None:
        pass

    def update(self, observation: Any) -> float:
        at = next((t for t in self.times if observation.onset <= t), float("inf"))
        return 20.0 if observation.time >= at - 1e-9 else -20.0


class Call:
    """Feeds a wrapped VAD by hand and keeps what comes out.

    Times in tests are in windows of 32 ms: `await call.audio("-" * 10 + "s" * 20)` is 10 of silence, 20 of speech.
    """

    def __init__(
        self,
        *confirm_at: float,
        vad: ScriptedVAD | None = None,
        rate: int = 16_000,
        attach: bool = True,
        **options: Any,
    ) -> None:
        options.setdefault("sources", [ConfirmAt(*confirm_at)])
        options.setdefault("listener", False)
        self.gate = ProsodyGate(**options)
        self.inner = vad or ScriptedVAD()
        self.vad = self.gate.vad(self.inner)
        self.session = StubSession(vad=self.vad)
        self.rate = rate
        self.transcripts: list[Transcript] = []
        """What the gate has got, on its own clock."""
        self._note_transcripts()
        self.decisions: list[Any] = []
        self.gate.on("decision", self.decisions.append)
        if attach:
            self.gate.attach(self.session)  # type: ignore[arg-type]
        self.got: list[VADEvent] = []
        self.recogniser: Any = None
        self.stt: Any = None
        self.stt_stream: Any = None
        self.received: list[stt.SpeechEvent] = []
        self._readers: list[asyncio.Task[None]] = []

    def _note_transcripts(self) -> None:
        driver = self.gate._driver
        push = driver.push_transcript

        def noted(transcript: Transcript) -> None:
            self.transcripts.append(transcript)
            push(transcript)

        driver.push_transcript = noted  # type: ignore[method-assign]

    async def __aenter__(self) -> Call:
        self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close_all()
        await self.gate.aclose()

    def open(self) -> None:
        """Open a stream, as the session does at its start and at each hand-over."""
        self.stream = self.vad.stream()
        self._readers.append(asyncio.create_task(self._read(self.stream)))
        if self.stt is not None and self.stt_stream is None:
            self.open_stt()

    def with_stt(self, recogniser: stt.STT | None = None) -> Call:
        """Open a companion's stream too."""
        self.recogniser = recogniser or HandSTT()
        self.stt = self.gate.stt(self.recogniser)
        self.session.stt = self.stt
        return self

    def open_stt(self) -> None:
        self.stt_stream = self.stt.stream()
        self._readers.append(asyncio.create_task(self._read_stt(self.stt_stream)))

    async def _read_stt(self, stream: Any) -> None:
        async for event in stream:
            self.received.append(event)

    async def say(self, kind: str, text: str = "", **more: Any) -> None:
        """Let the recogniser say something now."""
        self.recogniser.streams[-1].say(kind, text, **more)
        await settle()

    def texts(self) -> list[str]:
        """What the session got: texts, or the kind of an event without one."""
        return [event.alternatives[0].text if event.alternatives else event.type.value for event in self.received]

    async def close_stream(self) -> None:
        await self.stream.aclose()
        await settle()

    async def close_all(self) -> None:
        await self.stream.aclose()
        if self.stt_stream is not None:
            await self.stt_stream.aclose()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read(self, stream: VADStream) -> None:
        async for event in stream:
            self.got.append(event)

    async def audio(self, script: str) -> None:
        """Push one window a character: `s` speech, `-` silence."""
        for character in script:
            await self.window(0.9 if character == "s" else 0.02)

    async def window(self, probability: float) -> None:
        size = WINDOW * self.rate // 16_000
        value = np.full(size, round(probability * LOUDEST), np.int16)
        for part in np.split(value, 4):
            frame = rtc.AudioFrame(part.tobytes(), self.rate, 1, len(part))
            self.stream.push_frame(frame)
            if self.stt_stream is not None and not self.stt_stream._event_ch.closed:
                self.stt_stream.push_frame(frame)
        await settle()

    def agent(self, speaking: bool) -> None:
        self.session.agent("speaking" if speaking else "listening")

    def kinds(self) -> list[str]:
        """The decisions so far."""
        return [event.kind.value for event in self.decisions]

    def marks(self) -> list[str]:
        """What the session got of the user's speech, without inference events."""
        names = {VADEventType.START_OF_SPEECH: "start", VADEventType.END_OF_SPEECH: "end"}
        return [names[event.type] for event in self.got if event.type in names]

    def starts(self) -> list[VADEvent]:
        return [event for event in self.got if event.type is VADEventType.START_OF_SPEECH]

    def ends(self) -> list[VADEvent]:
        return [event for event in self.got if event.type is VADEventType.END_OF_SPEECH]

    def speech_shown(self) -> list[VADEvent]:
        """The inference events that show speech, in any of the fields that the session looks at."""
        return [
            event
            for event in self.got
            if event.type is VADEventType.INFERENCE_DONE
            and (event.speaking or event.speech_duration > 0 or event.raw_accumulated_speech > 0)
        ]


async def settle() -> None:
    """Let all tasks that can run do so."""
    for _ in range(12):
        await asyncio.sleep(0)


def without_frames(events: list[VADEvent]) -> list[VADEvent]:
    return [replace(event, frames=[]) for event in events]

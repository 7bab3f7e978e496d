"""The STT companion: stands where the STT stood, and keeps the words of cancelled speech from the session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from dataclasses import replace
from typing import Any, Final
from weakref import WeakSet

from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.agents.stt import STT, RecognizeStream, SpeechEvent, SpeechEventType, STTCapabilities
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer
from pydantic import BaseModel

from ..gate import GateEvent
from ..session import GateDriver
from .stt_stream_clock import SttStreamClock
from .transcript_hold import TranscriptHold


class GatedSTT(STT[Any]):
    """Any streaming LiveKit STT with a gate behind it. Made by `ProsodyGate.stt`.

    Everything that is not about the gate is the STT's own: label, model, provider, capabilities, options, keyterms,
    conversation items, `metrics_collected`, `error` and any other event.

    Args:
        inner: The STT.
        driver: The session's gate.
        on_drop: Called for each transcript that is kept from the session.
    """

    def __init__(self, inner: STT[Any], driver: GateDriver, *, on_drop: Callable[[SpeechEvent], None]) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._driver = driver
        self._label = inner._label
        # What is held outlives a stream: after an error the session opens another one.
        self._hold = TranscriptHold(driver, on_drop)
        self._streams: WeakSet[GatedSTTStream] = WeakSet()

    def __getattr__(self, name: str) -> Any:
        # Whatever else an STT has is reached through its wrapper.
        if name == "_inner":
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def wrapped_stt(self) -> STT[Any]:
        """The STT inside."""
        return self._inner

    @property
    def label(self) -> str:
        """The STT's label."""
        return self._inner.label

    @property
    def model(self) -> str:
        """The STT's model."""
        return self._inner.model

    @property
    def provider(self) -> str:
        """The STT's provider."""
        return self._inner.provider

    @property
    def metrics_metadata(self) -> Any:
        """The STT's metrics metadata."""
        return self._inner.metrics_metadata

    @property
    def capabilities(self) -> STTCapabilities:
        """The STT's capabilities."""
        return self._inner.capabilities

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """A stream of the STT with the gate behind it.

        Args:
            language: Handed to the STT.
            conn_options: Handed to the STT, whose stream does the retries.
        """
        inner = self._inner.stream(language=language, conn_options=conn_options)
        stream = GatedSTTStream(self, inner, self._driver, hold=self._hold, conn_options=conn_options)
        self._streams.add(stream)
        return stream

    def update_options(self, *args: Any, **options: Any) -> None:
        """Change options of the STT; it may connect again for them."""
        self._inner.update_options(*args, **options)  # type: ignore[attr-defined]
        self._options_changed()

    async def recognize(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechEvent:
        """Recognise a whole buffer with the STT; the gate has no part in it."""
        return await self._inner.recognize(buffer, language=language, conn_options=conn_options)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> SpeechEvent:
        return await self._inner.recognize(buffer, language=language, conn_options=conn_options)

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        self._inner._update_session_keyterms(keyterms)
        self._options_changed()

    def _push_conversation_item(self, ev: Any) -> None:
        self._inner._push_conversation_item(ev)

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Listen to the STT itself, which emits `metrics_collected`, `error` and what else it has."""
        return self._inner.on(event, callback)

    def off(self, event: Any, callback: Callable[..., Any]) -> None:
        """Stop listening."""
        self._inner.off(event, callback)

    def emit(self, event: Any, *args: Any) -> None:
        """Emit as the STT."""
        self._inner.emit(event, *args)

    def prewarm(self) -> None:
        """Prewarm the STT."""
        self._inner.prewarm()

    async def aclose(self) -> None:
        """Close the STT."""
        self._hold.drop()
        await self._inner.aclose()

    def _options_changed(self) -> None:
        for stream in self._streams:
            stream.options_changed()


PATIENCE: Final = 2.0
"""Seconds beyond the longest time the gate may take, after which a held event is given up: handed on, or dropped where
it is a backchannel."""

TIMER_RESOLUTION: Final = 0.05
"""Seconds by which what is held may be given up before its time, so that one timer serves several."""


class GatedSTTStream(RecognizeStream):
    """Hands audio straight to the recogniser's stream, and its events on as the gate decides."""

    def __init__(
        self,
        stt: GatedSTT,
        inner: RecognizeStream,
        driver: GateDriver,
        *,
        hold: TranscriptHold,
        conn_options: APIConnectOptions,
    ) -> None:
        self._inner = inner
        self._driver = driver
        self._hold = hold
        self._times = SttStreamClock(driver, inner)
        self._timer: asyncio.TimerHandle | None = None
        # The recogniser's own stream retries; this one only passes on what comes of it.
        super().__init__(stt=stt, conn_options=replace(conn_options, max_retry=0))

    def __getattr__(self, name: str) -> Any:
        # What a recogniser's stream has beyond the contract is reached through its wrapper.
        if name == "_inner":
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def context(self) -> BaseModel | None:
        """The recogniser's speaker metadata."""
        return self._inner.context

    @context.setter
    def context(self, value: BaseModel | None) -> None:
        self._inner.context = value

    @property
    def start_time_offset(self) -> float:
        """The recogniser's; grows with each of its reconnects."""
        return self._inner.start_time_offset

    @start_time_offset.setter
    def start_time_offset(self, value: float) -> None:
        self._inner.start_time_offset = value
        self._times.offset_set(value)

    @property
    def start_time(self) -> float:
        """The recogniser's wall clock anchor."""
        return self._inner.start_time

    @start_time.setter
    def start_time(self, value: float) -> None:
        self._inner.start_time = value

    def update_options(self, *args: Any, **options: Any) -> None:
        """Change options of the recogniser; it may connect again for them."""
        self._inner.update_options(*args, **options)  # type: ignore[attr-defined]
        self.options_changed()

    def options_changed(self) -> None:
        """The recogniser got new options or keyterms."""
        self._times.options_changed()

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Hand a frame to the recogniser."""
        self._check_not_closed()
        self._times.pushed(frame)
        if self._inner._event_ch.closed:
            return  # it has just ended, and its error is on its way to whoever reads this stream
        self._inner.push_frame(frame)

    def flush(self) -> None:
        """Flush the recogniser."""
        self._inner.flush()

    def end_input(self) -> None:
        """End the recogniser's input."""
        self._inner.end_input()

    async def aclose(self) -> None:
        """Close this stream and the recogniser's."""
        if not self._task.done():
            # It has not ended by itself: the session closes it, to clear the user's turn, say.
            self._hold.drop()
        self._let_go()
        await super().aclose()
        await self._inner.aclose()

    def gate_moved(self, events: list[GateEvent]) -> None:
        """Hand on what the gate's step lets through; see `Follower`."""
        self._send(self._hold.decided(events))

    async def _run(self) -> None:
        self._driver.follow(self)
        # What was decided while no stream was there.
        self._send(self._hold.decided([]))
        try:
            async for event in self._inner:
                self._take(event)
        finally:
            self._let_go()

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[SpeechEvent]) -> None:
        # The recogniser's own stream reports usage; here the events are only taken out of the tee.
        async for _ in event_aiter:
            pass

    def _emit_error(self, api_error: Exception, recoverable: bool) -> None:
        # The recogniser's own stream has emitted it.
        return

    def _take(self, event: SpeechEvent) -> None:
        try:
            if event.type is SpeechEventType.RECOGNITION_USAGE:
                out = [event]
            else:
                final = event.type is SpeechEventType.FINAL_TRANSCRIPT
                transcript = self._times.transcript(event, final=final)
                if transcript.text.strip():
                    self._driver.push_transcript(transcript)
                out = self._hold.take(event, transcript, now=asyncio.get_running_loop().time())
        except Exception as error:
            self._driver.fail(error)
            out = [*self._hold.let_go(), event]
        self._send(out)

    def _send(self, events: list[SpeechEvent]) -> None:
        if not self._event_ch.closed:
            for event in events:
                self._event_ch.send_nowait(event)
        self._set_timer()

    def _set_timer(self) -> None:
        loop, since = asyncio.get_running_loop(), self._hold.held_since
        if since is not None and self._timer is None:
            self._timer = loop.call_at(since + self._longest_hold(), self._overdue)

    def _longest_hold(self) -> float:
        options = self._driver.gate.options
        return options.max_hold + max(options.tail_boundary, options.transcript_timeout) + PATIENCE

    def _overdue(self) -> None:
        self._timer = None
        # The loop may call a timer its own resolution too early.
        now = asyncio.get_running_loop().time() + TIMER_RESOLUTION
        self._send(self._hold.overdue(now - self._longest_hold()))

    def _let_go(self) -> None:
        self._driver.unfollow(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

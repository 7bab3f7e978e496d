"""The STT companion: stands where the STT stood, and keeps the words of cancelled speech from the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.agents.stt import STT, RecognizeStream, SpeechEvent, SpeechEventType
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer
from pydantic import BaseModel

from ..gate import GateEvent, GateEventKind
from ..session import DropReason, GateDriver, StreamClaim, TranscriptHold
from .guarded_microphone import GuardedMicrophone
from .speech_event_hold import item_of, speech_event_hold, timed_words
from .stt_stream_clock import SttStreamClock
from .wrapped import Wrapped, WrappedStream

TIMER_RESOLUTION: Final = 0.05
"""Seconds by which what is held may be given up before its time, so that one timer serves several."""


class GatedSTT(Wrapped, STT[Any]):
    """Any streaming LiveKit STT with a gate behind it. Made by `ProsodyGate.stt`.

    Everything that is not about the gate is the STT's own: label, model, provider, capabilities, options, keyterms,
    conversation items, `metrics_collected`, `error` and any other event.

    Args:
        inner: The STT.
        driver: The session's gate.
        on_drop: Called for each transcript that is kept from the session, and why.
        microphone: Takes the agent's voice out of the audio; None for audio as it is.
    """

    def __init__(
        self,
        inner: STT[Any],
        driver: GateDriver,
        *,
        on_drop: Callable[[SpeechEvent, DropReason], None],
        microphone: GuardedMicrophone | None = None,
    ) -> None:
        super().__init__(inner)
        self._driver = driver
        self._microphone = microphone
        # What is held outlives a stream: after an error the session opens another one.
        self._hold = speech_event_hold(driver, on_drop)
        self._claim = StreamClaim()
        self._streams: WeakSet[GatedSTTStream] = WeakSet()

    @property
    def wrapped_stt(self) -> STT[Any]:
        """The STT inside."""
        inner: STT[Any] = self._inner
        return inner

    @property
    def label(self) -> str:
        """The STT's label."""
        return str(self._inner.label)

    @property
    def metrics_metadata(self) -> Any:
        """The STT's metrics metadata."""
        return self._inner.metrics_metadata

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> RecognizeStream:
        """A stream of the STT with the gate behind it.

        One at a time is the gate's; another that is open beside it, of a second session, sends its events as they are.

        Args:
            language: Handed to the STT.
            conn_options: Handed to the STT, whose stream does the retries.
        """
        inner = self._inner.stream(language=language, conn_options=conn_options)
        stream = GatedSTTStream(
            self,
            inner,
            self._driver,
            hold=self._hold,
            claim=self._claim,
            conn_options=conn_options,
            microphone=self._microphone,
        )
        self._streams.add(stream)
        return stream

    def update_options(self, *args: Any, **options: Any) -> None:
        """Change options of the STT; it may connect again for them."""
        self._inner.update_options(*args, **options)
        self._options_changed()

    async def recognize(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechEvent:
        """Recognise a whole buffer with the STT; the gate has no part in it."""
        return await self._recognize_impl(buffer, language=language, conn_options=conn_options)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> SpeechEvent:
        event: SpeechEvent = await self._inner.recognize(buffer, language=language, conn_options=conn_options)
        return event

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        self._inner._update_session_keyterms(keyterms)
        self._options_changed()

    def _push_conversation_item(self, ev: Any) -> None:
        self._inner._push_conversation_item(ev)

    def prewarm(self) -> None:
        """Prewarm the STT."""
        self._inner.prewarm()

    async def aclose(self) -> None:
        """Close the STT."""
        self._hold.clear()
        await self._inner.aclose()

    def _options_changed(self) -> None:
        for stream in self._streams:
            stream.options_changed()


class GatedSTTStream(WrappedStream, RecognizeStream):
    """Hands audio straight to the recogniser's stream, and sends its events on as the gate decides."""

    def __init__(
        self,
        stt: GatedSTT,
        inner: RecognizeStream,
        driver: GateDriver,
        *,
        hold: TranscriptHold[SpeechEvent],
        claim: StreamClaim,
        conn_options: APIConnectOptions,
        microphone: GuardedMicrophone | None,
    ) -> None:
        self._inner = inner
        self._driver = driver
        self._cleaned = None if microphone is None else microphone.reader(self._push)
        self._hold = hold
        self._claim = claim
        self._follows = False
        self._clock = SttStreamClock(driver, inner)
        self._timer: asyncio.TimerHandle | None = None
        # The recogniser's own stream retries; this one only passes on what comes of it.
        super().__init__(stt=stt, conn_options=replace(conn_options, max_retry=0))

    @property
    def context(self) -> BaseModel | None:
        """The recogniser's speaker metadata."""
        context: BaseModel | None = self._inner.context
        return context

    @context.setter
    def context(self, value: BaseModel | None) -> None:
        self._inner.context = value

    @property
    def start_time_offset(self) -> float:
        """The recogniser's; grows with each of its reconnects."""
        return float(self._inner.start_time_offset)

    @start_time_offset.setter
    def start_time_offset(self, value: float) -> None:
        self._inner.start_time_offset = value
        self._clock.offset_set(value)

    @property
    def start_time(self) -> float:
        """The recogniser's wall clock anchor."""
        return float(self._inner.start_time)

    @start_time.setter
    def start_time(self, value: float) -> None:
        self._inner.start_time = value

    def update_options(self, *args: Any, **options: Any) -> None:
        """Change options of the recogniser; it may connect again for them."""
        self._inner.update_options(*args, **options)
        self.options_changed()

    def options_changed(self) -> None:
        """The recogniser got new options or keyterms."""
        self._clock.options_changed()

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Hand a frame to the recogniser, without the agent's voice where there is an echo guard for it."""
        self._check_not_closed()
        is_the_gates = self._claim.claim(self)
        if is_the_gates:
            # In place of audio that is not for it (echo warm-up, speech that is not to be interrupted) the session
            # gives the recogniser digital silence.
            self._driver.gets_transcripts = bool(np.frombuffer(frame.data, np.int16).any())
        if self._cleaned is None or not is_the_gates:
            self._push(frame)
        else:
            self._cleaned.push(frame)

    def _push(self, frame: rtc.AudioFrame) -> None:
        self._clock.pushed(frame)
        if self._inner._event_ch.closed:
            return  # it has just ended, and its error is on its way to whoever reads this stream
        self._inner.push_frame(frame)

    def flush(self) -> None:
        """Flush the recogniser."""
        self._deliver_waiting()
        self._inner.flush()

    def end_input(self) -> None:
        """End the recogniser's input."""
        self._deliver_waiting()
        self._inner.end_input()

    async def aclose(self) -> None:
        """Close this stream and the recogniser's."""
        if not self._task.done() and self._claim.has(self):
            # It has not ended by itself: the session closes it, to clear the user's turn, say.
            self._hold.clear()
        self._detach()
        await super().aclose()

    def gate_moved(self, events: list[GateEvent]) -> None:
        """Send what the gate's step lets through; see `Follower`."""
        self._send(self._hold.gate_moved(events))
        if any(event.kind is GateEventKind.CANCEL and event.reason != "stream_end" for event in events):
            self._flush_cancelled()

    async def _run(self) -> None:
        self._take_the_part()
        try:
            async for event in self._inner:
                if self._take_the_part():
                    self._push_event(event)
                else:
                    self._event_ch.send_nowait(event)
        finally:
            self._detach()

    def _flush_cancelled(self) -> None:
        """Let a recogniser that waits for a flush finish cancelled words, or they would be part of the next turn's.

        The session flushes it at the end of the user's speech, and never learns of this one.
        """
        is_at_rest = not self._driver.undecided and not self._driver.passing
        if self._stt.capabilities.manual_flush and is_at_rest and not self._inner._event_ch.closed:
            self._inner.flush()

    def _take_the_part(self) -> bool:
        """Whether this is the gate's stream; once it is, it takes over what is held."""
        if not self._claim.claim(self):
            return False
        if not self._follows:
            self._follows = True
            self._driver.follow(self)
            try:
                # What was decided while no stream was there.
                self._send(self._hold.gate_moved([]))
            except Exception as error:
                self._driver.fail(error)
        return True

    def _emit_error(self, api_error: Exception, recoverable: bool) -> None:
        # The recogniser's own stream has emitted it.
        return

    def _push_event(self, event: SpeechEvent) -> None:
        try:
            if event.type is SpeechEventType.RECOGNITION_USAGE:
                out = [event]
            else:
                final = event.type is SpeechEventType.FINAL_TRANSCRIPT
                transcript = self._clock.transcript(event, final=final)
                transcript = replace(transcript, words=timed_words(event, transcript))
                if transcript.text.strip():
                    self._driver.push_transcript(transcript)
                out = self._hold.push(item_of(event, transcript), now=asyncio.get_running_loop().time())
        except Exception as error:
            self._driver.fail(error)
            out = [*self._hold.release(), event]
        self._send(out)

    def _send(self, events: list[SpeechEvent]) -> None:
        if not self._event_ch.closed:
            for event in events:
                self._event_ch.send_nowait(event)
        self._set_timer()

    def _deliver_waiting(self) -> None:
        if self._cleaned is not None:
            self._cleaned.deliver_waiting()

    def _set_timer(self) -> None:
        loop, since = asyncio.get_running_loop(), self._hold.held_since
        if since is not None and self._timer is None:
            self._timer = loop.call_at(since + self._hold.longest_hold, self._release_overdue)

    def _release_overdue(self) -> None:
        self._timer = None
        # The loop may call a timer its own resolution too early.
        now = asyncio.get_running_loop().time() + TIMER_RESOLUTION
        try:
            out = self._hold.release_overdue(now - self._hold.longest_hold)
        except Exception as error:
            self._driver.fail(error)
            out = self._hold.release()
        self._send(out)

    def _detach(self) -> None:
        self._driver.unfollow(self)
        self._claim.leave(self)
        if self._cleaned is not None:
            self._cleaned.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

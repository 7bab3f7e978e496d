"""The STT companion: stands where the STT stood, and keeps the words of cancelled speech from the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from livekit.agents import APIConnectOptions
from livekit.agents.stt import STT, RecognizeStream, SpeechEvent, STTCapabilities
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import AudioBuffer

from .gate_driver import GateDriver
from .gated_stt_stream import GatedSTTStream
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

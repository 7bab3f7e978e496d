"""What every wrapper around a VAD or an STT, and every wrapper around one of their streams, passes through."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Any


class Wrapped:
    """A mixin for a VAD or an STT around another one: what it does not do itself, the one inside does.

    Model, provider, capabilities, options and events are those of the one inside. Goes before LiveKit's class in the
    list of bases.

    Args:
        inner: What is wrapped.
    """

    _inner: Any
    _label: str

    def __init__(self, inner: Any) -> None:
        super().__init__(capabilities=inner.capabilities)  # type: ignore[call-arg]
        self._inner = inner
        self._label = inner._label

    def __getattr__(self, name: str) -> Any:
        # min_silence_duration, update_options and whatever else it has beyond the contract.
        return _attribute_of_inner(self, name)

    @property
    def model(self) -> str:
        """The inner model."""
        return str(self._inner.model)

    @property
    def provider(self) -> str:
        """The inner provider."""
        return str(self._inner.provider)

    @property
    def capabilities(self) -> Any:
        """The inner capabilities."""
        return self._inner.capabilities

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Any:
        """Register a handler with the one inside, which emits `metrics_collected`, `error` and what else it has."""
        return self._inner.on(event, callback)

    def off(self, event: Any, callback: Callable[..., Any]) -> None:
        """Take a handler away again."""
        self._inner.off(event, callback)

    def emit(self, event: Any, *args: Any) -> None:
        """Emit as the one inside."""
        self._inner.emit(event, *args)


class WrappedStream:
    """A mixin for a stream of a wrapper around the stream of what it wraps; goes before LiveKit's class as well."""

    _inner: Any

    def __getattr__(self, name: str) -> Any:
        # update_options, say.
        return _attribute_of_inner(self, name)

    async def aclose(self) -> None:
        """Close this stream and the one inside."""
        try:
            await super().aclose()  # type: ignore[misc]
        finally:
            await self._inner.aclose()

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[Any]) -> None:
        # The stream inside reports; here the events are only taken out of the tee.
        async for _ in event_aiter:
            pass


def _attribute_of_inner(wrapper: Any, name: str) -> Any:
    if name == "_inner":  # asked for before it was set
        raise AttributeError(name)
    return getattr(wrapper._inner, name)

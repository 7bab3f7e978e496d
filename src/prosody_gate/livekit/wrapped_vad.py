"""What every VAD that stands around another one passes through."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Any

from livekit.agents.vad import VAD, VADCapabilities


class WrappedVAD(VAD, ABC):
    """A VAD around another: model, provider, capabilities, options and `metrics_collected` are those of the one inside.

    Args:
        inner: The VAD.
    """

    def __init__(self, inner: VAD) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._label = inner._label

    def __getattr__(self, name: str) -> Any:
        # min_silence_duration, update_options and whatever else a VAD has are reached through its wrapper.
        if name == "_inner":
            raise AttributeError(name)
        return getattr(self._inner, name)

    @property
    def wrapped_vad(self) -> VAD:
        """The VAD inside."""
        return self._inner

    @property
    def model(self) -> str:
        """The VAD's model."""
        return self._inner.model

    @property
    def provider(self) -> str:
        """The VAD's provider."""
        return self._inner.provider

    @property
    def capabilities(self) -> VADCapabilities:
        """The VAD's capabilities."""
        return self._inner.capabilities

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Listen to the VAD itself, which emits `metrics_collected`."""
        return self._inner.on(event, callback)

    def off(self, event: Any, callback: Callable[..., Any]) -> None:
        """Stop listening."""
        self._inner.off(event, callback)

    def emit(self, event: Any, *args: Any) -> None:
        """Emit as the VAD."""
        self._inner.emit(event, *args)

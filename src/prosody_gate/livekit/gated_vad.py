"""The VAD wrapper: stands where the VAD stood, and lets through what the gate lets through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents.vad import VAD, VADCapabilities, VADStream

from .gate_driver import GateDriver
from .gated_vad_stream import GatedVADStream


class GatedVAD(VAD):
    """Any LiveKit VAD with a gate behind it. Made by `ProsodyGate.vad`.

    Everything that is not about the gate is the VAD's own: model, provider, capabilities, options, `metrics_collected`.

    Args:
        inner: The VAD.
        driver: The session's gate.
        gain_db: How much louder than it is the VAD hears the user, in dB.
    """

    def __init__(self, inner: VAD, driver: GateDriver, *, gain_db: float = 0.0) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._driver = driver
        self._gain_db = gain_db
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

    def stream(self) -> VADStream:
        """A stream of the VAD with the gate behind it.

        One at a time feeds the gate; another that is open beside it (a `StreamAdapter` made with this wrapper, say)
        hands on its VAD's events as they are.
        """
        return GatedVADStream(self, self._inner.stream(), self._driver, gain_db=self._gain_db)

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Listen to the VAD itself, which emits `metrics_collected`."""
        return self._inner.on(event, callback)

    def off(self, event: Any, callback: Callable[..., Any]) -> None:
        """Stop listening."""
        self._inner.off(event, callback)

    def emit(self, event: Any, *args: Any) -> None:
        """Emit as the VAD."""
        self._inner.emit(event, *args)

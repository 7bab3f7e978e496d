"""The VAD wrapper: stands where the VAD stood, and lets through what the gate lets through."""

from __future__ import annotations

from livekit.agents.vad import VAD, VADStream

from .gate_driver import GateDriver
from .gated_vad_stream import GatedVADStream
from .louder_vad import LouderVAD
from .wrapped_vad import WrappedVAD


class GatedVAD(WrappedVAD):
    """Any LiveKit VAD with a gate behind it. Made by `ProsodyGate.vad`.

    Everything that is not about the gate is the VAD's own: model, provider, capabilities, options, `metrics_collected`.

    Args:
        inner: The VAD.
        driver: The session's gate.
        gain_db: How much louder than recorded gate and VAD hear the user, in dB.
    """

    def __init__(self, inner: VAD, driver: GateDriver, *, gain_db: float = 0.0) -> None:
        super().__init__(inner)
        self._driver = driver
        self._gain_db = gain_db
        self._listening = LouderVAD.around(inner, gain_db=gain_db)

    def stream(self) -> VADStream:
        """A stream of the VAD with the gate behind it.

        One at a time feeds the gate; another that is open beside it (a `StreamAdapter` made with this wrapper, say)
        hands on its VAD's events as they are.
        """
        return GatedVADStream(self, self._listening.stream(), self._driver, gain_db=self._gain_db)

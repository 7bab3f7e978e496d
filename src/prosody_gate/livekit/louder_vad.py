"""A VAD that hears the user louder than recorded, for a microphone too quiet for it."""

from __future__ import annotations

from livekit.agents.vad import VAD, VADStream

from .louder_vad_stream import LouderVADStream
from .wrapped_vad import WrappedVAD


class LouderVAD(WrappedVAD):
    """Any LiveKit VAD, given amplified audio; its events carry what was recorded.

    Args:
        inner: The VAD.
        gain_db: How much louder it hears the user, in dB.
    """

    def __init__(self, inner: VAD, *, gain_db: float) -> None:
        super().__init__(inner)
        self._gain_db = gain_db

    @classmethod
    def around(cls, inner: VAD, *, gain_db: float) -> VAD:
        """`inner` with the gain; `inner` itself where there is none."""
        return inner if gain_db == 0.0 else cls(inner, gain_db=gain_db)

    def stream(self) -> VADStream:
        """A stream of the VAD that hears more than it is given."""
        return LouderVADStream(self, self._inner.stream(), gain_db=self._gain_db)

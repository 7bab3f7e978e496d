"""A VAD that gets the user's audio amplified, for a microphone that is too quiet for it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

import numpy as np
from livekit import rtc
from livekit.agents.vad import VAD, VADEvent, VADEventType, VADStream

from ..audio import amplified
from .vad_stream_clock import AudioHistory, VadInferenceClock
from .wrapped import Wrapped, WrappedStream

logger = logging.getLogger("prosody_gate")

MISSING: Final = 0.05
"""Seconds of an event's audio that may be missing from what was kept."""

MAX_SPEECH: Final = 62.0
"""Seconds of recorded audio kept: Silero's END carries up to 60 s of speech, and what was before it."""


class LouderVAD(Wrapped, VAD):
    """Any LiveKit VAD, given amplified audio; its events carry the audio as it was recorded.

    Args:
        inner: The VAD.
        gain_db: How much the audio is amplified, in dB.
    """

    def __init__(self, inner: VAD, *, gain_db: float) -> None:
        super().__init__(inner)
        self._gain_db = gain_db

    @classmethod
    def around(cls, inner: VAD, *, gain_db: float) -> VAD:
        """`inner` with the gain; `inner` itself where there is none."""
        return inner if gain_db == 0.0 else cls(inner, gain_db=gain_db)

    def stream(self) -> VADStream:
        """A stream of the VAD that amplifies what it is given."""
        return LouderVADStream(self, self._inner.stream(), gain_db=self._gain_db)


class LouderVADStream(WrappedStream, VADStream):
    """Hands amplified audio straight to the VAD's stream, and its events on with the audio as it was recorded."""

    def __init__(self, vad: LouderVAD, inner: VADStream, *, gain_db: float) -> None:
        self._inner = inner
        self._gain_db = gain_db
        self._history = AudioHistory(MAX_SPEECH)
        self._clock = VadInferenceClock()
        self._inferred = False
        self._speech_begins: float | None = None
        self._warned = False
        super().__init__(vad)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Amplify a frame and hand it to the VAD."""
        if self._inner._event_ch.closed:
            return  # it has just ended, and its error is on its way to whoever reads this stream
        self._history.push(frame)
        self._inner.push_frame(self._amplified(frame))

    def flush(self) -> None:
        """Flush the VAD."""
        if self._inner._event_ch.closed:
            return  # it has ended by itself; reading from it raises its error
        self._inner.flush()
        self._clock.flushed(self._history.end)

    def end_input(self) -> None:
        """End the VAD's input."""
        if not self._inner._event_ch.closed:
            self._inner.end_input()

    async def _main_task(self) -> None:
        async for event in self._inner:
            self._event_ch.send_nowait(replace(event, frames=self._recorded(event)))

    def _amplified(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        try:
            louder = amplified(np.frombuffer(frame.data, np.int16) * np.float32(2.0**-15), self._gain_db)
            samples = np.rint(louder * np.float32(32_767.0)).astype(np.int16)
        except Exception:  # the VAD can do with the plain frame; a call must not go deaf over its loudness
            if not self._warned:
                self._warned = True
                logger.exception("audio could not be amplified; the VAD gets it as it is")
            return frame
        return rtc.AudioFrame(samples.tobytes(), frame.sample_rate, frame.num_channels, frame.samples_per_channel)

    def _recorded(self, event: VADEvent) -> list[rtc.AudioFrame]:
        """The audio that the event's frames were made from."""
        if event.type is VADEventType.INFERENCE_DONE:
            self._clock.advance(event, input_end=self._history.end)
            self._inferred = True
        elif not self._inferred:
            self._clock.mark(self._history.end)
        length = sum(frame.duration for frame in event.frames)
        begins = self._clock.time - length
        if event.type is VADEventType.START_OF_SPEECH:
            self._speech_begins = begins
        elif event.type is VADEventType.END_OF_SPEECH and self._speech_begins is not None:
            # Of very long speech a VAD keeps the beginning.
            begins, self._speech_begins = self._speech_begins, None
        recorded = self._history.between(begins, begins + length)
        # Of speech that is longer than what is kept, amplified words are better than missing ones.
        is_whole = sum(frame.duration for frame in recorded) >= length - MISSING
        return recorded if is_whole else event.frames

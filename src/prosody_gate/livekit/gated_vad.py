"""The VAD wrapper: stands where the VAD stood, and lets through what the gate lets through."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents.utils import aio
from livekit.agents.vad import VAD, VADEvent, VADEventType, VADStream

from ..audio import FRAME_DURATION, Framer, Resampler, amplified, to_float32
from ..gate import GateEvent
from ..session import GateDriver
from .louder_vad import LouderVAD
from .speech_translator import SpeechTranslator
from .vad_stream_clock import AudioHistory, SpeechProbability, VadInferenceClock
from .wrapped import Wrapped, WrappedStream

logger = logging.getLogger("prosody_gate")

MAX_WAIT: Final = 94
"""Frames (3 s) that wait for a VAD that lags behind; then its last probability holds."""


class GatedVAD(Wrapped, VAD):
    """Any LiveKit VAD with a gate behind it. Made by `ProsodyGate.vad`.

    Everything that is not about the gate is the VAD's own: model, provider, capabilities, options, `metrics_collected`.

    Args:
        inner: The VAD.
        driver: The session's gate.
        gain_db: How much the audio is amplified for gate and VAD, in dB.
    """

    def __init__(self, inner: VAD, driver: GateDriver, *, gain_db: float = 0.0) -> None:
        super().__init__(inner)
        self._driver = driver
        self._gain_db = gain_db
        self._amplifying = LouderVAD.around(inner, gain_db=gain_db)

    @property
    def wrapped_vad(self) -> VAD:
        """The VAD inside."""
        inner: VAD = self._inner
        return inner

    def stream(self) -> VADStream:
        """A stream of the VAD with the gate behind it.

        One at a time feeds the gate; another that is open beside it (a `StreamAdapter` made with this wrapper, say)
        sends its VAD's events on as they are.
        """
        return GatedVADStream(self, self._amplifying.stream(), self._driver, gain_db=self._gain_db)


class GatedVADStream(WrappedStream, VADStream):
    """Feeds the VAD and the gate the same audio, and pairs each analysis frame with the VAD's probability for it."""

    def __init__(self, vad: GatedVAD, inner: VADStream, driver: GateDriver, *, gain_db: float) -> None:
        self._inner = inner
        self._driver = driver
        self._gain_db = gain_db
        self._history = AudioHistory()
        self._clock = VadInferenceClock()
        self._probability = SpeechProbability()
        self._translator = SpeechTranslator(driver, self._audio_between)
        self._resampler: Resampler | None = None
        self._framer = Framer()
        self._frames: deque[npt.NDArray[np.float32]] = deque()
        self._origin: float | None = None
        self._skipped = 0.0
        self._fed = 0
        self._held_probability = 0.0
        self._inferred = False
        self._marks_only = False
        self._failed = False
        super().__init__(vad)

    def gate_moved(self, events: list[GateEvent]) -> None:
        """Send the session what the gate's step lets through; see `Follower`."""
        self._send(self._translator.gate_moved(events, self._driver.gate.time))

    async def aclose(self) -> None:
        """Close this stream and the VAD's."""
        self._detach()
        await super().aclose()

    async def _main_task(self) -> None:
        forward, read = asyncio.create_task(self._forward_input()), asyncio.create_task(self._read())
        try:
            done, _ = await asyncio.wait((forward, read), return_when=asyncio.FIRST_COMPLETED)
            if forward in done:
                forward.result()  # audio that the VAD does not take must not leave the session deaf unawares
            await read
        except Exception as error:
            self._driver.fail(error)
            raise
        finally:
            self._detach()
            await aio.cancel_and_wait(forward, read)

    async def _read(self) -> None:
        async for event in self._inner:
            self._translate(event)

    async def _forward_input(self) -> None:
        try:
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    self._inner.push_frame(item)
                    self._analyse(item)
                else:
                    self._inner.flush()
                    self._clock.flushed(self._history.end)
                    self._translator.flush()
            self._inner.end_input()
        except RuntimeError as error:
            if not self._inner._event_ch.closed:
                raise
            # The VAD's stream has ended by itself; reading from it raises its error.
            logger.debug("the VAD takes no more audio", exc_info=error)

    def _analyse(self, frame: rtc.AudioFrame) -> None:
        begins = self._history.end
        self._history.push(frame)
        if self._failed or self._driver.transparent:
            return
        try:
            if self._origin is None:
                if not self._driver.claim(self):
                    return
                # The stream before this one (an agent handed over) may have left the gate in mid-call.
                self._skipped = begins
                self._origin = self._driver.gate.time - self._skipped
                self._driver.follow(self, first=True)
            self._driver.time = self._origin + self._history.end
            if self._resampler is None:
                self._resampler = Resampler(frame.sample_rate)
            elif self._resampler.input_rate != frame.sample_rate:
                return  # the VAD leaves such a frame out too
            samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
            frames = self._framer.push(self._resampler.push(to_float32(samples)))
            self._frames.extend(amplified(part, self._gain_db) for part in frames)
            while len(self._frames) > (0 if self._marks_only else MAX_WAIT):
                self._feed(self._held_probability)
        except Exception as error:
            self._fail(error)

    def _translate(self, event: VADEvent) -> None:
        try:
            if event.type is VADEventType.INFERENCE_DONE:
                time = self._clock.advance(event, input_end=self._history.end)
                if self._clock.restarted:
                    self._translator.flush()
                self._inferred = True
                self._held_probability = self._probability.of(event)
                self._feed_until(time)
            elif not self._inferred:
                self._follow_mark(event)
            if self._origin is None:
                out = self._translator.pass_through(event, self._clock.time)
            else:
                out = self._translator.translate(event, self._origin + self._clock.time)
        except Exception as error:
            self._fail(error)
            out = [event]
        self._send(out)

    def _follow_mark(self, event: VADEvent) -> None:
        """A VAD without inference events: its START and END are all there is to go by."""
        self._marks_only = True
        self._clock.mark(self._history.end)
        while self._frames:  # what came before the mark is not what it says
            self._feed(self._held_probability)
        self._held_probability = 1.0 if event.type is VADEventType.START_OF_SPEECH else 0.0

    def _feed_until(self, time: float) -> None:
        """Push the frames that the VAD has done by `time` to the gate, half a frame more or less."""
        done = time - self._skipped + FRAME_DURATION / 2
        while self._frames and (self._fed + 1) * FRAME_DURATION <= done:
            self._feed(self._held_probability)

    def _feed(self, probability: float) -> None:
        self._fed += 1
        self._driver.push(self._frames.popleft(), probability)

    def _audio_between(self, start: float, end: float) -> list[rtc.AudioFrame]:
        origin = self._origin or 0.0
        return self._history.between(start - origin, end - origin)

    def _send(self, events: list[VADEvent]) -> None:
        if not self._event_ch.closed:
            for event in events:
                self._event_ch.send_nowait(event)

    def _fail(self, error: Exception) -> None:
        self._failed = True
        self._driver.fail(error)

    def _detach(self) -> None:
        self._driver.unfollow(self)
        self._driver.leave(self)

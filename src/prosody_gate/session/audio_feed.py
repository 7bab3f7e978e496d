"""Feeds a gate from audio as it comes: any rate, any chunk size. For one's own loop, without a framework."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..audio import Framer, Resampler, amplified, to_float32
from ..errors import AudioError, OptionError
from ..gate import Gate, GateEvent
from ..vad import SpeechDetector, create_detector


class AudioFeed:
    """Turns one stream of user audio into the frames of a gate, each with its speech probability.

    The events do not depend on how the stream is cut into chunks. The feed passes on audio alone: the agent's turns and
    the transcripts go to the gate itself, in stream order, with `time` as their time.

    Example:
        gate = GateFactory.create().gate()
        feed = AudioFeed(gate, 48_000)
        gate.agent_started(feed.time)
        for chunk in microphone:  # int16 or float32, of any length
            for event in feed.push(chunk):
                if event.kind is GateEventKind.CONFIRM:
                    stop_the_agent()
        feed.close()

    Args:
        gate: A fresh gate. Its listener, if it has one, works within `push`; on an event loop, which must not wait for
            it, give the gate a `ThreadedListener`.
        sample_rate: Samples per second of the audio, 8000 to 48000.
        detector: VAD, reset before use; Silero when None.
        input_gain_db: How much louder than recorded the gate and its VAD get the audio, in dB; None takes the gain of
            the gate's profile, 0 without one.
        channels: Channels of the audio; their mean is taken.

    Raises:
        OptionError: `channels` is below 1, or the gate has had audio already.
        AudioError: The sample rate is out of range.
        ModelError: The Silero model is not installed.
    """

    def __init__(
        self,
        gate: Gate,
        sample_rate: int,
        *,
        detector: SpeechDetector | None = None,
        input_gain_db: float | None = None,
        channels: int = 1,
    ) -> None:
        if channels < 1:
            raise OptionError(f"channels: expected 1 or more, got {channels}")
        if gate.time > 0.0:
            raise OptionError("gate: has had audio of another stream; make one gate a stream")
        self._gate = gate
        self._rate = sample_rate
        self._channels = channels
        self._gain_db = gate.input_gain_db if input_gain_db is None else input_gain_db
        self._resampler = Resampler(sample_rate)
        self._framer = Framer()
        self._detector = detector or create_detector("silero")
        self._detector.reset()
        self._pushed = 0

    @property
    def gate(self) -> Gate:
        """The gate that is fed."""
        return self._gate

    @property
    def time(self) -> float:
        """Seconds of audio pushed so far; the gate's own time lies up to a frame (32 ms) behind."""
        return self._pushed / self._rate

    def push(self, samples: npt.NDArray[Any]) -> list[GateEvent]:
        """Push the next chunk of the stream.

        Args:
            samples: int16, or float32 in [-1, 1] (int32 and float64 are fine too). Shape [n], with several channels
                interleaved, or [n, channels]; n may be 0.

        Returns:
            The events it caused, in order.

        Raises:
            AudioError: The samples are no such array, or one is not a finite number.
        """
        return [event for caused in self.steps(samples) for event in caused]

    def steps(self, samples: npt.NDArray[Any]) -> Iterator[list[GateEvent]]:
        """Push the next chunk of the stream, and look at the gate after each frame.

        The chunk is pushed as the steps are taken: take all of them.

        Args:
            samples: As for `push`.

        Yields:
            For each frame that the chunk completes, once the gate has got it, the events it caused.

        Raises:
            AudioError: As `push` does.
        """
        mono = to_float32(self._by_channel(samples), start=self._pushed)
        self._pushed += len(mono)
        for frame in self._framer.push(self._resampler.push(mono)):
            yield self._feed_frame(frame)

    def close(self) -> list[GateEvent]:
        """End the stream: the rest of the audio is fed, and what is then undecided is cancelled."""
        events = [event for frame in self._framer.push(self._resampler.flush()) for event in self._feed_frame(frame)]
        last = self._framer.flush()
        if last is not None:
            events += self._feed_frame(last)
        return events + self._gate.close()

    def _by_channel(self, samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if not isinstance(samples, np.ndarray):
            raise AudioError(
                f"audio: expected a NumPy array, got {type(samples).__name__}; "
                "for bytes of 16-bit PCM use numpy.frombuffer(data, numpy.int16)"
            )
        channels = self._channels
        if samples.ndim == 1 and len(samples) % channels == 0:
            return samples.reshape(-1, channels) if channels > 1 else samples
        if samples.ndim == 2 and samples.shape[1] == channels:
            return samples
        expected = "[n] or [n, 1]" if channels == 1 else f"[n, {channels}], or [n] with n a multiple of {channels}"
        raise AudioError(f"audio: samples have shape {list(samples.shape)}; expected {expected}")

    def _feed_frame(self, frame: npt.NDArray[np.float32]) -> list[GateEvent]:
        louder = amplified(frame, self._gain_db)
        return self._gate.push(louder, self._detector.frame_probability(louder))

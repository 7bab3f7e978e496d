"""The echo guard in a session: the user's frames without what the agent plays, for VAD, gate and speech-to-text."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal
from weakref import WeakSet

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession

from ..echo import EchoCanceller, EchoFinding, EchoGuard, Samples, make_webrtc_canceller
from ..errors import OptionError
from ..session import ArrivalClock, PlayedAudio, StreamClaim
from .agent_audio_tap import tap_output
from .cleaned_frames import CleanedFrames

logger = logging.getLogger("prosody_gate")

EchoGuardMode = Literal["auto"] | bool

REMEMBERED: Final = 64
"""Cleaned frames that are kept for those who get the same ones a moment earlier or later."""

LEAD: Final = 0.05
"""Seconds by which the guard is told ahead what will be played: the output's own clock may be late by some of them."""


class GuardedMicrophone:
    """Cleans each frame of the user once, and gives it to whoever is to hear it.

    An error, of the canceller or in its surroundings, is logged in one line; from then on all frames pass as they are.

    Args:
        mode: True, or "auto": frames pass as they are until the agent's voice is found in them.
        make_canceller: Makes a canceller for a rate; WebRTC's when not given.
        clock: The wall clock, in seconds.
    """

    def __init__(
        self,
        mode: Literal["auto", True],
        *,
        make_canceller: Callable[[int], EchoCanceller] = make_webrtc_canceller,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mode = mode
        self._make_canceller = make_canceller
        self._clock = clock
        self._played = PlayedAudio()
        self._arrival = ArrivalClock()
        self._guard: EchoGuard | None = None
        self._claim = StreamClaim()
        self._cleaned: deque[tuple[rtc.AudioFrame, rtc.AudioFrame]] = deque(maxlen=REMEMBERED)
        self._readers: WeakSet[CleanedFrames] = WeakSet()
        self._session: AgentSession[Any] | None = None
        self._was_found = False
        self._is_off = False
        self._warned_of_output = False
        try:
            make_canceller(16_000)  # whether there is one; and the first takes long to make
        except Exception as error:
            self.fail(error)

    @property
    def is_on(self) -> bool:
        """Whether frames are cleaned: not after an error."""
        return not self._is_off

    @property
    def cleans(self) -> bool:
        """Whether frames that come now are going to be cleaned: somebody feeds the guard."""
        return self.is_on and self._claim.is_taken

    @property
    def echo(self) -> EchoFinding | None:
        """Where the agent's voice was found in the microphone last; None as long as it was not."""
        return None if self._guard is None else self._guard.echo

    def attach(self, session: AgentSession[Any]) -> None:
        """Follow what the session plays, whichever output it gets."""
        if self._is_off:
            return
        self._session = session
        session.on("speech_created", self._on_speech)
        session.on("agent_state_changed", self._on_speech)
        self._tap(session)

    def close(self) -> None:
        """Detach from the session: all frames pass as they are from now on."""
        self._is_off = True
        self._deliver_waiting()
        if self._session is not None:
            self._session.off("speech_created", self._on_speech)
            self._session.off("agent_state_changed", self._on_speech)

    def clean(self, frame: rtc.AudioFrame, stream: object) -> rtc.AudioFrame:
        """A frame of the user without the agent's voice.

        Args:
            frame: As it came.
            stream: Who feeds the guard; see `StreamClaim`. What another one has is passed as it is, or as the first one
                had it.
        """
        if self._is_off:
            return frame
        if not self._claim.claim(stream):
            return self.cleaned(frame) or frame
        try:
            cleaned = self._clean(frame)
        except Exception as error:
            self.fail(error)
            return frame
        self._cleaned.append((frame, cleaned))
        for reader in tuple(self._readers):
            reader.was_cleaned(frame)
        return cleaned

    def cleaned(self, frame: rtc.AudioFrame) -> rtc.AudioFrame | None:
        """One of the newest frames as it was cleaned; None for one that was not."""
        return next((cleaned for known, cleaned in reversed(self._cleaned) if known is frame), None)

    def leave(self, stream: object) -> None:
        """The stream ends: the next one that has frames feeds the guard."""
        self._claim.leave(stream)
        if not self._claim.is_taken:
            self._deliver_waiting()

    def reader(self, deliver: Callable[[rtc.AudioFrame], None]) -> CleanedFrames:
        """The same frames for somebody beside the VAD's stream.

        Args:
            deliver: Called with each frame, cleaned.
        """
        reader = CleanedFrames(self, deliver)
        self._readers.add(reader)
        return reader

    def fail(self, error: Exception) -> None:
        """The guard cannot go on; the call does."""
        if self._is_off:
            return
        self._is_off = True
        message = str(error) or type(error).__name__
        if not message.startswith("echo guard: "):
            message = f"echo guard: failed ({message})"
        logger.warning("%s; the call goes on without it", message)
        logger.debug("the echo guard's error", exc_info=error)
        self._deliver_waiting()

    def _clean(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        if self._guard is None:
            self._guard = EchoGuard(
                frame.sample_rate,
                lead=LEAD,
                only_when_found=self._mode == "auto",
                make_canceller=self._make_canceller,
            )
        guard = self._guard
        if frame.sample_rate != guard.sample_rate:
            return frame  # the gate leaves such a frame out too
        now = self._clock()
        begins = self._arrival.begins(frame.duration, now)
        for at, samples in self._played.until(now + LEAD):
            guard.played(samples, at)
        cleaned = guard.clean(_mono(frame), begins)
        if guard.echo is not None and not self._was_found:
            self._was_found = True
            logger.info(
                "echo guard: the agent's voice is in the user's microphone, %.0f ms after it is played",
                guard.echo.delay * 1e3,
                extra={"echo_delay": guard.echo.delay, "echo_strength": guard.echo.strength},
            )
        if not guard.active:
            return frame
        return rtc.AudioFrame(cleaned.tobytes(), frame.sample_rate, 1, len(cleaned), userdata=frame.userdata)

    def _deliver_waiting(self) -> None:
        for reader in tuple(self._readers):
            reader.deliver_waiting()

    def _on_speech(self, event: object) -> None:
        if self._session is not None and not self._is_off:
            self._tap(self._session)

    def _tap(self, session: AgentSession[Any]) -> None:
        is_speaking = session.agent_state == "speaking"
        if is_speaking and session.output.audio is not None:
            return  # in the middle of a segment; the next one finds the tap
        try:
            has_output = tap_output(session, self._played, self.fail)
        except Exception as error:
            self.fail(error)
            return
        if not has_output and is_speaking and not self._warned_of_output:
            self._warned_of_output = True
            logger.warning(
                "echo guard: the session has no audio output, so that there is nothing to cancel; "
                "the call goes on without it; set session.output.audio before the agent speaks"
            )


def echo_guard_mode(value: object, *, by_profile: bool) -> EchoGuardMode:
    """What a user asked for.

    Args:
        value: True, False, "auto", or None for what the profile says.
        by_profile: What it says.

    Raises:
        OptionError: It is none of these.
    """
    if value is None:
        return by_profile
    if value is True or value is False or value == "auto":
        return value  # one of the three
    raise OptionError(f'echo_guard: expected True, False or "auto", got {value!r}')


def _mono(frame: rtc.AudioFrame) -> Samples:
    samples: Samples = np.frombuffer(frame.data, np.int16)
    if frame.num_channels > 1:
        samples = samples.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
    return samples

"""Hands the user's frames to who gets them beside the VAD: without the agent's voice, each once, in their order."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from livekit import rtc

logger = logging.getLogger("prosody_gate")

MAX_WAITING: Final = 4
"""Frames that may wait for the VAD to get them; then the oldest is handed on as it is."""

APART: Final = 20
"""Frames in a row that the VAD never got, from which this is other audio: it need not wait any more."""


class Cleaner(Protocol):
    """Who cleans the frames; see `GuardedMicrophone`."""

    @property
    def cleans(self) -> bool:
        """Whether frames that come now are going to be cleaned."""
        ...

    def cleaned(self, frame: rtc.AudioFrame) -> rtc.AudioFrame | None:
        """A frame as it was cleaned; None for one that was not."""
        ...


class CleanedFrames:
    """One reader's frames. Made by `GuardedMicrophone.reader`.

    The VAD's stream feeds the guard, and the session gives a frame to the others a moment earlier or later. So a frame
    waits until the VAD's stream has had it, within the same turn of the event loop. Frames that this stream does not
    get follow in their order, as they are: silence that LiveKit puts in place of a frame, what an agent's own
    `stt_node` made of it.

    Args:
        cleaner: The guard.
        deliver: Called with each frame.
    """

    def __init__(self, cleaner: Cleaner, deliver: Callable[[rtc.AudioFrame], None]) -> None:
        self._cleaner = cleaner
        self._deliver = deliver
        self._waiting: deque[rtc.AudioFrame] = deque()
        self._unknown_in_a_row = 0

    def push(self, frame: rtc.AudioFrame) -> None:
        """Take the next frame, as it came."""
        if not self._cleaner.cleans or self._unknown_in_a_row >= APART:
            self._deliver(frame)
            return
        if not self._waiting and (self._cleaner.cleaned(frame) is not None or not any(frame.data)):
            self._deliver(self._cleaner.cleaned(frame) or frame)
            return
        self._waiting.append(frame)
        if len(self._waiting) > MAX_WAITING:
            self._deliver_oldest()

    def was_cleaned(self, frame: rtc.AudioFrame) -> None:
        """The guard has cleaned a frame: it is handed on if it waits, and what came before it."""
        while any(frame is waiting for waiting in self._waiting):
            self._deliver_oldest()

    def deliver_waiting(self) -> None:
        """Hand on all that waits, in its order."""
        while self._waiting:
            self._deliver_oldest()

    def close(self) -> None:
        """The reader takes no more frames."""
        self._waiting.clear()

    def _deliver_oldest(self) -> None:
        waiting = self._waiting.popleft()
        cleaned = self._cleaner.cleaned(waiting)
        self._unknown_in_a_row = 0 if cleaned is not None else self._unknown_in_a_row + 1
        try:
            self._deliver(cleaned or waiting)
        except Exception:  # the reader's own trouble, and no reason for the VAD to go without the frame
            logger.debug("a frame was not taken", exc_info=True)
        if self._unknown_in_a_row == APART:
            logger.warning(
                "echo guard: the speech-to-text gets other audio than the VAD (an stt_node that changes it?): "
                "the agent's voice is not cancelled in it"
            )
            self.deliver_waiting()

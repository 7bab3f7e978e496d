"""Runs a listener on a thread of its own, so that the event loop never waits for it."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..listener import Hypothesis, Listener

MAX_BACKLOG: Final = 64
"""Frames (2 s) that may wait; a listener further behind is of no use to this overlap any more."""

BREATH: Final = 0.0002
"""Seconds that the thread sleeps between blocks. A listener may keep the interpreter's lock while it works, and a
thread that never sleeps gives the lock back after 5 ms at the earliest."""


class ThreadedListener:
    """A `Listener` around another, which gets the same audio on one worker thread, a little later.

    `start`, `push` and `finish` only put work into a queue. `push` and `finish` return the newest hypothesis that
    is there by now and was not returned yet. The thread starts with `prepare`, or the first overlap, and ends with
    `close`, or when this object is collected.

    Args:
        listener: Does the recognition; nobody else may use it.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._work: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._mailbox = _Mailbox()
        self._thread: threading.Thread | None = None
        self._overlap = 0
        self._returned: Hypothesis | None = None
        self._gave_up = False

    def prepare(self) -> None:
        """Start the thread, so that the first overlap need not wait for it."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(
            target=_recognise, args=(self._listener, self._work, self._mailbox), name="prosody-gate-listener"
        )
        self._thread.daemon = True
        self._thread.start()
        weakref.finalize(self, self._work.put, None)

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap; see `Listener.start`."""
        self.prepare()
        self._overlap += 1
        self._returned = None
        self._gave_up = False
        self._work.put(("start", self._overlap, np.array(pre_roll), onset))

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Hand one frame over; see `Listener.push`.

        Raises:
            ModelError: The listener failed on its thread.
        """
        if self._mailbox.error is not None:
            raise ModelError(f"the listener failed ({self._mailbox.error})") from self._mailbox.error
        if self._work.qsize() > MAX_BACKLOG:
            self._gave_up = True
        if not self._gave_up:
            self._work.put(("push", self._overlap, frame, time))
        return self._newest()

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap without waiting for what is still in the queue; see `Listener.finish`."""
        if self._thread is not None:
            self._work.put(("finish", self._overlap, None, time))
        return self._newest()

    def reset(self) -> None:
        """Drop what waits, and forget the stream so far."""
        self._overlap += 1
        self._returned = None
        if self._thread is not None:
            self._work.put(("reset", self._overlap, None, 0.0))
        else:
            self._listener.reset()

    def close(self, *, wait: float = 0.0) -> None:
        """End the thread once its queue is empty.

        Args:
            wait: Seconds to wait for it at most.
        """
        if self._thread is None:
            return
        self._work.put(None)
        self._thread.join(wait)
        self._thread = None

    def _newest(self) -> Hypothesis | None:
        overlap, hypothesis = self._mailbox.newest
        if overlap != self._overlap or hypothesis is None or hypothesis is self._returned:
            return None
        self._returned = hypothesis
        return hypothesis


class _Mailbox:
    """What the thread hands back; each field is replaced in one step, so neither side needs a lock."""

    def __init__(self) -> None:
        self.newest: tuple[int, Hypothesis | None] = (0, None)
        self.error: Exception | None = None


def breathe() -> None:
    """Let other threads run: called by a listener between blocks of work."""
    time.sleep(BREATH)


def _recognise(listener: Listener, work: queue.SimpleQueue[tuple[Any, ...] | None], mailbox: _Mailbox) -> None:
    while (item := work.get()) is not None:
        what, overlap, audio, at = item
        if mailbox.error is not None:
            continue
        try:
            if what == "start":
                listener.start(audio, onset=at)
                continue
            if what == "reset":
                listener.reset()
                continue
            hypothesis = listener.push(audio, time=at) if what == "push" else listener.finish(time=at)
            if hypothesis is not None:
                mailbox.newest = (overlap, hypothesis)
        except Exception as error:  # whatever it is, the caller gets it with its next push
            mailbox.error = error
        breathe()

"""Judges windows on threads, off the event loop: each client's newest first, and every one answered in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Final

from ..gate import GateEvent
from .frames import Window
from .window_gate import Judgement, WindowGate

logger = logging.getLogger("prosody_gate.server")

PATIENCE: Final = 0.35
"""Seconds after which a window is answered even though nobody has looked at it: clients give up after 0.7 s."""

LOOK_EVERY: Final = 0.05
"""Seconds between two looks for windows that have waited that long."""

OWED_FOR: Final = 0.5
"""Seconds within which an interruption that was found too late for its own window is told with the next one."""

STUCK: Final = 30.0
"""Seconds after which one window's work is taken for hung."""


class Outcome(StrEnum):
    """How a window was answered."""

    JUDGED = "judged"
    """By the gate."""
    SUPERSEDED = "superseded"
    """At once, since a newer one of the same client, with all of its sound, came before its turn."""
    LATE = "late"
    """Because it had waited too long."""
    LIMITED = "limited"
    """At once, since the client sends too many."""
    FAILED = "failed"
    """After the gate failed."""


NOTHING: Final = Judgement(False, ())
"""What is said of a window that was not judged: clients take it for no interruption so far."""

Answer = Callable[[Window, Judgement, Outcome, float], None]
"""Gets each window once, with what to say of it, how that came about, and the seconds of work."""


class Job:
    """The windows of one client on their way through the pool.

    Args:
        gate: Judges them; None to make it with the first window.
        answer: Called on the event loop, exactly once for each window.
    """

    def __init__(self, gate: WindowGate, answer: Answer) -> None:
        self.gate = gate
        self.answer = answer
        self.waiting: Window | None = None
        self.since = 0.0
        self.working_on: Window | None = None
        """None once it has been answered, though the work may go on."""
        self.working_since = 0.0
        self.busy = False
        self.left = False
        """Whether its client has gone."""
        self.untold: tuple[GateEvent, ...] = ()
        """What the gate did in windows that had been answered by then."""
        self.owed: tuple[Judgement, float] | None = None
        """An interruption that was found after its window had been answered, and when."""

    @property
    def at_rest(self) -> bool:
        """Whether nothing of this client waits or is worked on."""
        return self.waiting is None and not self.busy


class InferencePool:
    """Threads that judge windows. All its methods belong to the event loop.

    A client has at most one window waiting and one in work. When a newer one comes, the waiting one is answered at
    once and the newer one takes its place in the queue: under load every client loses windows, and none its turn.

    Args:
        threads: How many windows are worked on at the same time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="prosody-gate-inference")
        self._queue: deque[Job] = deque()
        self._working: set[Job] = set()
        self._closed = False
        self._look: asyncio.TimerHandle | None = None

    @property
    def queued(self) -> int:
        """Clients whose newest window waits."""
        return len(self._queue)

    @property
    def stuck(self) -> bool:
        """Whether every thread has been at the same window for too long to come back."""
        now = time.monotonic()
        hung = sum(now - job.working_since > STUCK for job in self._working)
        return hung >= self._threads

    def submit(self, job: Job, window: Window) -> None:
        """Have a window judged; its answer comes within half a second."""
        now = time.monotonic()
        if job.waiting is not None:
            superseded, job.waiting, job.since = job.waiting, window, now
            job.answer(superseded, NOTHING, Outcome.SUPERSEDED, 0.0)
            return
        job.waiting, job.since = window, now
        if not job.busy:
            self._queue.append(job)
            self._start_some()
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY, self._answer_overdue)

    def leave(self, job: Job) -> None:
        """The client has gone: nothing of it is answered any more, and what its gate has borrowed is given back."""
        job.left = True
        job.waiting = job.working_on = None
        if job in self._queue:
            self._queue.remove(job)
        self.rest(job)

    def rest(self, job: Job) -> None:
        """Have a client's gate forget its sound, if nothing of it waits or is worked on."""
        if self._closed or not job.at_rest or job.gate.at_rest:
            return
        job.busy = True
        future = asyncio.get_running_loop().run_in_executor(self._executor, job.gate.rest)
        future.add_done_callback(lambda _: self._go_on(job))

    async def settled(self, seconds: float) -> None:
        """Wait, for so many seconds at most, until what was begun by now is done, and what follows from it at once."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for _ in range(2):  # a client that has left is laid to rest after its last window
                    await loop.run_in_executor(self._executor, _nothing)

    def close(self) -> None:
        """End the threads once their windows are done."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _start_some(self) -> None:
        while self._queue and len(self._working) < self._threads:
            job = self._queue.popleft()
            window, job.waiting = job.waiting, None
            if window is None:
                continue
            job.busy, job.working_on, job.working_since = True, window, time.monotonic()
            self._working.add(job)
            future = asyncio.get_running_loop().run_in_executor(self._executor, _judge, job.gate, window)
            future.add_done_callback(lambda done, job=job, window=window: self._done(job, window, done))  # type: ignore[misc]

    def _done(self, job: Job, window: Window, future: asyncio.Future[tuple[Judgement, bool, float]]) -> None:
        self._working.discard(job)
        if not future.cancelled():
            judgement, failed, seconds = future.result()
            if job.working_on is window:
                job.working_on = None
                outcome = Outcome.FAILED if failed else Outcome.JUDGED
                job.answer(window, _with_what_is_owed(job, judgement), outcome, seconds)
            else:
                job.untold += judgement.events
                if judgement.interruption:
                    job.owed = judgement, time.monotonic()
        self._go_on(job)

    def _go_on(self, job: Job) -> None:
        """A client's gate is free again."""
        job.busy = False
        if job.left:
            self.rest(job)
        elif job.waiting is not None:
            self._queue.append(job)
        self._start_some()

    def _answer_overdue(self) -> None:
        self._look = None
        overdue = time.monotonic() - PATIENCE
        for job in [job for job in self._queue if job.since < overdue] + list(self._working):
            if job.working_on is not None and job.working_since < overdue:
                late, job.working_on = job.working_on, None
                job.answer(late, NOTHING, Outcome.LATE, 0.0)
            if job.waiting is not None and job.since < overdue:
                late, job.waiting = job.waiting, None
                job.answer(late, NOTHING, Outcome.LATE, 0.0)
        self._queue = deque(job for job in self._queue if job.waiting is not None)
        if self._queue or self._working:
            self._look = asyncio.get_running_loop().call_later(LOOK_EVERY, self._answer_overdue)


def _nothing() -> None:
    """Stands last in the threads' queue."""


def _with_what_is_owed(job: Job, judgement: Judgement) -> Judgement:
    owed, job.owed = job.owed, None
    untold, job.untold = job.untold, ()
    judgement = replace(judgement, events=(*untold, *judgement.events))
    if owed is None or judgement.interruption or judgement.begins_anew or time.monotonic() - owed[1] > OWED_FOR:
        return judgement
    return replace(owed[0], events=judgement.events, state=judgement.state, failed=judgement.failed)


def _judge(gate: WindowGate, window: Window) -> tuple[Judgement, bool, float]:
    """Judge one window, on a thread; whatever goes wrong there is no interruption."""
    began = time.perf_counter()
    try:
        judgement = gate.judge(window.samples)
    except Exception:
        logger.exception("a window could not be judged; its client is told of no interruption")
        gate.rest()
        return NOTHING, True, time.perf_counter() - began
    return judgement, judgement.failed, time.perf_counter() - began

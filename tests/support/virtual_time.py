"""A clock that jumps: what takes seconds in a call takes milliseconds here, and is exact."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

EPOCH = 1_700_000_000.0
"""Wall clock (s) at the loop's time 0."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves to the next timer as soon as there is nothing to do until then.

    It stands still while a thread works for the loop.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.in_threads = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: Any) -> None:
        self.in_threads -= 1


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or (timeout > 0 and self._loop.in_threads):
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._loop.now += timeout
        return ready


@contextmanager
def virtual_time(*, monotonic: bool = False) -> Iterator[VirtualLoop]:
    """A virtual loop, with `time.time` on its clock, and `time.monotonic` where that is wanted."""
    loop, wall, steady = VirtualLoop(), time.time, time.monotonic
    time.time = lambda: EPOCH + loop.now
    if monotonic:
        time.monotonic = lambda: loop.now
    try:
        asyncio.set_event_loop(loop)
        yield loop
    finally:
        time.time, time.monotonic = wall, steady
        asyncio.set_event_loop(None)
        loop.close()


def run_virtual(main: Callable[[], Awaitable[Any]], *, monotonic: bool = False) -> Any:
    """Run a coroutine function on a virtual loop."""
    with virtual_time(monotonic=monotonic) as loop:
        try:
            return loop.run_until_complete(main())
        finally:
            rest = [task for task in asyncio.all_tasks(loop) if not task.done()]
            for task in rest:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())

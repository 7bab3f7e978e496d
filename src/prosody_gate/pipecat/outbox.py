"""The one queue that all leaves a processor through, in order and in a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

logger = logging.getLogger("prosody_gate")


class Outbox:
    """Pushes frames for a processor. What is decided in one step is put in at once, and goes out in that order.

    Pipecat runs system frames in one task of a processor and all others in another, and an interruption cancels the
    second in the middle of a push. The outbox's own task is cancelled by nobody but `close`.

    Args:
        processor: Whose frames they are.
    """

    def __init__(self, processor: FrameProcessor) -> None:
        self._processor = processor
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to push; what was put in before goes out first."""
        self._task = self._processor.create_task(self._run())

    def down(self, *frames: Frame) -> None:
        """Push frames downstream."""
        for frame in frames:
            self._queue.put_nowait(partial(self._processor.push_frame, frame, FrameDirection.DOWNSTREAM))

    def up(self, frame: Frame) -> None:
        """Push a frame upstream."""
        self._queue.put_nowait(partial(self._processor.push_frame, frame, FrameDirection.UPSTREAM))

    def call(self, function: Callable[..., Awaitable[None]], *arguments: object, **fields: object) -> None:
        """Call something else when its turn comes."""
        self._queue.put_nowait(partial(function, *arguments, **fields))

    async def emptied(self) -> None:
        """Wait until all that was put in has gone out."""
        if self._task is not None and not self._task.done():
            await self._queue.join()

    async def close(self) -> None:
        """Push no more."""
        if self._task is not None:
            await self._processor.cancel_task(self._task)
            self._task = None

    async def _run(self) -> None:
        while True:
            push = await self._queue.get()
            try:
                await push()
            except Exception:
                logger.exception("a frame could not be pushed")
            finally:
                self._queue.task_done()

"""The recordings of a search spread over processes, each of which keeps the front end of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Final

from ..bench import Call, Clip, SkippedLine
from ..gate import GateOptions
from .recordings import Judged, Recordings
from .tune_settings import TuneSettings
from .tuning_event import TuningEvent

LEAST_SHARE: Final = 8
"""Clips for which another process is worth starting."""


class SpreadRecordings:
    """Judges all recordings at once; the result does not depend on the number of processes.

    Made by `spread`.
    """

    def __init__(
        self,
        parts: Sequence[Recordings | ProcessPoolExecutor],
        prepared: Sequence[_Prepared],
        settings: TuneSettings,
    ) -> None:
        self._parts = parts
        self.settings = settings
        """What no trial changes."""
        self.events: tuple[TuningEvent, ...] = tuple(event for part in prepared for event in part[0])
        """What is scored, in the order in which `judge` tells of it."""
        self.skipped: tuple[SkippedLine, ...] = tuple(
            sorted((line for part in prepared for line in part[1]), key=lambda line: line.line)
        )
        """Recordings that cannot be used."""

    def judge(self, options: GateOptions) -> Judged:
        """What a gate with these options does to all events."""
        waiting = [
            part.submit(_judge, options) if isinstance(part, ProcessPoolExecutor) else part.judge(options)
            for part in self._parts
        ]
        judged = [part.result() if isinstance(part, Future) else part for part in waiting]
        return Judged(
            tuple(latency for part in judged for latency in part.confirmed),
            tuple(stranger for part in judged for stranger in part.strangers),
        )


_Prepared = tuple[tuple[TuningEvent, ...], tuple[SkippedLine, ...]]


@contextmanager
def spread(
    items: Sequence[Clip | Call],
    settings: TuneSettings,
    *,
    source: str,
    jobs: int,
    progress: Callable[[int], None] | None = None,
) -> Iterator[SpreadRecordings]:
    """Prepare the recordings, in this process or in several that end with the block.

    Args:
        items: The recordings.
        settings: What no trial changes.
        source: Name of the manifest, for errors.
        jobs: Processes, 1 or more.
        progress: Called with the number of recordings prepared so far.

    Raises:
        ModelError: A model is missing or damaged.
    """
    jobs = max(1, min(jobs, len(items) // LEAST_SHARE if isinstance(items[0], Clip) else len(items)))
    if jobs == 1:
        recordings = Recordings(items, settings, source, progress=progress)
        yield SpreadRecordings([recordings], [(recordings.events, tuple(recordings.skipped))], settings)
        return
    # Dealt out in turns: a manifest is often sorted by length or by label.
    shares = [items[part::jobs] for part in range(jobs)]
    # Spawned: a forked process would inherit the threads of onnxruntime in the middle of what they do.
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_end_with_parent) for _ in shares]
    try:
        waiting = {
            pool.submit(_prepare, tuple(share), settings, source): place
            for place, (pool, share) in enumerate(zip(pools, shares, strict=True))
        }
        prepared: dict[int, _Prepared] = {}
        for future in as_completed(waiting):
            prepared[waiting[future]] = future.result()
            if progress is not None:
                progress(sum(len(shares[place]) for place in prepared))
        yield SpreadRecordings(pools, [prepared[place] for place in sorted(prepared)], settings)
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


_own: Recordings | None = None
"""The recordings of this process, where it is one of several."""


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it ends, even where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _prepare(items: tuple[Clip | Call, ...], settings: TuneSettings, source: str) -> _Prepared:
    global _own
    _own = Recordings(items, settings, source)
    return _own.events, tuple(_own.skipped)


def _judge(options: GateOptions) -> Judged:
    assert _own is not None
    return _own.judge(options)

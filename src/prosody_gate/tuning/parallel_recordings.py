"""The recordings of a search in several processes at once, each with a front end of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Final

from ..bench import Call, Clip, SkippedLine
from ..gate import GateOptions
from .folds import TuningEvent
from .front_end import TuneSettings
from .recordings import Evaluation, Recordings

BATCH: Final = 8
"""Recordings that a process prepares before it reports."""

LEAST_SHARE: Final = 8
"""Clips for which another process is worth starting."""


class ParallelRecordings:
    """Evaluates options on all recordings; the result does not depend on the number of processes.

    Made by `prepare_recordings`.
    """

    def __init__(
        self,
        parts: Sequence[Recordings | ProcessPoolExecutor],
        prepared: Sequence[_Prepared],
        settings: TuneSettings,
        items: Sequence[Clip | Call],
    ) -> None:
        self._parts = parts
        self.items = tuple(items)
        """The recordings, those that cannot be used included."""
        self.settings = settings
        """What no trial changes."""
        self.events: tuple[TuningEvent, ...] = tuple(event for part in prepared for event in part[0])
        """What is scored, in the order of `Evaluation.confirmed`."""
        self.skipped: tuple[SkippedLine, ...] = tuple(
            sorted((line for part in prepared for line in part[1]), key=lambda line: line.line)
        )
        """Recordings that cannot be used."""

    def evaluate(self, options: GateOptions) -> Evaluation:
        """What a gate with these options does to all events."""
        waiting = [
            part.submit(_evaluate, options) if isinstance(part, ProcessPoolExecutor) else part.evaluate(options)
            for part in self._parts
        ]
        evaluations = [part.result() if isinstance(part, Future) else part for part in waiting]
        return Evaluation(
            tuple(latency for part in evaluations for latency in part.confirmed),
            tuple(count for part in evaluations for count in part.unlabelled),
        )


_Prepared = tuple[tuple[TuningEvent, ...], tuple[SkippedLine, ...]]


@contextmanager
def prepare_recordings(
    items: Sequence[Clip | Call],
    settings: TuneSettings,
    *,
    source: str,
    jobs: int,
    progress: Callable[[int], None] | None = None,
) -> Iterator[ParallelRecordings]:
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
        yield ParallelRecordings([recordings], [(recordings.events, tuple(recordings.skipped))], settings, items)
        return
    # Dealt out in turns: a manifest is often sorted by length or by label.
    shares = [items[part::jobs] for part in range(jobs)]
    # Spawned: a forked process would inherit the threads of onnxruntime in the middle of what they do.
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in shares]
    pools = [
        ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_end_with_parent, initargs=(reader,))
        for reader, _ in pipes
    ]
    try:
        waiting = {
            pool.submit(_prepare, tuple(share[first : first + BATCH]), settings, source): len(share[first:][:BATCH])
            for pool, share in zip(pools, shares, strict=True)
            for first in range(0, len(share), BATCH)
        }
        done = 0
        for future in as_completed(waiting):
            future.result()
            done += waiting[future]
            if progress is not None:
                progress(done)
        prepared = [pool.submit(_prepared).result() for pool in pools]
        yield ParallelRecordings(pools, prepared, settings, items)
    finally:
        # Ends the processes at once, in the middle of what they do: after Ctrl-C nobody waits for that.
        for _, writer in pipes:
            writer.close()
        for pool in pools:
            pool.shutdown(cancel_futures=True)
        for reader, _ in pipes:
            reader.close()


_own: Recordings | None = None
"""The recordings of this process, where it is one of several."""


def _end_with_parent(parent: Connection) -> None:
    """Leave Ctrl-C to the parent; end when it closes the pipe or ends, even where it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent writes nothing: the pipe is readable when its end of it is closed.
    threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: Connection) -> None:
    wait([parent])
    os._exit(1)


def _prepare(items: tuple[Clip | Call, ...], settings: TuneSettings, source: str) -> None:
    global _own
    if _own is None:
        _own = Recordings((), settings, source)
    for item in items:
        _own.add(item)


def _prepared() -> _Prepared:
    assert _own is not None
    return _own.events, tuple(_own.skipped)


def _evaluate(options: GateOptions) -> Evaluation:
    assert _own is not None
    return _own.evaluate(options)

"""The thread that writes recorded overlaps, and what may be recorded."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import OptionError, ProsodyGateError
from .overlap_line import RecordedOverlap
from .recording_folder import RecordingFolder

logger = logging.getLogger("prosody_gate")

WAITING: Final = 32
"""Overlaps of one call that may wait to be written; the disk is too slow where there are more."""


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What is recorded, and how much of it is kept.

    Raises:
        OptionError: A value is out of range.
    """

    folder: Path
    """Where to; made where it is missing, readable by its owner alone. Several calls may share it."""
    share: float = 1.0
    """Share of the overlaps that are recorded, drawn by chance, 0 to 1."""
    audio: bool = True
    """Whether the sound is recorded; without it nothing can be listened to, labelled or tuned on."""
    text: bool = True
    """Whether transcripts and recognised text are written down."""
    quota_mb: float = 1000.0
    """Megabytes that the folder may have; then the oldest overlaps without a label make room."""
    keep_days: float | None = 30.0
    """Days after which a recording is deleted, labelled or not; None for never."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        _check("share", self.share, 0.0, 1.0)
        _check("quota_mb", self.quota_mb, 1.0, 1e9)
        if self.keep_days is not None:
            _check("keep_days", self.keep_days, 0.01, 1e5)

    @classmethod
    def of(
        cls,
        record: RecordOptions | str | os.PathLike[str] | None,
        *,
        share: float | None = None,
        text: bool | None = None,
    ) -> RecordOptions | None:
        """What a caller asked for: a folder, or options, and what stands beside them.

        Args:
            record: None for no recording.
            share: Instead of the options' own; None leaves that.
            text: Instead of the options' own; None leaves that.

        Raises:
            OptionError: A value is out of range, or given where nothing is recorded.
        """
        given: dict[str, Any] = {} if share is None else {"share": share}
        given |= {} if text is None else {"text": text}
        if record is None:
            if given:
                raise OptionError(f"record_{min(given)}: nothing is recorded; expected record=FOLDER beside it")
            return None
        if isinstance(record, RecordOptions):
            return replace(record, **given)
        return cls(folder=Path(record), **given)


def _check(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise OptionError(f"record: {name}: expected a number from {low:g} to {high:g}, got {value!r}")


class RecordingJob(NamedTuple):
    """What the writer's thread makes files of."""

    recorded: RecordedOverlap
    options: RecordOptions
    frames: Sequence[npt.NDArray[np.float32]]
    gain_db: float
    agent: npt.NDArray[np.int16] | None


class _Tally:
    """What both threads count; it outlives neither."""

    def __init__(self) -> None:
        self.written = 0
        self.dropped: Counter[str] = Counter()

    def drop(self, reason: str, error: object, *, count: int = 1) -> None:
        is_news = not self.dropped[reason]
        self.dropped[reason] += count
        if is_news:
            logger.warning(
                "an overlap is not recorded (%s): %s; the call goes on, further ones are counted",
                reason,
                error,
                exc_info=error if isinstance(error, Exception) and not isinstance(error, ProsodyGateError) else None,
            )


class RecordingWriter:
    """The thread that writes, started with the first overlap; ends with `close`, or when this object is collected.

    Args:
        options: What to record, and where to.
        waits: Whether to wait for a slow disk instead of dropping.
        waiting: Overlaps that may wait to be written.
        clock: The wall clock, in seconds since 1970.

    Raises:
        OptionError: The folder cannot be made or written to.
    """

    def __init__(
        self,
        options: RecordOptions,
        *,
        waits: bool = False,
        waiting: int = WAITING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = RecordingFolder(
            options.folder, quota=round(options.quota_mb * 1e6), keep_days=options.keep_days, clock=clock
        )
        self._waits, self._waiting = waits, waiting
        self._closed = False
        self._tally = _Tally()
        self._work: queue.SimpleQueue[RecordingJob | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def written(self) -> int:
        """Overlaps that are in the folder."""
        return self._tally.written

    @property
    def dropped(self) -> Mapping[str, int]:
        """Those that were lost, by reason."""
        return self._tally.dropped

    def drop(self, reason: str, error: object, *, count: int = 1) -> None:
        """Count overlaps that are lost; the log says why, once a reason."""
        self._tally.drop(reason, error, count=count)

    def put(self, job: RecordingJob) -> None:
        """Have an overlap written."""
        if self._closed:
            self.drop("closed", "its call ended after the recorder did")
            return
        if self._thread is None:
            self._thread = threading.Thread(
                target=_write_all,
                args=(self._folder, self._work, self._tally),
                name="prosody-gate-recorder",
                daemon=True,
            )
            self._thread.start()
            weakref.finalize(self, self._work.put, None)
            _open_writers.add(self)
        while self._waits and self._work.qsize() >= self._waiting and self._thread.is_alive():
            time.sleep(0.002)
        if self._work.qsize() >= self._waiting:
            self.drop("queue", f"{self._waiting} wait to be written already; the disk is too slow")
        else:
            self._work.put(job)

    def close(self, *, wait: float = 0.0) -> None:
        """Write what waits, and end; `wait` is how many seconds to wait for that at most."""
        self._closed = True
        if self._thread is None:
            return
        self._work.put(None)
        self._thread.join(wait)


_open_writers: weakref.WeakSet[RecordingWriter] = weakref.WeakSet()


@atexit.register
def _finish_writing() -> None:
    """At the end of the process: what waits is still written, as far as that takes no longer than two seconds."""
    for writer in list(_open_writers):
        writer.close(wait=2.0)


def _write_all(folder: RecordingFolder, work: queue.SimpleQueue[RecordingJob | None], tally: _Tally) -> None:
    while (job := work.get()) is not None:
        try:
            if _write(folder, job):
                tally.written += 1
            else:
                tally.drop("quota", f"{folder.path}: no room that may be made within the quota")
        except (ProsodyGateError, OSError) as error:
            tally.drop("disk", error)
        except Exception as error:
            tally.drop("error", error)


def _write(folder: RecordingFolder, job: RecordingJob) -> bool:
    recorded, options = job.recorded, job.options
    audio = None
    if options.audio:
        user = np.concatenate(job.frames) * np.float32(32768.0 * 10.0 ** (-job.gain_db / 20.0))
        audio = np.clip(np.rint(user), -32768, 32767).astype(np.int16)[:, np.newaxis]
        if job.agent is not None:
            agent = np.zeros((len(audio), 1), np.int16)
            count = min(len(agent), len(job.agent))
            agent[:count, 0] = job.agent[:count]
            audio = np.concatenate([audio, agent], axis=1)
    recorded = replace(recorded, channels=0 if audio is None else audio.shape[1])
    time.sleep(0.0)  # the event loop may have waited for the interpreter
    return folder.write(recorded.name, recorded.to_line(text=options.text), audio)

"""A folder of recorded overlaps: each a FLAC file and a JSON file of one line, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from ..atomic_file import replacing
from ..audio import SAMPLE_RATE
from ..errors import OptionError
from .overlap_line import RecordingError, label_of, read_line, with_label

LINE, CLIP = ".json", ".flac"
"""The two files of an overlap."""

PART: Final = ".part"
"""Ends the name of a file that is not whole yet."""

ABANDONED: Final = 3600.0
"""Seconds after which a file that is not whole, or a clip without its line, is what a crash has left."""

ROOM: Final = 0.9
"""To what part of the quota the folder is emptied once it is full, so that not every overlap empties it anew."""

DAY: Final = 86_400.0

OURS: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-z]+-\d{4,}")
"""Names that `overlap_name` gives. Nothing else is ever deleted: the folder may have been somebody's before."""


def overlap_name(call: str, number: int) -> str:
    """The name of an overlap's files.

    Args:
        call: As `call_name` gives it.
        number: Of the overlap in the call, from 1.
    """
    return f"{call}-{number:04d}"


def call_name(started: float, token: str) -> str:
    """A name for a call that sorts by time.

    Args:
        started: Wall clock, in seconds since 1970.
        token: Tells calls of the same second apart.
    """
    return f"{datetime.fromtimestamp(started, UTC):%Y%m%dT%H%M%SZ}-{token}"


class _Stored(NamedTuple):
    """The files of one overlap."""

    name: str
    size: int
    changed: float


class _NoRoomError(Exception):
    """The folder is full of what may not be deleted."""


class RecordingFolder:
    """Writes overlaps into a folder, and keeps it within its quota and its time.

    Several calls and processes may write into one folder at a time. What is deleted to make room is the oldest that has
    no label; a recording with a label is deleted only when its days are over.

    Args:
        path: The folder; made, for its owner alone, where it is missing.
        quota: Bytes that all recordings in it may have.
        keep_days: Days after which a recording is deleted, labelled or not; None for never.
        clock: The wall clock, in seconds since 1970.

    Raises:
        OptionError: The folder cannot be made or written to.
    """

    def __init__(
        self, path: Path, *, quota: int, keep_days: float | None, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._quota = quota
        self._keep = None if keep_days is None else keep_days * DAY
        self._clock = clock
        self._used = 0
        self._looked = -1e9
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = path / f".{os.getpid()}{PART}"
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise OptionError(f"record: {path}: cannot be written ({reason}); expected a folder to record in") from None

    def write(self, name: str, line: str, audio: npt.NDArray[np.int16] | None) -> bool:
        """Write one overlap: its clip, then its line, each whole or not at all, readable by the owner alone.

        Args:
            name: Of the overlap.
            line: As `RecordedOverlap.to_line` makes it.
            audio: [n, channels] int16 at 16 kHz; None for none.

        Returns:
            False where there is no room, whatever is deleted.

        Raises:
            OptionError: A file cannot be written; nothing of the overlap is left behind.
        """
        if not self.path.is_dir():
            raise OptionError(f"record: {self.path}: is not there any more")
        if self._clock() - self._looked > 60.0:
            self._tidy()
        clip, data = self.path / f"{name}{CLIP}", line.encode()
        size = len(data)
        try:
            if audio is not None:
                with replacing(clip, private=True) as temporary:
                    try:
                        soundfile.write(temporary, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
                    except soundfile.SoundFileError as error:  # a full disk, say
                        raise OptionError(f"record: {clip}: cannot be written ({error})") from error
                    size += temporary.stat().st_size
                    # Before the clip takes its place, so that the folder never has more than its quota.
                    self._need_room(size, but=name)
            else:
                self._need_room(size, but=name)
            with replacing(self.path / f"{name}{LINE}", private=True) as temporary:
                temporary.write_bytes(data)
        except _NoRoomError:
            return False
        except Exception:
            clip.unlink(missing_ok=True)
            raise
        self._used += size
        return True

    def _tidy(self) -> None:
        """Delete what is too old or was left by a crash, and measure what is there: others may write here too."""
        now = self._clock()
        self._looked = now
        used = 0
        for one in self._stored():
            if (self._keep is not None and now - one.changed > self._keep) or (
                not (self.path / f"{one.name}{LINE}").exists() and now - one.changed > ABANDONED
            ):
                self._delete(one.name)
            else:
                used += one.size
        for part in self.path.glob(f".*{PART}"):
            if OURS.match(part.name, 1) is None:
                continue
            try:
                if now - part.stat().st_mtime > ABANDONED:
                    part.unlink()
            except OSError:
                continue  # another process was faster
        self._used = used

    def _need_room(self, size: int, *, but: str) -> None:
        if self._used + size > self._quota and not self._make_room(size, but=but):
            raise _NoRoomError

    def _make_room(self, size: int, *, but: str) -> bool:
        """Delete the oldest overlaps that nobody has labelled."""
        stored = sorted(self._stored(), key=lambda one: (one.changed, one.name))
        self._used = sum(one.size for one in stored if one.name != but)
        for one in stored:
            if self._used + size <= self._quota * ROOM:
                break
            if one.name == but or self._is_labelled(one.name):
                continue
            self._delete(one.name)
            self._used -= one.size
        return self._used + size <= self._quota

    def _is_labelled(self, name: str) -> bool:
        try:
            return label_of(read_line(self.path / f"{name}{LINE}")) is not None
        except RecordingError:
            return False

    def _delete(self, name: str) -> None:
        # The line first: a clip without its line is no recording.
        for suffix in (LINE, CLIP):
            (self.path / f"{name}{suffix}").unlink(missing_ok=True)

    def _stored(self) -> Iterator[_Stored]:
        """All overlaps, with the size of their files and when they were recorded."""
        found: dict[str, tuple[int, float]] = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                stem, suffix = os.path.splitext(entry.name)
                if suffix not in (LINE, CLIP) or OURS.fullmatch(stem) is None:
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    continue  # another process has just deleted it
                size, changed = found.get(stem, (0, status.st_mtime))
                found[stem] = (size + status.st_size, min(changed, status.st_mtime))
        for stem, (size, changed) in found.items():
            yield _Stored(stem, size, changed)


def overlap_files(folder: Path) -> list[Path]:
    """The JSON files of a folder's overlaps, in order of time.

    Args:
        folder: Of recorded overlaps.

    Raises:
        RecordingError: It cannot be read, or has none.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == LINE and not path.name.startswith("."))
    except OSError as error:
        raise RecordingError(f"{folder}: cannot be read ({error.strerror}); expected recorded overlaps") from None
    if not paths:
        raise RecordingError(f"{folder}: has no recorded overlaps; expected a folder that a call was recorded in")
    return paths


def set_label(path: Path, label: str | None) -> dict[str, Any]:
    """Write a label into the file of a recorded overlap, or take it away.

    Args:
        path: Its JSON file.
        label: One of the labels of a manifest; None for no label.

    Returns:
        The fields as they are now.

    Raises:
        RecordingError: The file is no recorded overlap.
        OptionError: It cannot be written.
    """
    fields = with_label(read_line(path), label)
    recorded = path.stat().st_mtime
    with replacing(path, private=True) as temporary:
        temporary.write_text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        # The days that it is kept count from the recording, not from the label.
        os.utime(temporary, (recorded, recorded))
    return fields

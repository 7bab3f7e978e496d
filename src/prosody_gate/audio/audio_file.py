"""Reads a recording block by block, and says in one line what is wrong with one that cannot be used."""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from ..errors import AudioError, OptionError
from .pcm import check_channel, to_float32
from .resampler import check_rate

SHORT_CHUNK: Final = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
"""In libsndfile's log: the audio bytes a WAV or AIFF header promises, and those that are there."""

UNKNOWN_LENGTH: Final = 0x7FFF_0000
"""From here on a promised number of bytes is what a program writes that cannot know it yet (a pipe)."""

UNKNOWN_FRAMES: Final = 2**62
"""libsndfile gives its largest count for a FLAC whose header has none, and cannot read that to its end."""

UNFINISHED_OGG: Final = "Last page lacks an end-of-stream bit"


class AudioFile:
    """A recording in any format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF ...), open for reading.

    Memory stays bounded by the block length, however long the file is. Iterators over several channels may be
    read in turns.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file and check its header; close it with `close()` or a `with` statement.

        Args:
            path: Of the file.

        Raises:
            AudioError: The file is missing, a folder, empty, not audio, cut short as far as its header
                says, or its rate is not between 8 and 48 kHz.
        """
        self._path = Path(path)
        if not os.path.exists(self._path):  # unlike Path.exists, False for a name that cannot be
            raise AudioError(f"{self._path}: no such file; expected a recording")
        if self._path.is_dir():
            raise AudioError(f"{self._path}: is a folder; expected a recording")
        if not self._path.is_file():
            raise AudioError(f"{self._path}: is not a regular file; expected a recording")
        try:
            empty = self._path.stat().st_size == 0
            self._file = None if empty else soundfile.SoundFile(self._path)
        except PermissionError as error:
            raise AudioError(f"{self._path}: may not be read; expected a readable recording") from error
        except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
            # TypeError: soundfile takes .raw for audio without a header and asks for its rate.
            raise AudioError(f"{self._path}: {self._unreadable()}") from error
        if self._file is None:
            raise AudioError(f"{self._path}: is empty (0 bytes); expected a recording")
        try:
            self._check_header(self._file)
        except AudioError:
            self._file.close()
            raise
        self._first, self._end = 0, int(self._file.frames)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._path

    @property
    def sample_rate(self) -> int:
        """Samples per second in each channel."""
        return int(self._open_file().samplerate)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self._open_file().channels)

    @property
    def duration(self) -> float:
        """Length in seconds, as the header tells it; of a part, the part's."""
        return (self._end - self._first) / self.sample_rate

    def part(self, start: float, end: float) -> AudioFile:
        """A stretch of the recording, as a recording of its own that shares the open file.

        Args:
            start: Where it begins, in seconds; what lies outside the recording is left out.
            end: Where it ends, in seconds.

        Raises:
            AudioError: Nothing of the recording lies between the two.
        """
        rate = self.sample_rate
        part = copy.copy(self)
        part._first = self._first + min(max(round(start * rate), 0), self._end - self._first)
        part._end = self._first + min(max(round(end * rate), 0), self._end - self._first)
        if part._end <= part._first:
            raise AudioError(
                f"{self._path}: nothing from {start:g} to {end:g} s; expected a stretch of its {self.duration:.2f} s"
            )
        return part

    def blocks(self, channel: int | None = None, *, seconds: float = 1.0) -> Iterator[npt.NDArray[np.float32]]:
        """Read from the start.

        Args:
            channel: The channel to take, counted from 0; None takes the mean of all channels.
            seconds: Length of a block, above 0; the last block may be shorter.

        Returns:
            Iterator over blocks of mono samples in [-1, 1] at the file's own rate, float32
            of shape [n], n >= 1.

        Raises:
            AudioError: The channel is not there (at once), or, while it is read, the data are damaged, end
                before the header says, or hold a sample that is not a finite number.
            OptionError: The block length is not above 0.
        """
        check_channel(channel, self.channels, source=str(self._path))
        if not 0.0 < seconds < math.inf:
            raise OptionError(f"seconds is {seconds}; expected above 0")
        return self._blocks(channel, max(1, round(seconds * self.sample_rate)))

    def read(self, channel: int | None = None) -> npt.NDArray[np.float32]:
        """Read the whole file into memory; the same samples and errors as `blocks`.

        Args:
            channel: The channel to take, counted from 0; None takes the mean of all channels.
        """
        return np.concatenate(list(self.blocks(channel)))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> AudioFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _blocks(self, channel: int | None, block_samples: int) -> Iterator[npt.NDArray[np.float32]]:
        position = self._first
        while position < self._end:
            file = self._open_file()
            try:
                if file.tell() != position:  # another iterator read in between
                    file.seek(position)
                block = file.read(min(block_samples, self._end - position), dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise AudioError(f"{self._path}: {self._damaged(position)}") from error
            if len(block) == 0:
                raise AudioError(f"{self._path}: {self._damaged(position)}")
            yield to_float32(block, channel=channel, source=str(self._path), start=position)
            position += len(block)

    def _open_file(self) -> soundfile.SoundFile:
        if self._file is None or self._file.closed:
            raise AudioError(f"{self._path}: is closed; expected an open recording")
        return self._file

    def _check_header(self, file: soundfile.SoundFile) -> None:
        check_rate(file.samplerate, source=str(self._path))
        log = file.extra_info
        short = SHORT_CHUNK.search(log)
        if short is not None:
            promised, present = int(short[1]), int(short[2])
            if present < promised < UNKNOWN_LENGTH:
                raise AudioError(
                    f"{self._path}: is cut short: "
                    f"{present} bytes of audio; expected the {promised} that its header promises"
                )
        if UNFINISHED_OGG in log:
            raise AudioError(f"{self._path}: is cut short: its last page is missing; expected a whole file")
        if file.frames >= UNKNOWN_FRAMES:
            raise AudioError(f"{self._path}: its header does not say how long it is; expected a finished file")
        if file.frames == 0:
            raise AudioError(f"{self._path}: is empty (0 samples); expected a recording")

    def _unreadable(self) -> str:
        known = self._path.suffix.lstrip(".").upper() in soundfile.available_formats()
        hint = ", or the file is damaged" if known else ""
        return f"is not audio in a known format{hint}; expected a recording as WAV, FLAC, Ogg, MP3 or AIFF"

    def _damaged(self, position: int) -> str:
        file = self._open_file()
        after, whole = position / file.samplerate, file.frames / file.samplerate
        return f"is damaged or cut short after {after:.2f} s; expected {whole:.2f} s of audio"

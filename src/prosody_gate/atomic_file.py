"""Writes a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OptionError


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` when all went well.

    Args:
        path: The file to write; an earlier one stays as it is until the new one is whole.
        private: Whether it is for its owner alone (0600), from its first byte on.

    Raises:
        OptionError: The folder is not there or cannot be written to.
    """
    temporary = _beside(path)
    try:
        if private:
            temporary.unlink(missing_ok=True)
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OptionError(_cannot_write(path, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out before a long run whether a file can be written at its end; nothing is left behind.

    Args:
        path: The file that is to be written.

    Raises:
        OptionError: The folder is not there or cannot be written to, or the path is a folder.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name that is too long
        raise OptionError(f"{path}: is a folder; expected the name of a file to write")
    if not os.path.isdir(path.parent):
        raise OptionError(f"{path}: there is no folder {path.parent}; expected one that can be written to")
    temporary = _beside(path)
    try:
        temporary.touch()
    except OSError as error:
        raise OptionError(_cannot_write(path, error)) from error
    finally:
        # A name that could not be made cannot always be looked up either.
        if os.path.lexists(temporary):
            temporary.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _cannot_write(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written ({error.strerror or error}); expected a folder that can be written to"

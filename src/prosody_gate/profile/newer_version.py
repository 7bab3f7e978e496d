"""Tells whether a file was written by a newer version of this library."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Final

PACKAGE: Final = "prosody-gate"


def installed_version() -> str:
    """The version of this library."""
    return version(PACKAGE)


def release_of(text: str) -> tuple[int, ...] | None:
    """The numbers of a version such as 0.1.0 or 1.2rc1, without zeros at the end; None when it is no version."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    if found is None:
        return None
    numbers = [int(number) for number in found[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_newer(text: str) -> bool:
    """Whether a version is newer than the installed one.

    Raises:
        ValueError: It is no version.
    """
    release = release_of(text)
    if release is None:
        raise ValueError(f"{text!r} is no version")
    return release > (release_of(installed_version()) or ())

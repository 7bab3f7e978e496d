"""Reads what is to be benchmarked: labelled clips, calls or overlaps, one a line."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from ..errors import OptionError
from .call import Call
from .clip import Clip
from .labels import AMBIGUOUS
from .manifest_error import ManifestError
from .manifest_line import ManifestLine
from .word_overlap import WordOverlap

Kind = Literal["clips", "calls", "overlaps"]
Item = Clip | Call | WordOverlap

KINDS: Final[tuple[str, ...]] = get_args(Kind)


@dataclass(frozen=True)
class SkippedLine:
    """A line that could not be used."""

    line: int
    """From 1."""
    problem: str
    """One line that says what was wrong and what was expected."""


@dataclass(frozen=True)
class Manifest:
    """All that can be used of one manifest."""

    path: Path
    """Where it was read from."""
    kind: Kind
    """What its lines are."""
    items: tuple[Item, ...]
    """The lines to be scored, in order."""
    skipped: tuple[SkippedLine, ...] = ()
    """The lines that could not be used."""
    ambiguous: int = 0
    """Events labelled ambiguous: not scored."""


def read_manifest(path: Path | str, *, kind: str | None = None, strict: bool = False) -> Manifest:
    """Read a JSONL manifest, gzipped where its name ends in `.gz`.

    Args:
        path: The file.
        kind: clips, calls or overlaps; None tells it from the first line's fields.
        strict: Whether a line that cannot be used is an error; otherwise it is skipped and told.

    Raises:
        ManifestError: The file cannot be read, nothing in it can be used, or, with `strict`, a line cannot.
        OptionError: There is no such kind.
    """
    path = Path(path)
    if kind is not None and kind not in KINDS:
        raise OptionError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    items: list[Item] = []
    skipped: list[SkippedLine] = []
    ambiguous = 0
    for number, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        try:
            line = ManifestLine(text, number=number, path=path)
            item = _item(line, kind or line.kind)
            kind = kind or line.kind
        except ManifestError as error:
            if strict:
                raise
            skipped.append(SkippedLine(number, str(error)))
            continue
        if isinstance(item, Call):
            ambiguous += sum(event.label == AMBIGUOUS for event in item.events)
        elif item.label == AMBIGUOUS:
            ambiguous += 1
            continue
        items.append(item)
    if not items:
        raise ManifestError(_nothing(path, skipped, ambiguous))
    return Manifest(path, kind, tuple(items), tuple(skipped), ambiguous)  # type: ignore[arg-type]


def _item(line: ManifestLine, kind: str) -> Item:
    if kind == "clips":
        return line.clip()
    return line.call() if kind == "calls" else line.overlap()


def _lines(path: Path) -> list[str]:
    expected = "expected a JSONL manifest of clips, calls or overlaps"
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return file.read().split("\n")
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: not UTF-8 text; {expected}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ManifestError(f"{path}: damaged ({error}); {expected}") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); {expected}") from None


def _nothing(path: Path, skipped: list[SkippedLine], ambiguous: int) -> str:
    if skipped:
        first = skipped[0].problem
        return f"{path}: none of its {len(skipped) + ambiguous} lines can be used; the first: {first}"
    if ambiguous:
        return f"{path}: all {ambiguous} lines are labelled ambiguous; expected some that can be scored"
    return f"{path}: is empty; expected one clip, call or overlap a line"

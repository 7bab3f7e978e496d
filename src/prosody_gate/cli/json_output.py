"""`--json [PATH]`: an option whose value may be left out, and where its report goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperCommand

from ..atomic_file import check_writable, replacing
from ..errors import OptionError

FLAG: Final = "--json"
STANDARD_OUTPUT: Final = "-"
"""Stands for standard output where a file's name is expected, as in other programs."""

SUFFIX: Final = ".json"


@dataclass(frozen=True)
class JsonOutput:
    """Where a command writes its JSON report."""

    path: Path | None
    """The file; None for standard output, on which the command then prints nothing else."""

    @classmethod
    def parse(cls, value: str) -> JsonOutput:
        """Take the option's value, and find out before the work begins whether the file can be written.

        Args:
            value: A path, or `-` for standard output.

        Raises:
            OptionError: The value is empty, a folder, or in a folder that cannot be written to.
        """
        if value == STANDARD_OUTPUT:
            return cls(None)
        if not value:
            raise OptionError(f"{FLAG}=: has no file name after the =; expected {FLAG} alone or {FLAG}=PATH")
        path = Path(value)
        check_writable(path)
        return cls(path)

    def write(self, report: object) -> None:
        """Write a report: to standard output, or to the file, whole or not at all.

        Args:
            report: JSON-ready values, or JSON that is text already.
        """
        text = report if isinstance(report, str) else json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
        # As bytes: the same on every terminal, whatever letters it has.
        content = (text.rstrip("\n") + "\n").encode("utf-8", "backslashreplace")
        if self.path is None:
            typer.echo(content, nl=False)
            return
        with replacing(self.path) as temporary:
            temporary.write_bytes(content)


def is_alone(output: JsonOutput | None) -> bool:
    """Whether JSON goes to standard output, so that nothing else may be printed there."""
    return output is not None and output.path is None


def name_json_file(output: JsonOutput | None) -> None:
    """Say which file the report went to, where it went to a file."""
    if output is not None and output.path is not None:
        typer.echo(f"written: {output.path}")


class JsonCommand(TyperCommand):
    """A command with `--json [PATH]`; Typer itself has no option whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give `--json` its value, then parse as ever."""
        try:
            return super().parse_args(ctx, with_json_value(args))
        except Exception as error:
            # The command line's own errors; their base class lies in click or in typer, by typer's version.
            message = error.format_message() if hasattr(error, "format_message") else ""
            word = _word_after_flag(args)
            if word is None or "extra argument" not in message or word not in message:
                raise
            raise OptionError(
                f"{FLAG} {word}: expected a file name that ends in {SUFFIX}; {FLAG}={word} takes any name"
            ) from None


def with_json_value(arguments: Sequence[str]) -> list[str]:
    """Write each `--json` as `--json=VALUE`.

    The word after it is its value only when it is `-` or ends in `.json`: so `run --json call.wav` reads call.wav, and
    never writes to it. `--json=PATH` takes any name.

    Args:
        arguments: What follows the name of the command.
    """
    written: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*written, word, *words]
        if word != FLAG:
            written.append(word)
            continue
        following = next(words, None)
        if following is not None and _is_target(following):
            written.append(f"{FLAG}={following}")
            continue
        written.append(f"{FLAG}={STANDARD_OUTPUT}")
        if following is not None:
            written += with_json_value([following, *words])
    return written


def _is_target(word: str) -> bool:
    return word == STANDARD_OUTPUT or (not word.startswith("-") and word.lower().endswith(SUFFIX))


def _word_after_flag(arguments: Sequence[str]) -> str | None:
    """The word after `--json` that is neither its value nor an option."""
    for word, following in pairwise(arguments):
        if word == FLAG and not following.startswith("-") and not _is_target(following):
            return following
    return None

"""Reports every error in one line on standard error, with exit status 2; warnings too, a line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from ..errors import ProsodyGateError

if TYPE_CHECKING:
    from ..bench import Manifest, SkippedLine

PROGRAM: Final = "prosody-gate"
BAD_INPUT: Final = 2
NOTHING_BETTER: Final = 3
"""Of `tune`, when it found no options that are reliably better; nothing is written."""
INTERRUPTED: Final = 130
"""Of a shell, for a program ended by Ctrl-C."""

LISTED: Final = 5
"""Skipped lines of a manifest that are listed one by one."""


class OneLineErrors(TyperGroup):
    """A group of commands whose errors, their own and those of the command line, are one line each.

    An error that is nobody's input is a bug, and keeps its traceback.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit; with `standalone_mode` off, return its value where all went well."""
        try:
            status = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except ProsodyGateError as error:
            _fail(str(error))
        except (KeyboardInterrupt, typer.Abort):
            sys.exit(INTERRUPTED)
        except OSError as error:
            _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
        except Exception as error:
            # The command line's own errors; their base class lies in click or in typer, by typer's version.
            format_message = getattr(error, "format_message", None)
            if format_message is None:
                raise
            context = getattr(error, "ctx", None)
            command = PROGRAM if context is None else context.command_path
            _fail(f"{format_message().rstrip('.')} (see {command} --help)")
        if not standalone_mode:
            return status
        sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    print(f"{PROGRAM}: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def warn(message: str) -> None:
    """Print a warning on standard error."""
    typer.echo(f"{PROGRAM}: warning: {message}", err=True)


def warn_of_skipped(skipped: Sequence[SkippedLine]) -> None:
    """Name the first lines of a manifest that cannot be used, and count the others."""
    for line in skipped[:LISTED]:
        warn(f"skipped: {line.problem}")
    if len(skipped) > LISTED:
        warn(f"{len(skipped) - LISTED} more lines skipped")


def warn_of_unlabelled(manifest: Manifest) -> None:
    """Say how many recorded overlaps have no label, and so do not count."""
    if manifest.unlabelled:
        some = "1 recorded overlap has" if manifest.unlabelled == 1 else f"{manifest.unlabelled} recorded overlaps have"
        warn(f"{some} no label and count for nothing; prosody-gate label {manifest.path} asks for them")

"""`prosody-gate options`: the reference of all options of the gate, for a terminal, a machine or the documentation."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import OptionError
from .arguments import OUTPUT, JsonOption
from .json_output import is_alone, name_json_file

if TYPE_CHECKING:
    from rich.text import Text

    from ..gate import OptionInfo

WIDEST: Final = 100
"""Columns beyond which a sentence is hard to read."""

PAGE_HEAD: Final = """\
# Options of the gate

<!-- Made by `prosody-gate options --markdown > docs/options.md`: change gate_options.py, not this page. -->

The defaults suit most microphones and calls. Where an option is to differ:

| where | how |
|---|---|
| command line | `--option max_hold=2.0`, or `--sensitivity 0.4` |
| LiveKit | `ProsodyGate(max_hold=2.0)`, or `ProsodyGate(sensitivity=0.4)` |
| library | `GateOptions(max_hold=2.0)` |
| profile | `max_hold = 2.0` under `[gate]` |

The command line goes before the profile, the profile before the default. "tune" gives the bounds within which
`prosody-gate tune` searches; it leaves the others alone. A value outside the range is an error that names the option.
"""


def options(
    as_json: JsonOption = None,
    markdown: Annotated[
        bool,
        typer.Option("--markdown", rich_help_panel=OUTPUT, help="Print the page docs/options.md instead of the table."),
    ] = False,
) -> None:
    """List the options of the gate: default, range, unit, meaning, and what `tune` may change.

    Set them with `--option NAME=VALUE` in other commands, in a profile, or in Python with `GateOptions`.

        prosody-gate run call.wav --agent-channel 0 --option max_hold=2.0
    """
    from ..gate import NAT, GateOptions

    reference = GateOptions.reference()
    if markdown and is_alone(as_json):
        raise OptionError("--markdown: --json prints on standard output too; expected one of them, or --json PATH")
    if as_json is not None:
        as_json.write({"options": [option._asdict() for option in reference], "nat": list(NAT)})
    if is_alone(as_json):
        return
    if markdown:
        typer.echo(markdown_page(reference, NAT), nl=False)
    else:
        _print_table(reference, NAT)
    name_json_file(as_json)


def markdown_page(reference: tuple[OptionInfo, ...], nat: tuple[str, ...]) -> str:
    """The page docs/options.md."""
    rows = ["| option | default | range | unit | tune | what it does |", "|---|---|---|---|---|---|"]
    for option in reference:
        cells = (f"`{option.name}`", f"{option.default:g}", _range(option), option.unit, _tune(option), option.says)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([PAGE_HEAD, *rows, "", "## What a nat is", "", *nat, ""])


def _print_table(reference: tuple[OptionInfo, ...], nat: tuple[str, ...]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    width = min(console.width, WIDEST)
    rows = [("option", "default", "range", "tune searches")]
    rows += [(option.name, _default(option), _range(option), _tune(option)) for option in reference]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows]
    console.print(Text(lines[0], style="bold"))
    for option, line in zip(reference, lines[1:], strict=True):
        console.print(Text.assemble((line[: widths[0]], "bold cyan"), line[widths[0] :]))
        console.print(_filled(option.says, width, indent="  "))
    console.print()
    for sentence in nat:
        console.print(_filled(sentence, width))


def _filled(sentence: str, width: int, *, indent: str = "") -> Text:
    from rich.text import Text

    return Text(textwrap.fill(sentence, width, initial_indent=indent, subsequent_indent=indent))


def _default(option: OptionInfo) -> str:
    return f"{option.default:g} {option.unit}".rstrip()


def _range(option: OptionInfo) -> str:
    return f"{option.low:g} to {option.high:g}"


def _tune(option: OptionInfo) -> str:
    return "" if option.tune is None else f"{option.tune[0]:g} to {option.tune[1]:g}"

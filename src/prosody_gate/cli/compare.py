"""`prosody-gate compare`: two bench reports side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich import box
from rich.table import Table

from .arguments import OUTPUT, JsonOption, QuietOption
from .json_output import is_alone, name_json_file

if TYPE_CHECKING:
    from ..bench import ComparedSet, Comparison

SHOWN: Final = 20
"""Events that changed sides and are listed, when nobody asks for more."""


def compare(
    before: Annotated[
        Path, typer.Argument(metavar="A.json", show_default=False, help="A report: bench INPUT --json A.json.")
    ],
    after: Annotated[
        Path, typer.Argument(metavar="B.json", show_default=False, help="Another report on the same recordings.")
    ],
    changes: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, rich_help_panel=OUTPUT, help="List at most so many events that changed sides."
        ),
    ] = SHOWN,
    as_json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Compare two bench reports, of two profiles or of two versions: what got better, what got worse.

    By set and label: the share that the gate decides rightly before and after, and the difference with its 95 %
    interval for paired shares. An interval that holds 0 may be chance. Then the events that changed sides, the broken
    ones first.

        prosody-gate bench calls.jsonl --json a.json

        prosody-gate bench calls.jsonl --profile tuned.toml --json b.json

        prosody-gate compare a.json b.json
    """
    from ..bench import compare_reports, read_report

    comparison = compare_reports(read_report(before), read_report(after))
    if as_json is not None:
        as_json.write(comparison.to_dict())
    if is_alone(as_json):
        return
    if not quiet:
        _print_for_people(comparison, changes)
    typer.echo(comparison.sentence)
    name_json_file(as_json)


def _print_for_people(comparison: Comparison, changes: int) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    console.print(_sets_table(comparison))
    for name, (first, second) in comparison.options.items():
        console.print(f"option {name}: {first} -> {second}", markup=False)
    if comparison.first.profile != comparison.second.profile:
        console.print(f"profile: {comparison.first.profile} -> {comparison.second.profile}", markup=False)
    if comparison.only_first or comparison.only_second:
        console.print(
            f"not compared: {comparison.only_first} events of the first report alone, "
            f"{comparison.only_second} of the second alone"
        )
    console.print()
    for one in comparison.changed[:changes]:
        sign = "mended" if one.is_mended else "broken"
        console.print(
            f"{sign}: {one.before.name} ({one.before.label}): {_decided(one.before.confirmed, one.before.reason)} -> "
            f"{_decided(one.after.confirmed, one.after.reason)}",
            markup=False,
            soft_wrap=True,
        )
    left = len(comparison.changed) - changes
    if left > 0:
        console.print(f"and {left} more (--changes {len(comparison.changed)} lists all)")
    if comparison.changed:
        console.print()


def _decided(confirmed: float | None, reason: str) -> str:
    why = f" ({reason.replace('_', ' ')})" if reason else ""
    return f"not confirmed{why}" if confirmed is None else f"confirmed after {1000.0 * confirmed:.0f} ms{why}"


def _sets_table(comparison: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("set")
    for heading in (
        "events",
        "right\nbefore",
        "right\nafter",
        "change, in points",
        "mended",
        "broken",
        "median\nlatency",
    ):
        table.add_column(heading, justify="right")
    for one in comparison.sets:
        name = one.set if one.set == one.label else f"{one.set} ({one.label})"
        _add_row(table, name, one)
    table.add_section()
    for total, name in zip(comparison.totals, ("all interruptions", "all others"), strict=True):
        if total.before.of:
            _add_row(table, name, total)
    return table


def _add_row(table: Table, name: str, one: ComparedSet) -> None:
    def share(value: float | None) -> str:
        return "n/a" if value is None else f"{100.0 * value:.1f} %"

    change = one.change
    latency = ""
    if one.latency_before is not None and one.latency_after is not None:
        latency = f"{1000 * one.latency_before.value:.0f} -> {1000 * one.latency_after.value:.0f} ms"
    table.add_row(
        name,
        str(one.before.of),
        share(one.before.value),
        share(one.after.value),
        f"{100 * change.value:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})",
        str(one.mended),
        str(one.broken),
        latency,
    )

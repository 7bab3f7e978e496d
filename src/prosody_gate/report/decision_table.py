"""The decisions of a replay as a table for a terminal, and the colours that tables and pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rich import box
from rich.table import Column, Table
from rich.text import Text

from ..gate import GateEvent, GateEventKind
from ..replay import ReplayResult

TERMINAL: Final = {
    GateEventKind.CONFIRM: "bold red",
    GateEventKind.CANCEL: "green",
    GateEventKind.RELEASE: "cyan",
}
"""Rich styles."""

PICTURE: Final = {
    GateEventKind.HOLD: "#E69F00",
    GateEventKind.CONFIRM: "#D55E00",
    GateEventKind.CANCEL: "#009E73",
    GateEventKind.RELEASE: "#0072B2",
}
"""Four of the colours that Okabe and Ito (2008, "Color Universal Design") chose to be told apart by all."""


TEXT_WIDTH: Final = 40
"""Characters of what was said that are shown."""

NARROW_TEXT: Final = 12
"""The least width for what was said; it goes on in the next line."""

WIDE_TEXT: Final = 24
"""The width for what was said from which kind and reason get a column each."""

NOTE: Final = "Shares in nats: above 0 for an interruption, below 0 against."


class _Cell(NamedTuple):
    """One column's header and its plain cells."""

    header: str
    cells: list[str]
    right: bool = True

    @property
    def width(self) -> int:
        lines = (line for cell in (self.header, *self.cells) for line in cell.split("\n"))
        return max(len(line) for line in lines)


def decision_table(result: ReplayResult, *, width: int = 80) -> Table:
    """Make the table; print it with a console of the same width.

    From about 100 columns on, an overlap takes one line. Below, kind and reason stand above each other and
    the text goes on in further lines; on a very narrow terminal the shares are left out. Numbers are never
    cut.

    Args:
        result: What the gate did, with at least one decision.
        width: Columns of the terminal.
    """
    events = result.decisions
    shares = _shares(events)
    columns, gap = _columns(events, stacked=False) + shares, 2
    if _width(columns, gap) + WIDE_TEXT > width:
        columns, gap = _columns(events, stacked=True) + shares, 1
    if _width(columns, gap) + NARROW_TEXT > width:
        columns, shares = _columns(events, stacked=True), []
    text_at = len(columns) - len(shares)
    said = max(NARROW_TEXT, min(width - _width(columns, gap), TEXT_WIDTH + 2))

    table = Table(
        *(_column(cell) for cell in columns[:text_at]),
        Column("text", width=said, overflow="fold"),
        *(_column(cell) for cell in columns[text_at:]),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),  # the box puts one blank between two columns itself
        caption=NOTE if shares else None,
        caption_justify="left",
        header_style="bold",
    )
    for row, event in enumerate(events):
        style = TERMINAL[event.kind]
        cells = [Text(cell.cells[row], style=style if cell.header in ("kind", "decision") else "") for cell in columns]
        table.add_row(*cells[:text_at], Text(_quoted(event.text)), *cells[text_at:])
    return table


def _columns(events: Sequence[GateEvent], *, stacked: bool) -> list[_Cell]:
    kinds = [event.kind.value for event in events]
    reasons = [event.reason for event in events]
    if stacked:
        both = [f"{kind}\n{reason}" for kind, reason in zip(kinds, reasons, strict=True)]
        decisions = [_Cell("decision", both, right=False)]
    else:
        decisions = [_Cell("kind", kinds, right=False), _Cell("reason", reasons, right=False)]
    return [
        _Cell("#", [str(event.overlap) for event in events]),
        _Cell("onset\n(s)", [f"{event.onset:.2f}" for event in events]),
        *decisions,
        _Cell("after\n(ms)", [f"{1000.0 * event.latency:.0f}" for event in events]),
        _Cell("P", [f"{event.probability:.2f}" for event in events]),
    ]


def _shares(events: Sequence[GateEvent]) -> list[_Cell]:
    """A column for each source that had anything to say."""
    names = dict.fromkeys(name for event in events for name in event.evidence)
    columns = []
    for name in names:
        nats = [event.evidence.get(name, 0.0) for event in events]
        if any(round(value, 1) for value in nats):
            columns.append(_Cell(name, [f"{value:+.1f}" if round(value, 1) else "0.0" for value in nats]))
    return columns


def _width(columns: Sequence[_Cell], gap: int) -> int:
    """Columns of the terminal that these take, each with a gap to the next."""
    return sum(cell.width + gap for cell in columns)


def _column(cell: _Cell) -> Column:
    return Column(cell.header, justify="right" if cell.right else "left", no_wrap=True, min_width=cell.width)


def _quoted(text: str) -> str:
    if not text:
        return ""
    text = " ".join(text.split())
    return f"“{text if len(text) <= TEXT_WIDTH else text[: TEXT_WIDTH - 1].rstrip() + '…'}”"

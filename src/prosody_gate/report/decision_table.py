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
"""Four of the colours of Okabe and Ito (2008, "Color Universal Design"), which everybody can tell apart."""


TEXT_WIDTH: Final = 40
"""Characters of what was said that are shown."""

NARROW_TEXT: Final = 12
"""The least width for what was said; it goes on in the next line."""

WIDE_TEXT: Final = 24
"""The width for what was said from which kind and reason get a column each."""

GUESS: Final = "~"
"""Stands before recognised text: a guess, which must not be taken for what was said, with or without colour."""

PROBABILITY_NOTE: Final = "P: probability of an interruption"
SHARES_NOTE: Final = f"{PROBABILITY_NOTE}; + and -: evidence for and against it, in nats"
TRANSCRIPT_NOTE: Final = "“…” transcript"
GUESS_NOTE: Final = f"{GUESS}… recognised on this machine, a guess"


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
        caption="\n".join(_notes(events, with_shares=bool(shares))),
        caption_justify="left",
        header_style="bold",
    )
    for row, event in enumerate(events):
        style = TERMINAL[event.kind]
        cells = [Text(cell.cells[row], style=style if cell.header in ("kind", "decision") else "") for cell in columns]
        table.add_row(*cells[:text_at], _said(event), *cells[text_at:])
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


def shortened_text(text: str, longest: int) -> str:
    """The text on one line, cut with an ellipsis where it is longer.

    Args:
        text: What was said.
        longest: Characters to keep, the ellipsis among them.
    """
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def said_text(event: GateEvent, longest: int) -> str:
    """What was said, marked as what it is: the transcript in quotes, else recognised text after `~`; empty for neither.

    Args:
        event: A decision.
        longest: Characters of what was said that are shown.
    """
    if event.transcript.strip():
        return f"“{shortened_text(event.transcript, longest)}”"
    return f"{GUESS}{shortened_text(event.recognised, longest)}" if event.recognised.strip() else ""


def text_notes(events: Sequence[GateEvent]) -> list[str]:
    """What the marks of `said_text` mean, for those that occur."""
    marks = [said_text(event, TEXT_WIDTH)[:1] for event in events]
    return [note for note in (TRANSCRIPT_NOTE, GUESS_NOTE) if note[0] in marks]


def _notes(events: Sequence[GateEvent], *, with_shares: bool) -> list[str]:
    said = " · ".join(text_notes(events))
    notes = dict.fromkeys(f"{name}: {note}" for event in events for name, note in event.notes.items())
    return [*([said] if said else []), SHARES_NOTE if with_shares else PROBABILITY_NOTE, *notes]


def _said(event: GateEvent) -> Text:
    text = said_text(event, TEXT_WIDTH)
    return Text(text, style="dim italic" if text.startswith(GUESS) else "")

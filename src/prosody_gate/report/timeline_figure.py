"""A picture of a replay: a short recording in one row, a long one in rows below each other."""

from __future__ import annotations

import math
from typing import Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..audio import AudioFile
from ..gate import GateEventKind, GateOptions
from ..replay import ReplayResult, Span
from .decision_table import PICTURE, text_notes
from .envelope import Envelope, read_envelope
from .json_report import Summary
from .timeline_labels import DPI, INK, TEXT_SIZE, fonts
from .timeline_row import AGENT, LEFT, MARKERS, RIGHT, TimelineRow, Trace, peak_of

WIDTH: Final = 15.0
"""Of the picture, in inches: it fits a screen, whatever the length of the recording."""
TOP, BOTTOM = 1.0, 0.55
"""Margins, in inches."""
ROW_GAP: Final = 0.45
"""Between two rows, in inches: for the times under the upper one."""

ONE_ROW: Final = 90.0
"""Seconds that are drawn in one row."""
ROW_SECONDS: Final = (60, 120, 300, 600, 1200, 1800, 3600)
"""Lengths of a row; the shortest that needs no more than `MOST_ROWS` is taken."""
MOST_ROWS: Final = 12
MOST_LARGE_ROWS: Final = 3
"""Up to so many rows have all panels."""

DECIDED: Final = {
    GateEventKind.CONFIRM: "confirmed: the agent should stop",
    GateEventKind.CANCEL: "cancelled: the agent talks on",
    GateEventKind.RELEASE: "released: the agent had ended",
}


def rows_of(span: Span) -> list[Span]:
    """Divide a recording into the rows of its picture.

    Args:
        span: What is drawn, in seconds.

    Returns:
        At least one stretch; all are of the same length but the last, which may be shorter.
    """
    length = span.end - span.start
    if length <= ONE_ROW:
        return [span]
    seconds = next((each for each in ROW_SECONDS if length <= MOST_ROWS * each), None)
    if seconds is None:
        seconds = 3600 * math.ceil(length / MOST_ROWS / 3600)
    return [
        Span(span.start + number * seconds, min(span.start + (number + 1) * seconds, span.end))
        for number in range(math.ceil(length / seconds))
    ]


class TimelineFigure:
    """Draws one replay.

    Args:
        result: What the gate did, with a trace.
        options: The options in force.
    """

    def __init__(self, result: ReplayResult, options: GateOptions) -> None:
        self._result = result
        start, end = result.span
        self._spans = rows_of(Span(start, max(end, start + 0.1)))
        trace, rows = Trace(result), len(self._spans)
        self._rows = [
            TimelineRow(
                result,
                trace,
                options,
                span,
                self._inches_of(span),
                small=rows > MOST_LARGE_ROWS,
                titled=rows > 1,
            )
            for span in self._spans
        ]

    def draw(self, recording: AudioFile, user_channel: int | None, *, title: str | None = None) -> Figure:
        """Draw all rows.

        Args:
            recording: The open recording.
            user_channel: The channel that was replayed.
            title: Stands above the picture; the recording's name when None.

        Raises:
            AudioError: The recording cannot be read.
        """
        height = TOP + sum(row.inches for row in self._rows) + ROW_GAP * (len(self._rows) - 1) + BOTTOM
        figure = Figure(figsize=(WIDTH, height), dpi=DPI)
        envelopes = [self._envelope(recording, span, user_channel) for span in self._spans]
        top = height - TOP
        for row, envelope in zip(self._rows, envelopes, strict=True):
            lowest = row.draw(figure, top, envelope, peak=peak_of(envelopes))
            top -= row.inches + ROW_GAP
        lowest.set_xlabel("time in the recording (s)", fontsize=TEXT_SIZE + 1, color=INK)
        self._draw_heading(figure, self._title(recording.path.name) if title is None else title)
        return figure

    def _inches_of(self, span: Span) -> float:
        """Width of a row: a last one that is shorter keeps the scale of the others."""
        longest = self._spans[0].end - self._spans[0].start
        return (WIDTH - LEFT - RIGHT) * (span.end - span.start) / longest

    def _envelope(self, recording: AudioFile, span: Span, channel: int | None) -> Envelope:
        points = max(round(self._inches_of(span) * DPI), 1)
        outline = read_envelope(recording.part(*span), channel, points=points)
        return outline._replace(times=outline.times + span.start)

    def _title(self, name: str) -> str:
        part = self._result.part
        return name if part is None else f"{name}, {part.start:g} to {part.end:g} s"

    def _draw_heading(self, figure: Figure, title: str) -> None:
        height = figure.get_figheight()
        left = LEFT / WIDTH
        figure.text(
            left,
            1.0 - 0.14 / height,
            title,
            va="top",
            fontsize=12.0,
            fontweight="bold",
            color=INK,
            fontfamily=fonts(),
            parse_math=False,
        )
        sentence = " · ".join([Summary.of(self._result).sentence, *text_notes(self._result.decisions)])
        figure.text(left, 1.0 - 0.37 / height, sentence, va="top", fontsize=9.0, color=INK)
        handles: list[Patch | Line2D] = [Patch(color=AGENT, label="agent speaks")]
        handles += [
            Line2D(
                [],
                [],
                color=PICTURE[kind],
                marker=MARKERS[kind],
                linewidth=6.0,
                alpha=0.8,
                markeredgecolor="white",
                label=label,
            )
            for kind, label in DECIDED.items()
        ]
        handles += [
            Patch(facecolor="#BBBBBB", label="light: held back"),
            Patch(facecolor="#666666", label="dark: passed on"),
        ]
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left, 1.0 - 0.6 / height),
            ncols=len(handles),
            frameon=False,
            fontsize=TEXT_SIZE,
            borderpad=0.0,
            borderaxespad=0.0,
            handlelength=1.6,
            columnspacing=1.6,
        )

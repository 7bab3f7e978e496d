"""Labels of a timeline: written beside each other and below each other, so that none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from ..replay import Span

DPI: Final = 110
TEXT_SIZE: Final = 8.0
LINE_INCHES: Final = 0.155
"""Height of a line of that size."""
LANE_GAP: Final = 0.06
"""Between a label and the one below it, in inches."""
LABEL_GAP: Final = 0.08
"""Between a label and the next on its line, in inches."""

INK: Final = "#333333"
FAINT: Final = "#777777"

OTHER_SCRIPTS: Final = ("Noto Sans CJK JP", "Noto Sans Devanagari", "Noto Sans Telugu")
"""Fonts used, where they are installed, for letters that matplotlib's own does not have."""


class Placed(NamedTuple):
    """Where one label goes."""

    left: float
    """Its left edge, in the unit of the axis."""
    lane: int
    """Its line, from 0."""


def place_labels(
    anchors: Sequence[float], widths: Sequence[float], *, end: float, gap: float, lanes: int
) -> list[Placed | None]:
    """Place each label at its anchor, on the first line that has room there; what comes first has the choice.

    Args:
        anchors: Where the left edge of each label belongs.
        widths: How wide each is, in the same unit.
        end: Right end of the axis: a label that would stick out moves left.
        gap: Least distance of two labels on one line.
        lanes: The most lines to use.

    Returns:
        A place for each label, or None where there was no room.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(lanes)]
    placed: list[Placed | None] = []
    for anchor, width in zip(anchors, widths, strict=True):
        left = max(0.0, min(anchor, end - width))
        right = left + width
        lane = next(
            (
                lane
                for lane, others in enumerate(taken)
                if all(right + gap <= start or left >= stop + gap for start, stop in others)
            ),
            None,
        )
        if lane is not None:
            taken[lane].append((left, right))
        placed.append(None if lane is None else Placed(left, lane))
    return placed


class LabelLine(NamedTuple):
    """A line of a label."""

    text: str
    colour: str = INK
    italic: bool = False


@dataclass(frozen=True)
class Label:
    """What belongs to one moment."""

    anchor: float
    """The moment, in seconds of the recording."""
    lines: tuple[LabelLine, ...]


class LabelPanel:
    """Labels with their places above one stretch of time.

    Args:
        labels: The first ones choose their places first.
        span: The stretch, in seconds.
        inches: How wide it is drawn.
        lanes: The most labels to stand below each other.
    """

    def __init__(self, labels: Sequence[Label], span: Span, inches: float, *, lanes: int) -> None:
        self._labels = labels
        self._start = span.start
        length = span.end - span.start
        seconds_per_inch = length / inches
        self._places = place_labels(
            [label.anchor - span.start for label in labels],
            [max(width_of(line) for line in label.lines) * seconds_per_inch for label in labels],
            end=length,
            gap=LABEL_GAP * seconds_per_inch,
            lanes=lanes,
        )
        self._lane_inches = max((len(label.lines) for label in labels), default=0) * LINE_INCHES + LANE_GAP

    @property
    def lanes(self) -> int:
        """How many labels stand below each other."""
        return max((place.lane + 1 for place in self._places if place is not None), default=0)

    @property
    def left_out(self) -> int:
        """Labels for which there was no room."""
        return self._places.count(None)

    @property
    def inches(self) -> float:
        """Its height."""
        return self.lanes * self._lane_inches

    def draw(self, axes: Axes) -> None:
        """Write the labels.

        Args:
            axes: As high as `inches`, its time axis that of the stretch.
        """
        axes.set_axis_off()
        if not self.lanes:
            return
        axes.set_ylim(self.lanes, 0.0)
        for label, place in zip(self._labels, self._places, strict=True):
            if place is None:
                continue
            for number, line in enumerate(label.lines):
                below = number * LINE_INCHES / self._lane_inches
                axes.text(self._start + place.left, place.lane + below, line.text, **style_of(line))


def style_of(line: LabelLine) -> dict[str, Any]:
    """How matplotlib is to write a line."""
    return {
        "fontsize": TEXT_SIZE,
        "fontfamily": fonts(),
        "fontstyle": "italic" if line.italic else "normal",
        "color": line.colour,
        "verticalalignment": "top",
        "parse_math": False,  # a "$" in what was said is a "$"
    }


def width_of(line: LabelLine) -> float:
    """How wide a line is written, in inches."""
    canvas = _measuring()
    text = Text(0.0, 0.0, line.text, **style_of(line))
    text.set_figure(canvas.figure)
    return float(text.get_window_extent(canvas.get_renderer()).width) / DPI  # type: ignore[no-untyped-call]


@cache
def fonts() -> list[str]:
    """The fonts that a text may be written in."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in installed)]


@cache
def _measuring() -> FigureCanvasAgg:
    return FigureCanvasAgg(Figure(dpi=DPI))

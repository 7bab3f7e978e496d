"""Draws a benchmark: latency against false interruptions, the sensitivity curve, what was decided when."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..atomic_file import check_writable, replacing
from ..errors import OptionError
from .bench_report import BenchReport
from .evaluator import GATE
from .intervals import Share
from .system_score import DECIDED_BY, SystemScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LATENCY: Final = "latency.png"
DECIDED: Final = "decided_by.png"
SENSITIVITY: Final = "sensitivity.png"

DPI: Final = 110
INK: Final = "#333333"
GATE_COLOUR: Final = "#D55E00"
COLOURS: Final = {"speech": "#0072B2", "word list": "#009E73", "words": "#CC79A7"}
MARKERS: Final = {"speech": "s", "word list": "D", "words": "^"}
FILLED: Final = {"0.2 s": "none", "2 words": "none", "0.5 s": "left"}
"""The higher a rule's threshold, the fuller its marker."""
BARS: Final = ("#CFCFCF", "#0072B2", "#009E73")
"""Share decided, recall, precision."""

LEAST_SHARE: Final = 0.001
"""Below a thousandth the logarithmic axis ends."""


def plot_names(*, sweep: bool) -> tuple[str, ...]:
    """The files that `plot_bench` writes."""
    return (LATENCY, DECIDED, SENSITIVITY) if sweep else (LATENCY, DECIDED)


def check_plot_folder(folder: str | os.PathLike[str], *, sweep: bool) -> Path:
    """Find out before a long run whether the pictures can be written; makes the folder.

    Raises:
        OptionError: The folder cannot be made or written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"{folder}: cannot be made ({error.strerror or error}); expected a folder to write pictures to"
        ) from None
    for name in plot_names(sweep=sweep):
        check_writable(folder / name)
    return folder


def plot_bench(report: BenchReport, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Draw all pictures of a report; earlier ones of the same names are replaced once the new ones are whole.

    Args:
        report: The figures.
        folder: Where to put them; made where it is missing.

    Returns:
        The files written.

    Raises:
        OptionError: The folder cannot be written to.
    """
    folder = check_plot_folder(folder, sweep=bool(report.sweep))
    import matplotlib  # here, for it is slow to import and seldom wanted

    figures = {LATENCY: _latency_figure, DECIDED: _decided_figure, SENSITIVITY: _sensitivity_figure}
    style = dict(matplotlib.rcParamsDefault)
    style.pop("backend", None)
    written = []
    with matplotlib.rc_context(style):
        for name in plot_names(sweep=bool(report.sweep)):
            with replacing(folder / name) as temporary:
                figures[name](report).savefig(temporary, format="png")
            written.append(folder / name)
    return tuple(written)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _percent_axis(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_yscale("log")
    axes.set_ylim(LEAST_SHARE * 0.75, 1.3)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{'≤ ' if value <= LEAST_SHARE else ''}{100.0 * value:g} %")
    )
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda _value, _position: ""))


def _look(name: str) -> tuple[str, str]:
    if name == GATE:
        return GATE_COLOUR, "o"
    family = next(family for family in ("word list", "words", "speech", "") if family in name)
    return COLOURS.get(family, INK), MARKERS.get(family, "x")


def _latency_figure(report: BenchReport) -> Figure:
    """A point a system, with 95 % intervals both ways; down and left is better."""
    figure = _figure(7.2, 4.8)
    axes = figure.subplots()
    if any(point.score.latency is not None for point in report.sweep):
        points = [
            (point.score.latency.p50.value, max(point.score.false_interruptions.value or 0.0, LEAST_SHARE))
            for point in report.sweep
            if point.score.latency is not None
        ]
        axes.plot(
            *zip(*points, strict=True),
            color=GATE_COLOUR,
            linewidth=1.2,
            alpha=0.6,
            label="gate, by sensitivity",
            zorder=2,
        )
    for system in report.systems:
        _system_point(axes, system)
    _percent_axis(axes)
    right = max((one.latency.p50.high for one in report.systems if one.latency is not None), default=1.0)
    axes.set_xlim(0.0, right * 1.12)
    axes.set_xlabel("median confirm latency from onset (s)", fontsize=9, color=INK)
    axes.set_ylabel("false interruptions, share of all other events", fontsize=9, color=INK)
    _dress(axes, f"{report.manifest}: speed and false interruptions (lower left is better)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        axes.text(0.5, 0.5, "no interruption was caught: no latency", transform=axes.transAxes, ha="center", fontsize=9)
    return figure


def _system_point(axes: Axes, system: SystemScore) -> None:
    share, interval = system.false_interruptions.value, system.false_interruptions.interval
    if system.latency is None or share is None or interval is None:
        return
    colour, marker = _look(system.name)
    x, y = system.latency.p50, max(share, LEAST_SHARE)
    filled = next((style for end, style in FILLED.items() if system.name.endswith(end)), "full")
    caught = 100.0 * (system.caught.value or 0.0)
    axes.errorbar(
        x.value,
        y,
        xerr=[[x.value - x.low], [x.high - x.value]],
        yerr=[[y - max(min(interval[0], y), LEAST_SHARE * 0.5)], [max(interval[1] - y, 0.0)]],
        fmt=marker,
        markersize=9 if system.name == GATE else 7,
        fillstyle=filled,
        color=colour,
        elinewidth=0.9,
        capsize=2,
        zorder=4 if system.name == GATE else 3,
        label=f"{system.name} ({caught:.1f} % caught)",
    )


def _decided_figure(report: BenchReport) -> Figure:
    """Share decided, recall and precision of each system at each time."""
    columns = min(len(report.systems), 4)
    rows = -(-len(report.systems) // columns)
    figure = _figure(2.5 * columns + 0.6, 2.2 * rows + 0.6)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    names = ("decided", "recall", "precision")
    for panel, system in zip(panels, report.systems, strict=False):
        for place, name in enumerate(names):
            shares = [getattr(point, name) for point in system.decided_by]
            panel.bar(
                [index + (place - 1) * 0.27 for index in range(len(DECIDED_BY))],
                [share.value or 0.0 for share in shares],
                width=0.25,
                color=BARS[place],
                label=name,
            )
        panel.set_xticks(range(len(DECIDED_BY)), [f"{1000.0 * time:.0f}" for time in DECIDED_BY])
        panel.set_ylim(0.0, 1.02)
        _dress(panel, system.name)
        panel.grid(visible=False, axis="x")
    for place in range(len(report.systems), len(panels)):
        panels[place].set_visible(False)
        panels[place - columns].tick_params(labelbottom=True)
    figure.supxlabel("ms after onset", fontsize=9, color=INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, ncols=3, loc="outside upper right")
    return figure


def _sensitivity_figure(report: BenchReport) -> Figure:
    """Caught, false and latency over the one knob."""
    figure = _figure(7.2, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    knob = [point.sensitivity for point in report.sweep]
    scores = [point.score for point in report.sweep]
    for label, colour, shares in (
        ("missed interruptions", "#0072B2", [_missed(score) for score in scores]),
        ("false interruptions", GATE_COLOUR, [score.false_interruptions for score in scores]),
    ):
        values = [max(share.value or 0.0, LEAST_SHARE) for share in shares]
        upper.plot(knob, values, color=colour, marker="o", markersize=4, label=label)
        bounds = [share.interval or (0.0, 0.0) for share in shares]
        upper.fill_between(
            knob,
            [max(low, LEAST_SHARE * 0.5) for low, _ in bounds],
            [high for _, high in bounds],
            color=colour,
            alpha=0.15,
            linewidth=0.0,
        )
    _percent_axis(upper)
    _dress(upper, f"{report.manifest}: the gate over its sensitivity")
    known = [(value, score.latency) for value, score in zip(knob, scores, strict=True) if score.latency is not None]
    lower.plot([value for value, _ in known], [one.p50.value for _, one in known], color=INK, marker="o", markersize=4)
    lower.fill_between(
        [value for value, _ in known],
        [one.p10.value for _, one in known],
        [one.p90.value for _, one in known],
        color=INK,
        alpha=0.12,
        linewidth=0.0,
    )
    lower.set_ylim(bottom=0.0)
    for point in report.sweep:
        if point.in_force:
            for axes in (upper, lower):
                axes.axvline(point.sensitivity, color=INK, linewidth=1.0, linestyle=":")
            upper.plot([], [], color=INK, linewidth=1.0, linestyle=":", label=f"in force: {point.sensitivity:g}")
    _dress(lower, "confirm latency: median, and from p10 to p90")
    lower.set_ylabel("s after onset", fontsize=9, color=INK)
    lower.set_xlabel("sensitivity", fontsize=9, color=INK)
    upper.legend(fontsize=8, frameon=False)
    return figure


def _missed(score: SystemScore) -> Share:
    return Share(score.caught.of - score.caught.count, score.caught.of)

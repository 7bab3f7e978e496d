"""One row of a timeline: what was said, measured and decided in one stretch of a recording, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..gate import GateEvent, GateEventKind, GateOptions, probability_of
from ..replay import ReplayResult, Span
from .decision_table import GUESS, PICTURE, said_text, shortened_text
from .envelope import Envelope
from .timeline_labels import FAINT, INK, TEXT_SIZE, Label, LabelLine, LabelPanel

LEFT, RIGHT = 1.0, 1.25
"""Margins beside the panels, in inches."""
GAP: Final = 0.14
"""Between two panels, in inches."""
TITLE: Final = 0.26
"""For the times above a row that is one of several, in inches."""

LONGEST_LABEL: Final = 36
"""Characters of what was said in one label."""
MOST_LANES: Final = 4

AGENT: Final = "#AFA8D0"
LEVEL: Final = "#0072B2"
FLOOR: Final = "#CC79A7"

MARKERS: Final = {GateEventKind.CONFIRM: "v", GateEventKind.CANCEL: "o", GateEventKind.RELEASE: "D"}
"""A shape for each decision, for those who cannot go by colour."""
SIGNS: Final = {GateEventKind.CONFIRM: "▼", GateEventKind.CANCEL: "●", GateEventKind.RELEASE: "◆"}
"""The same shapes as letters."""

Draw = Callable[[Axes], None]


class Trace:
    """What was measured, as arrays of one value a frame."""

    def __init__(self, result: ReplayResult) -> None:
        self.times = np.array([point.time for point in result.trace])
        self.speech = np.array([point.speech_probability for point in result.trace])
        self.level = np.array([point.level_dbfs for point in result.trace])
        self.floor = np.array([point.noise_floor_dbfs for point in result.trace])
        self.pitch = np.array([point.pitch_hz for point in result.trace])
        self.probability = np.array([point.probability for point in result.trace])


class TimelineRow:
    """Draws one row.

    Args:
        result: What the gate did.
        trace: Its measurements.
        options: The options in force.
        span: The stretch, in seconds of the recording.
        inches: Width of the panels.
        small: Whether to leave out level and pitch, and the reasons of the decisions.
        titled: Whether to write the times above the row.
    """

    def __init__(
        self,
        result: ReplayResult,
        trace: Trace,
        options: GateOptions,
        span: Span,
        inches: float,
        *,
        small: bool,
        titled: bool,
    ) -> None:
        self._result = result
        self._trace = trace
        self._options = options
        self._span = span
        self._inches = inches
        self._small = small
        self._title = TITLE if titled else 0.0
        # What began before the row may still go on in it.
        self._events = [
            event for event in result.decisions if event.onset < span.end and self._end_of_speech(event) >= span.start
        ]
        self._decisions = LabelPanel(self._decision_labels(), span, inches, lanes=MOST_LANES)
        self._words = LabelPanel(self._word_labels(), span, inches, lanes=MOST_LANES)
        self._heights = [self._decisions.inches, self._words.inches, 0.42]
        self._heights += [0.62, 0.62] if small else [1.35, 1.15, 1.05, 1.35]

    @property
    def inches(self) -> float:
        """Height of the row, its times included."""
        return self._title + sum(height + GAP for height in self._heights if height) - GAP

    def draw(self, figure: Figure, top: float, envelope: Envelope, *, peak: float) -> Axes:
        """Draw all panels.

        Args:
            figure: To draw on.
            top: Distance of the row's upper edge from the figure's lower one, in inches.
            envelope: The waveform of this row.
            peak: Of all rows, so that they can be compared.

        Returns:
            The lowest panel.
        """
        if self._title:
            self._draw_title(figure, top)
        panels = self._panels(figure, top - self._title)
        measured: list[Draw] = [lambda axes: self._draw_wave(axes, envelope, peak)]
        measured += [] if self._small else [self._draw_level, self._draw_pitch]
        measured += [self._draw_probability]
        for axes, labels, name in zip(
            panels, (self._decisions, self._words), ("decisions", "text as\nit arrived"), strict=False
        ):
            labels.draw(axes)
            if labels.lanes:
                self._name_labels(axes, name, labels.left_out)
        self._draw_who(panels[2])
        for draw, axes in zip(measured, panels[3:], strict=True):
            draw(axes)
            self._shade_overlaps(axes)
        return panels[-1]

    def _draw_title(self, figure: Figure, top: float) -> None:
        height, width = figure.get_figheight(), figure.get_figwidth()
        title = f"{_clock(self._span.start)} to {_clock(self._span.end)}"
        figure.text(0.1 / width, top / height, title, va="top", fontsize=9.0, fontweight="bold", color=INK)
        line = [0.1 / width, 1.0 - 0.1 / width]
        level = (top + 0.05) / height
        figure.add_artist(Line2D(line, [level, level], color="#CCCCCC", linewidth=0.6))

    def _panels(self, figure: Figure, top: float) -> list[Axes]:
        width, total = figure.get_figwidth(), figure.get_figheight()
        panels: list[Axes] = []
        for height in self._heights:
            box = (LEFT / width, (top - height) / total, self._inches / width, max(height, 0.01) / total)
            axes = figure.add_axes(box)
            axes.set_xlim(*self._span)
            axes.tick_params(labelsize=TEXT_SIZE, colors=INK, labelbottom=False)
            axes.spines[["top", "right"]].set_visible(False)
            bins = max(int(self._inches * 1.5), 1)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 5, 10]))
            axes.set_visible(height > 0.0)
            panels.append(axes)
            top -= height + GAP if height else 0.0
        for axes in panels[3:]:
            axes.grid(axis="x", color="#E4E4E4", linewidth=0.6)
            axes.set_axisbelow(True)
        panels[-1].tick_params(labelbottom=True)
        return panels

    def _decision_labels(self) -> list[Label]:
        labels = []
        for event in self._events:
            if event.onset < self._span.start and event.onset >= self._result.span.start:
                continue  # its label is in the row before
            colour = PICTURE[event.kind]
            said = said_text(event, LONGEST_LABEL)
            if self._small:
                head = f"{event.overlap} {SIGNS[event.kind]} {said}".rstrip()
                labels.append(Label(event.onset, (LabelLine(head, colour, italic=said.startswith(GUESS)),)))
                continue
            head = f"{event.overlap} {event.kind} · {event.reason.replace('_', ' ')}"
            if event.kind is GateEventKind.CONFIRM:
                head += f" · {1000.0 * event.latency:.0f} ms"
            lines = [LabelLine(head, colour)]
            lines += [LabelLine(said, colour, italic=said.startswith(GUESS))] if said else []
            labels.append(Label(event.onset, tuple(lines)))
        return labels

    def _word_labels(self) -> list[Label]:
        # Finals choose their places first; interim text fills what room is left.
        ordered = sorted(self._result.transcripts, key=lambda transcript: (not transcript.final, transcript.at))
        return [
            Label(
                transcript.at,
                (
                    LabelLine(
                        f"▸{shortened_text(transcript.text, LONGEST_LABEL)}",
                        INK if transcript.final else FAINT,
                        italic=not transcript.final,
                    ),
                ),
            )
            for transcript in ordered
            if self._span.start <= transcript.at < self._span.end
        ]

    def _name_labels(self, axes: Axes, name: str, left_out: int) -> None:
        style: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "fontsize": TEXT_SIZE}
        axes.text(-0.1 / self._inches, 1.0, name, ha="right", color=INK, **style)
        if left_out:
            axes.text(1.0 + 0.08 / self._inches, 1.0, f"no room for\n{left_out} more", ha="left", color=FAINT, **style)

    def _draw_who(self, axes: Axes) -> None:
        axes.set_ylim(0.0, 2.0)
        axes.set_yticks([1.5, 0.5], labels=["agent speaks", "gate holds"])
        axes.tick_params(length=0, bottom=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        spans = [(span.start, span.end - span.start) for span in self._result.agent]
        axes.broken_barh(spans, (1.1, 0.8), color=AGENT)
        seconds_per_inch = (self._span.end - self._span.start) / self._inches
        onsets = [*(event.onset for event in self._events), math.inf]
        for event, next_onset in zip(self._events, onsets[1:], strict=True):
            width = max(event.latency, seconds_per_inch / 50.0)
            axes.broken_barh([(event.onset, width)], (0.1, 0.8), color=PICTURE[event.kind])
            number = str(event.overlap)
            wide = (0.09 * len(number) + 0.05) * seconds_per_inch
            fits = width > wide
            if not fits and next_onset < event.onset + width + wide:
                continue  # the label above has the number too
            axes.text(
                event.onset + (width / 2.0 if fits else width),
                0.46,
                number if fits else f" {number}",
                ha="center" if fits else "left",
                va="center",
                fontsize=TEXT_SIZE - 1.0,
                fontweight="bold",
                color="white" if fits else PICTURE[event.kind],
                clip_on=True,
            )

    def _draw_wave(self, axes: Axes, envelope: Envelope, peak: float) -> None:
        axes.set_ylim(-1.05 * peak, 1.05 * peak)
        for span in self._result.agent:
            axes.axvspan(span.start, span.end, color=AGENT, alpha=0.22, linewidth=0.0)
        axes.fill_between(envelope.times, envelope.lowest, envelope.highest, color=INK, linewidth=0.4, zorder=3)
        self._name(axes, "user's voice" if self._small else "user's voice\n(1 = full scale)")

    def _draw_level(self, axes: Axes) -> None:
        level, floor = self._trace.level, self._trace.floor
        axes.plot(self._trace.times, level, color=LEVEL, linewidth=0.9, zorder=3)
        axes.plot(self._trace.times, floor, color=FLOOR, linewidth=1.4, linestyle="--", zorder=3)
        measured = np.concatenate((level, floor, [-60.0, -20.0]))
        axes.set_ylim(max(float(measured.min()) - 3.0, -90.0), min(float(measured.max()) + 3.0, 0.0))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        self._name(axes, "level\n(dBFS)")
        self._key(axes, [("level", LEVEL, "-"), ("noise floor", FLOOR, "--")])

    def _draw_pitch(self, axes: Axes) -> None:
        axes.plot(
            self._trace.times, self._trace.pitch, linestyle="none", marker=".", markersize=3.0, color=INK, zorder=3
        )
        axes.set_yscale("log")
        axes.set_ylim(55.0, 540.0)
        axes.set_yticks([75, 150, 300], labels=["75", "150", "300"])
        axes.set_yticks([], minor=True)
        self._name(axes, "F0, pitch\n(Hz)")

    def _draw_probability(self, axes: Axes) -> None:
        threshold = probability_of(self._options.confirm_log_odds)
        axes.axhline(threshold, color=INK, linewidth=0.9, linestyle="--", zorder=2)
        axes.plot(
            self._trace.times,
            self._trace.probability,
            color=INK,
            linewidth=1.2,
            marker=".",
            markersize=2.5,
            zorder=3,
        )
        for event in self._events:
            self._draw_wait(axes, event)
            time = min(event.time, self._result.span.end)  # the last frame may reach past the recording
            if self._span.start <= time <= self._span.end:
                axes.plot(
                    [time],
                    [event.probability],
                    clip_on=False,
                    marker=MARKERS[event.kind],
                    markersize=5.5 if self._small else 7.0,
                    color=PICTURE[event.kind],
                    markeredgecolor="white",
                    markeredgewidth=0.8,
                    zorder=4,
                )
        axes.set_ylim(-0.05, 1.08)
        axes.set_yticks([0.0, 1.0] if self._small else [0.0, 0.5, 1.0])
        self._name(axes, "P(interrup-\ntion)" if self._small else "P(interruption)")
        axes.text(
            1.0 + 0.08 / self._inches,
            threshold,
            f"confirm from\n{threshold:.2f} on",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=TEXT_SIZE,
            color=INK,
        )

    def _draw_wait(self, axes: Axes, event: GateEvent) -> None:
        """Dot the time from the end of the hold to the decision, while more may come."""
        times, probability = self._trace.times, self._trace.probability
        held = np.flatnonzero((times > event.onset) & (times <= event.time) & np.isfinite(probability))
        if held.size:
            last = held[-1]
            axes.plot(
                [times[last], event.time],
                [probability[last], event.probability],
                color=FAINT,
                linewidth=0.8,
                linestyle=":",
                zorder=2,
            )

    def _shade_overlaps(self, axes: Axes) -> None:
        for event in self._events:
            speech_end = min(event.onset + event.speech_duration, self._result.span.end)
            colour = PICTURE[event.kind]
            if event.kind is GateEventKind.CANCEL:
                axes.axvspan(event.onset, speech_end, color=colour, alpha=0.22, linewidth=0.0)
                continue
            axes.axvspan(event.onset, event.time, color=colour, alpha=0.22, linewidth=0.0)
            axes.axvspan(event.time, self._end_of_speech(event), color=colour, alpha=0.45, linewidth=0.0)
            axes.axvline(event.time, color=colour, linewidth=1.2)

    def _end_of_speech(self, event: GateEvent) -> float:
        """Where the speech that was passed on at this decision ends, by the VAD."""
        options = self._options
        end = event.time
        after = (self._trace.times > event.time) & (self._trace.speech > options.deactivation_threshold)
        for time in self._trace.times[after]:
            if time - end > options.min_silence_duration:
                break
            end = float(time)
        return end

    def _name(self, axes: Axes, text: str) -> None:
        axes.set_ylabel(text, fontsize=TEXT_SIZE, color=INK)
        axes.yaxis.set_label_coords(-0.62 / self._inches, 0.5)

    def _key(self, axes: Axes, lines: Sequence[tuple[str, str, Literal["-", "--"]]]) -> None:
        """Name the lines beside the panel, where they cover nothing."""
        handles = [Line2D([], [], color=colour, linestyle=style, label=name) for name, colour, style in lines]
        axes.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize=TEXT_SIZE,
            handlelength=1.5,
            borderaxespad=0.3,
        )


def _clock(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def peak_of(envelopes: Sequence[Envelope]) -> float:
    """The highest peak, and no less than what shows as a line."""
    return max(0.01, *(envelope.peak for envelope in envelopes))

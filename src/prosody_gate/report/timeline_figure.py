"""One picture of a replay: what was said, what the gate measured and what it decided, on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from ..audio import AudioFile
from ..gate import GateEvent, GateEventKind, GateOptions, probability_of
from ..replay import ReplayResult
from .decision_table import PICTURE
from .json_report import Summary


class Envelope(NamedTuple):
    """Lowest and highest sample in each of [n] stretches of equal length."""

    times: npt.NDArray[np.float64]
    """Middle of each stretch, in seconds."""
    lowest: npt.NDArray[np.float32]
    """In [-1, 1]."""
    highest: npt.NDArray[np.float32]
    """In [-1, 1]."""


def read_envelope(recording: AudioFile, channel: int | None, *, points: int) -> Envelope:
    """Read the outline of one channel, block by block.

    Args:
        recording: An open recording.
        channel: From 0; None takes the mean of all.
        points: How many stretches, at least 1; a short recording has at most one a sample.

    Raises:
        AudioError: As `AudioFile.blocks`.
    """
    samples = max(1, round(recording.duration * recording.sample_rate))
    points = min(points, samples)
    # Stretch k ends before sample ends[k]; whole numbers, so that no sample falls between two.
    ends = (np.arange(1, points + 1) * samples) // points
    lowest = np.full(points, np.inf, np.float32)
    highest = np.full(points, -np.inf, np.float32)
    position = 0
    for block in recording.blocks(channel):
        first, last = np.searchsorted(ends, [position, position + block.size - 1], side="right")
        last = min(int(last), points - 1)
        starts = np.concatenate(([0], ends[first:last] - position))
        stretch = slice(first, last + 1)
        lowest[stretch] = np.minimum(lowest[stretch], np.minimum.reduceat(block, starts))
        highest[stretch] = np.maximum(highest[stretch], np.maximum.reduceat(block, starts))
        position += block.size
    known = np.isfinite(lowest)
    middles = (ends - samples / points / 2.0) / recording.sample_rate
    return Envelope(middles[known], lowest[known], highest[known])


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


DPI: Final = 110
LEAST_INCHES: Final = 15.0
"""Width of up to a minute; a longer recording gets as much for every minute, up to the greatest."""
GREATEST_INCHES: Final = 75.0
LEFT, RIGHT, TOP, BOTTOM = 1.0, 1.25, 1.0, 0.55
"""Margins, in inches."""
GAP: Final = 0.14
"""Between two panels, in inches."""

TEXT_SIZE: Final = 8.0
LINE_INCHES: Final = 0.155
"""Height of a line of that size."""
LONGEST_LABEL: Final = 36
"""Characters of what was said in one label."""
MOST_LANES: Final = 4

INK: Final = "#333333"
FAINT: Final = "#777777"
AGENT: Final = "#AFA8D0"
LEVEL: Final = "#0072B2"
FLOOR: Final = "#CC79A7"

DECIDED: Final = {
    GateEventKind.CONFIRM: "confirmed: the agent should stop",
    GateEventKind.CANCEL: "cancelled: the agent talks on",
    GateEventKind.RELEASE: "released: the agent had ended",
}
MARKERS: Final = {GateEventKind.CONFIRM: "v", GateEventKind.CANCEL: "o", GateEventKind.RELEASE: "D"}
"""A shape for each decision, for those who cannot go by colour."""

OTHER_SCRIPTS: Final = ("Noto Sans CJK JP", "Noto Sans Devanagari", "Noto Sans Telugu")
"""Fonts used, where they are installed, for letters that matplotlib's own does not have."""


@dataclass(frozen=True)
class _Labels:
    """Labels with their places."""

    texts: tuple[Text, ...]
    places: tuple[Placed | None, ...]
    lines: int
    """Lines of text in the highest label."""

    @property
    def lanes(self) -> int:
        return max((place.lane + 1 for place in self.places if place is not None), default=0)

    @property
    def inches(self) -> float:
        return self.lanes * (self.lines * LINE_INCHES + 0.08) if self.lanes else 0.0


class TimelineFigure:
    """Draws one replay.

    Args:
        result: What the gate did, with a trace.
        options: The options in force.
    """

    def __init__(self, result: ReplayResult, options: GateOptions) -> None:
        self._result = result
        self._options = options
        self._end = max(result.duration, 0.1)
        self._width = min(LEAST_INCHES * max(1.0, self._end / 60.0), GREATEST_INCHES)
        self._inner = self._width - LEFT - RIGHT
        self._times = np.array([point.time for point in result.trace])
        self._speech = np.array([point.speech_probability for point in result.trace])
        installed = {font.name for font in fontManager.ttflist}
        self._fonts = ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in installed)]
        self._measuring = FigureCanvasAgg(Figure(dpi=DPI))

    def draw(self, recording: AudioFile, user_channel: int | None, *, title: str | None = None) -> Figure:
        """Draw all panels.

        Args:
            recording: The open recording.
            user_channel: The channel that was replayed.
            title: Stands above the picture; the recording's name when None.

        Raises:
            AudioError: The recording cannot be read.
        """
        decisions, words = self._decision_labels(), self._word_labels()
        heights = [decisions.inches, words.inches, 0.42, 1.35, 1.15, 1.05, 1.35]
        figure, panels = self._panels(heights)
        decided, said, who, wave, level, pitch, probability = panels
        self._draw_labels(decided, decisions, "decisions")
        self._draw_labels(said, words, "text as\nit arrived")
        self._draw_who(who)
        self._draw_wave(wave, recording, user_channel)
        self._draw_level(level)
        self._draw_pitch(pitch)
        self._draw_probability(probability)
        for axes in (wave, level, pitch, probability):
            self._shade_overlaps(axes)
        self._draw_heading(figure, recording.path.name if title is None else title)
        return figure

    def _panels(self, heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
        total = sum(heights) + GAP * (len(heights) - 1) + TOP + BOTTOM
        figure = Figure(figsize=(self._width, total), dpi=DPI)
        panels: list[Axes] = []
        top = total - TOP
        for height in heights:
            box = (
                LEFT / self._width,
                (top - height) / total,
                self._inner / self._width,
                max(height, 0.01) / total,
            )
            axes = figure.add_axes(box)
            axes.set_xlim(0.0, self._end)
            axes.tick_params(labelsize=TEXT_SIZE, colors=INK, labelbottom=False)
            axes.spines[["top", "right"]].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=int(self._inner * 1.5), steps=[1, 2, 5, 10]))
            axes.set_visible(height > 0.0)
            panels.append(axes)
            top -= height + GAP
        for axes in panels[3:]:
            axes.grid(axis="x", color="#E4E4E4", linewidth=0.6)
            axes.set_axisbelow(True)
        panels[-1].tick_params(labelbottom=True)
        panels[-1].set_xlabel("time in the recording (s)", fontsize=TEXT_SIZE + 1, color=INK)
        return figure, panels

    def _decision_labels(self) -> _Labels:
        events = self._result.decisions
        texts = []
        for event in events:
            head = f"{event.overlap} {event.kind} · {event.reason.replace('_', ' ')}"
            if event.kind is GateEventKind.CONFIRM:
                head += f" · {1000.0 * event.latency:.0f} ms"
            lines = [head, f"“{_shortened(event.text)}”"] if event.text else [head]
            texts.append(self._text("\n".join(lines), color=PICTURE[event.kind]))
        most = 2 if any(event.text for event in events) else 1
        return self._placed(texts, [event.onset for event in events], lines=most)

    def _word_labels(self) -> _Labels:
        # Finals choose their places first; interim text fills what room is left.
        ordered = sorted(self._result.transcripts, key=lambda transcript: (not transcript.final, transcript.at))
        texts = [
            self._text(
                f"▸{_shortened(transcript.text)}",
                color=INK if transcript.final else FAINT,
                fontstyle="normal" if transcript.final else "italic",
            )
            for transcript in ordered
        ]
        return self._placed(texts, [transcript.at for transcript in ordered], lines=1)

    def _text(self, text: str, **style: Any) -> Text:
        return Text(
            0.0,
            0.0,
            text,
            fontsize=TEXT_SIZE,
            fontfamily=self._fonts,
            verticalalignment="top",
            parse_math=False,  # a "$" in what was said is a "$"
            **style,
        )

    def _placed(self, texts: Sequence[Text], anchors: Sequence[float], *, lines: int) -> _Labels:
        renderer = self._measuring.get_renderer()  # type: ignore[no-untyped-call]
        seconds_per_inch = self._end / self._inner
        widths = []
        for text in texts:
            text.set_figure(self._measuring.figure)
            widths.append(text.get_window_extent(renderer).width / DPI * seconds_per_inch)
        places = place_labels(anchors, widths, end=self._end, gap=0.08 * seconds_per_inch, lanes=MOST_LANES)
        return _Labels(tuple(texts), tuple(places), lines)

    def _draw_labels(self, axes: Axes, labels: _Labels, title: str) -> None:
        axes.set_axis_off()
        if not labels.lanes:
            return
        axes.set_ylim(labels.lanes, 0.0)
        for text, place in zip(labels.texts, labels.places, strict=True):
            if place is not None:
                axes.text(
                    place.left,
                    place.lane,
                    text.get_text(),
                    fontproperties=text.get_fontproperties(),
                    color=text.get_color(),
                    verticalalignment="top",
                    parse_math=False,
                )
        axes.text(
            -0.1 / self._inner,
            1.0,
            title,
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=TEXT_SIZE,
            color=INK,
        )

    def _draw_who(self, axes: Axes) -> None:
        axes.set_ylim(0.0, 2.0)
        axes.set_yticks([1.5, 0.5], labels=["agent speaks", "gate holds"])
        axes.tick_params(length=0, bottom=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        spans = [(span.start, span.end - span.start) for span in self._result.agent]
        axes.broken_barh(spans, (1.1, 0.8), color=AGENT)
        for event in self._result.decisions:
            width = max(event.latency, self._end / self._inner / 50.0)
            axes.broken_barh([(event.onset, width)], (0.1, 0.8), color=PICTURE[event.kind])
            number = str(event.overlap)
            fits = width / self._end * self._inner > 0.09 * len(number)
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

    def _draw_wave(self, axes: Axes, recording: AudioFile, user_channel: int | None) -> None:
        envelope = read_envelope(recording, user_channel, points=round(self._inner * DPI))
        peak = max(float(np.abs(envelope.lowest).max()), float(np.abs(envelope.highest).max()), 0.01)
        axes.set_ylim(-1.05 * peak, 1.05 * peak)
        for span in self._result.agent:
            axes.axvspan(span.start, span.end, color=AGENT, alpha=0.22, linewidth=0.0)
        axes.fill_between(envelope.times, envelope.lowest, envelope.highest, color=INK, linewidth=0.4, zorder=3)
        self._label(axes, "user's voice\n(1 = full scale)")

    def _draw_level(self, axes: Axes) -> None:
        level = np.array([point.level_dbfs for point in self._result.trace])
        floor = np.array([point.noise_floor_dbfs for point in self._result.trace])
        axes.plot(self._times, level, color=LEVEL, linewidth=0.9, zorder=3)
        axes.plot(self._times, floor, color=FLOOR, linewidth=1.4, linestyle="--", zorder=3)
        heard = np.concatenate((level, floor, [-60.0, -20.0]))
        axes.set_ylim(max(float(heard.min()) - 3.0, -90.0), min(float(heard.max()) + 3.0, 0.0))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        self._label(axes, "level\n(dBFS)")
        self._key(axes, [("level", LEVEL, "-"), ("noise floor", FLOOR, "--")])

    def _draw_pitch(self, axes: Axes) -> None:
        pitch = np.array([point.pitch_hz for point in self._result.trace])
        axes.plot(self._times, pitch, linestyle="none", marker=".", markersize=3.0, color=INK, zorder=3)
        axes.set_yscale("log")
        axes.set_ylim(55.0, 540.0)
        axes.set_yticks([75, 150, 300], labels=["75", "150", "300"])
        axes.set_yticks([], minor=True)
        self._label(axes, "F0, pitch\n(Hz)")

    def _draw_probability(self, axes: Axes) -> None:
        probability = np.array([point.probability for point in self._result.trace])
        threshold = probability_of(self._options.confirm_log_odds)
        axes.axhline(threshold, color=INK, linewidth=0.9, linestyle="--", zorder=2)
        axes.plot(self._times, probability, color=INK, linewidth=1.2, marker=".", markersize=2.5, zorder=3)
        for event in self._result.decisions:
            self._draw_wait(axes, event, probability)
            axes.plot(
                [min(event.time, self._end)],  # the last frame may reach past the recording
                [event.probability],
                clip_on=False,
                marker=MARKERS[event.kind],
                markersize=7.0,
                color=PICTURE[event.kind],
                markeredgecolor="white",
                markeredgewidth=0.8,
                zorder=4,
            )
        axes.set_ylim(-0.05, 1.08)
        axes.set_yticks([0.0, 0.5, 1.0])
        self._label(axes, "P(interruption)")
        axes.text(
            1.0 + 0.08 / self._inner,
            threshold,
            f"confirm from\n{threshold:.2f} on",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=TEXT_SIZE,
            color=INK,
        )

    def _draw_wait(self, axes: Axes, event: GateEvent, probability: npt.NDArray[np.float64]) -> None:
        """Dot the time from the end of the hold to the decision, while more may come."""
        held = np.flatnonzero((self._times > event.onset) & (self._times <= event.time) & np.isfinite(probability))
        if held.size:
            last = held[-1]
            axes.plot(
                [self._times[last], event.time],
                [probability[last], event.probability],
                color=FAINT,
                linewidth=0.8,
                linestyle=":",
                zorder=2,
            )

    def _shade_overlaps(self, axes: Axes) -> None:
        for event in self._result.decisions:
            speech_end = min(event.onset + event.speech_duration, self._end)
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
        after = (self._times > event.time) & (self._speech > options.deactivation_threshold)
        for time in self._times[after]:
            if time - end > options.min_silence_duration:
                break
            end = float(time)
        return end

    def _draw_heading(self, figure: Figure, name: str) -> None:
        height = figure.get_figheight()
        left = LEFT / self._width
        figure.text(
            left,
            1.0 - 0.14 / height,
            name,
            va="top",
            fontsize=12.0,
            fontweight="bold",
            color=INK,
            fontfamily=self._fonts,
            parse_math=False,
        )
        figure.text(left, 1.0 - 0.37 / height, Summary.of(self._result).sentence, va="top", fontsize=9.0, color=INK)
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

    def _label(self, axes: Axes, text: str) -> None:
        axes.set_ylabel(text, fontsize=TEXT_SIZE, color=INK)
        axes.yaxis.set_label_coords(-0.62 / self._inner, 0.5)

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


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"

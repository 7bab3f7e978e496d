"""The recordings of a search in one process, evaluated under any options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..bench import AMBIGUOUS, Call, Clip, SkippedLine, best_label
from ..errors import AudioError
from ..gate import GateEvent, GateEventKind, GateOptions
from ..replay import ALWAYS, Span
from .caches import CachedStream
from .folds import TuningEvent
from .front_end import FrontEnd, TuneSettings
from .search_space import loosest


@dataclass(frozen=True)
class Evaluation:
    """What a gate with one set of options decided on some recordings."""

    confirmed: tuple[float | None, ...]
    """Seconds from each event's onset to its confirm; None where it was not confirmed."""
    unlabelled: tuple[tuple[str, int], ...]
    """Confirmed overlaps that nobody labelled: group and number, by recording."""


@dataclass(frozen=True)
class _Label:
    """A part of a stream that somebody labelled."""

    span: Span
    event: TuningEvent | None
    """None of what is ambiguous: not scored."""


@dataclass(frozen=True)
class _Recording:
    """A stream and what is in it."""

    group: str
    stream: CachedStream
    labels: tuple[_Label, ...]


WHOLE: Final = ALWAYS
"""A clip is alone in its scene: all that is confirmed there is its."""


class Recordings:
    """Some of a manifest's recordings with their front end.

    Args:
        items: The recordings.
        settings: What no trial changes.
        source: Name of the manifest, for errors.
        progress: Called with the number of recordings prepared so far.

    Raises:
        ModelError: A model is missing or damaged.
    """

    def __init__(
        self,
        items: Sequence[Clip | Call],
        settings: TuneSettings,
        source: str,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._front_end = FrontEnd(settings)
        self._source = source
        self._recordings: list[_Recording] = []
        self.skipped: list[SkippedLine] = []
        """Recordings that cannot be used."""
        for done, item in enumerate(items):
            if progress is not None:
                progress(done)
            self.add(item)

    def add(self, item: Clip | Call) -> None:
        """Prepare one more recording."""
        try:
            stream = self._front_end.stream(item)
        except AudioError as error:
            self.skipped.append(SkippedLine(item.line, f"{self._source}:{item.line}: {error}"))
            return
        labels = _labels_of(item, stream, self._front_end.settings.start)
        self._recordings.append(_Recording(item.group, stream, labels))

    @property
    def events(self) -> tuple[TuningEvent, ...]:
        """What is scored, in the order of `Evaluation.confirmed`."""
        return tuple(
            label.event for recording in self._recordings for label in recording.labels if label.event is not None
        )

    def evaluate(self, options: GateOptions) -> Evaluation:
        """What a gate with these options does to all events."""
        confirmed: list[float | None] = []
        unlabelled: list[tuple[str, int]] = []
        for recording in self._recordings:
            confirms = [event for event in recording.stream.play(options) if event.kind is GateEventKind.CONFIRM]
            first: dict[int, GateEvent] = {}
            without_label = 0
            for onset, place in _places(recording, options, confirms).items():
                if place is None:
                    without_label += 1
                    continue
                confirm = min((one for one in confirms if one.onset == onset), key=lambda one: one.time)
                if place not in first or confirm.time < first[place].time:
                    first[place] = confirm
            for place, label in enumerate(recording.labels):
                if label.event is not None:
                    confirmed.append(_since_onset(label.event, first.get(place)))
            unlabelled.append((recording.group, without_label))
        return Evaluation(tuple(confirmed), tuple(unlabelled))


def _places(recording: _Recording, options: GateOptions, confirms: Sequence[GateEvent]) -> dict[float, int | None]:
    """The label that each confirmed overlap belongs to, by the overlap's onset; None where it belongs to none."""
    onsets = {confirm.onset for confirm in confirms}
    if recording.labels[0].span == WHOLE:
        return dict.fromkeys(onsets, 0)
    overlaps = [overlap for overlap in recording.stream.overlaps(options) if overlap.start in onsets]
    spans = [label.span for label in recording.labels]
    return {overlap.start: best_label(overlap, spans) for overlap in overlaps}


def _since_onset(event: TuningEvent, confirm: GateEvent | None) -> float | None:
    if confirm is None:
        return None
    onset = confirm.onset if event.onset is None else event.onset
    return max(confirm.time - onset, 0.0)


def _labels_of(item: Clip | Call, stream: CachedStream, start: GateOptions) -> tuple[_Label, ...]:
    if isinstance(item, Clip):
        spans = [(WHOLE, item.label, item.set, item.name)]
    else:
        spans = [
            (Span(event.start, event.end), event.label, event.set, f"{item.name} {event.start:g}-{event.end:g}")
            for event in item.events
        ]
    labelled = [span for span, *_ in spans]
    onsets: dict[int, float] = {}
    # The loosest options find speech where those at the start find none.
    for options in (loosest(start), start):
        found: dict[int, float] = {}
        for overlap in stream.overlaps(options):
            place = 0 if isinstance(item, Clip) else best_label(overlap, labelled)
            if place is not None:
                found[place] = min(overlap.start, found.get(place, overlap.start))
        onsets |= found
    return tuple(
        _Label(
            span,
            None
            if label == AMBIGUOUS
            else TuningEvent(
                name=name, line=item.line, label=label, set=set_name, group=item.group, onset=onsets.get(place)
            ),
        )
        for place, (span, label, set_name, name) in enumerate(spans)
    )

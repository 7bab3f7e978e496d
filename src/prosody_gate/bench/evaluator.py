"""Evaluates the gate and all baselines on one item."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Protocol

from ..errors import OptionError
from ..gate import GateEventKind, GateOptions
from ..gate_factory import GateFactory
from ..listener import CachedListener, Listener, ListenerSteps, SharedListener, frames_then_silence
from ..replay import ALWAYS, Span
from ..vad import DetectorName
from .item_stream import ItemStream, ItemStreamReader
from .items import AMBIGUOUS, Call, Clip, Item, LabelledEvent, WordOverlap
from .outcome import Decision, ItemOutcome, Outcome, Verdict, verdict_of
from .rules import Baseline
from .scene import SceneOptions


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """All that decides a benchmark's figures, besides the manifest and the gates."""

    options: GateOptions = field(default_factory=GateOptions)
    """Options of the gate; their VAD thresholds find the overlaps for every system."""
    vad: DetectorName = "silero"
    """What finds speech."""
    input_gain_db: float = 0.0
    """How much louder than recorded every system gets the user, in dB."""
    echo_guard: bool = False
    """Whether what is on the agent's channel of a call is cancelled in the user's."""
    scene: SceneOptions = field(default_factory=SceneOptions)
    """How clips are made harder."""
    interim_lag: float | None = 0.3
    """Seconds from a word's end to its interim transcript, for overlaps; None for no transcripts at all."""
    sweep: tuple[float, ...] = ()
    """Sensitivities to run the gate at besides its own, 0 to 1."""

    def __post_init__(self) -> None:
        if self.interim_lag is not None and not 0.0 <= self.interim_lag <= 5.0:
            raise OptionError(f"interim_lag: expected a number from 0 to 5, got {self.interim_lag:g}")
        for value in self.sweep:
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise OptionError(f"sweep: expected sensitivities from 0 to 1, got {value:g}")

    @property
    def sensitivities(self) -> tuple[float, ...]:
        """The points of the sweep in ascending order, the sensitivity in force among them; empty without a sweep."""
        return tuple(sorted({*self.sweep, self.options.sensitivity})) if self.sweep else ()

    def reader(self) -> ItemStreamReader:
        """What makes the streams of the items.

        Raises:
            AudioError: The noise for the scenes cannot be read.
        """
        return ItemStreamReader(
            self.options,
            vad=self.vad,
            input_gain_db=self.input_gain_db,
            echo_guard=self.echo_guard,
            scene=self.scene,
            interim_lag=self.interim_lag,
        )

    def to_dict(self, kind: str) -> dict[str, Any]:
        """The settings that count for one kind of manifest, as JSON-ready values."""
        settings: dict[str, Any] = {"options": self.options.model_dump()}
        if kind == "overlaps":
            settings["interim_lag"] = self.interim_lag
        else:
            settings["vad"] = self.vad
            settings["input_gain_db"] = self.input_gain_db
        if kind == "calls" and self.echo_guard:
            settings["echo_guard"] = True
        if kind == "clips":
            settings["scene"] = self.scene.to_dict()
        return settings


GATE: Final = "gate"
"""The gate's name among the systems."""

LABEL_TOLERANCE: Final = 0.3
"""Seconds by which a person's label and the VAD may disagree about where a sound begins or ends."""


class ItemGates(Protocol):
    """Gives the gates of each item, in the process that evaluates it; it must be possible to pickle.

    Cross-validation gives each item gates whose evidence was fitted without the item's `group`.
    """

    def __call__(self, item: Item) -> GateFactory:
        """What makes the gates of one item.

        Args:
            item: What they are for.
        """
        ...


class _Decisions(NamedTuple):
    """All systems' decisions over one stream."""

    systems: dict[str, list[Decision]]
    sweep: dict[float, list[Decision]]


class Evaluator:
    """Runs the gate and all baselines over items, one by one, each as a call of its own.

    Args:
        settings: What the benchmark is run with.
        gates: Makes the gates of all items, or gives what makes those of each. Its options are not used: those of the
            settings are.
        baselines: What the gate is compared with.

    Raises:
        AudioError: The noise for the scenes cannot be read.
    """

    def __init__(self, settings: BenchSettings, gates: GateFactory | ItemGates, baselines: Sequence[Baseline]) -> None:
        self._settings = settings
        self._gates = gates
        self._baselines = tuple(baselines)
        self._reader = settings.reader()

    def evaluate(self, item: Item) -> ItemOutcome:
        """Every system's verdict on one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        stream = self._reader.read(item)
        decisions = self._decide(item, stream)
        if isinstance(item, Call):
            return _outcome_of_call(item, stream, decisions)
        return ItemOutcome(item.line, (_outcome(item, stream.overlaps, decisions),))

    def _decide(self, item: Item, stream: ItemStream) -> _Decisions:
        options = self._settings.options
        gates = self._gates if isinstance(self._gates, GateFactory) else self._gates(item)
        listener = self._listeners(gates, stream)
        systems = {GATE: _gate_decisions(gates, options, stream, listener)}
        for baseline in self._baselines:
            if stream.transcribed or not baseline.needs_transcripts:
                systems[baseline.name] = baseline.decide(stream)
        sweep = {
            sensitivity: (
                systems[GATE]
                if sensitivity == options.sensitivity
                else _gate_decisions(gates, options.replace(sensitivity=sensitivity), stream, listener)
            )
            for sensitivity in self._settings.sensitivities
        }
        return _Decisions(systems, sweep)

    def _listeners(self, gates: GateFactory, stream: ItemStream) -> Callable[[], Listener | None]:
        """Makes the listener of each gate; those of a sweep share what one decoder recognises."""
        frames = stream.frames
        if frames is None:
            return lambda: None
        if not self._settings.sweep:
            return gates.make_listener
        if not stream.overlaps or (true_listener := gates.make_listener(replays=True)) is None:
            return lambda: None
        decoder, root, frame_at = SharedListener(lambda: true_listener), ListenerSteps(), frames_then_silence(frames)
        return lambda: CachedListener(root, decoder, frame_at)


def _gate_decisions(
    gates: GateFactory, options: GateOptions, stream: ItemStream, listener: Callable[[], Listener | None]
) -> list[Decision]:
    if not stream.overlaps:
        return []
    gate = gates.gate(options=options, listener=listener(), expects_transcripts=stream.transcribed)
    holds: dict[int, float] = {}
    decisions = []
    for event in stream.drive(gate):
        if event.kind is GateEventKind.HOLD:
            holds[event.overlap] = event.time
            continue
        decisions.append(
            Decision(
                event.onset,
                event.time,
                confirm=event.kind is GateEventKind.CONFIRM,
                reason=event.reason,
                probability=event.probability,
                evidence=dict(event.evidence),
                transcript=event.transcript,
                recognised=event.recognised,
                held=holds[event.overlap],
                cancel=event.kind is GateEventKind.CANCEL,
            )
        )
    return decisions


def _outcome_of_call(call: Call, stream: ItemStream, decisions: _Decisions) -> ItemOutcome:
    agent, overlaps = stream.agent, stream.overlaps
    spoken_over = [_spoken_over(event, agent) for event in call.events]
    matched = [best_label(overlap, call.events) for overlap in overlaps]
    outcomes = []
    for place, event in enumerate(call.events):
        spoken = spoken_over[place]
        if event.label == AMBIGUOUS or spoken is None:
            continue
        own = [overlap for overlap, match in zip(overlaps, matched, strict=True) if match == place]
        name = f"{call.name} {event.start:g}-{event.end:g}"
        as_clip = Clip(call.line, name, call.group, event.label, event.set, call.audio, kind=event.kind)
        outcome = _outcome(as_clip, own, decisions, _under(own, agent) or spoken)
        outcomes.append(replace(outcome, labelled=Span(event.start, event.end)))
    unlabelled = {overlap.start for overlap, match in zip(overlaps, matched, strict=True) if match is None}
    return ItemOutcome(
        call.line,
        tuple(outcomes),
        agent_speech=sum(min(span.end, stream.duration) - span.start for span in agent if span.start < stream.duration),
        outside=sum(
            event.label != AMBIGUOUS and span is None for event, span in zip(call.events, spoken_over, strict=True)
        ),
        unlabelled={
            system: len({one.onset for one in made if one.confirm and one.onset in unlabelled})
            for system, made in decisions.systems.items()
        },
    )


def _outcome(
    item: Clip | WordOverlap, overlaps: Sequence[Span], decisions: _Decisions, spoken_over: Span = ALWAYS
) -> Outcome:
    onsets = frozenset(overlap.start for overlap in overlaps)
    onset = min(onsets, default=None)

    def verdict(made: Sequence[Decision]) -> Verdict:
        return verdict_of([one for one in made if one.onset in onsets], onset)

    return Outcome(
        name=item.name,
        line=item.line,
        label=item.label,
        set=item.set,
        kind=item.kind,
        onset=onset,
        agent_left=None if onset is None or spoken_over == ALWAYS else max(spoken_over.end - onset, 0.0),
        verdicts={system: verdict(made) for system, made in decisions.systems.items()},
        sweep={sensitivity: verdict(made) for sensitivity, made in decisions.sweep.items()},
    )


def _spoken_over(event: LabelledEvent, agent: Sequence[Span]) -> Span | None:
    """What the agent said when an event came: the last it began while the event went on; None for silence."""
    during = [span for span in agent if span.start < event.end and span.end > event.start - LABEL_TOLERANCE]
    return during[-1] if during else None


def _under(overlaps: Sequence[Span], agent: Sequence[Span]) -> Span | None:
    """What the agent said when the first of the overlaps began; None without overlaps."""
    first = min((overlap.start for overlap in overlaps), default=None)
    return next((span for span in agent if first is not None and span.start <= first < span.end), None)


def best_label(overlap: Span, labels: Sequence[Span | LabelledEvent]) -> int | None:
    """The place of the label whose span an overlap shares most with; None when it shares nothing with any."""
    shared = [
        min(overlap.end, label.end + LABEL_TOLERANCE) - max(overlap.start, label.start - LABEL_TOLERANCE)
        for label in labels
    ]
    best = max(range(len(shared)), key=lambda place: shared[place])
    return best if shared[best] > 0.0 else None

"""Lets every system judge one item."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES, AudioFile, amplified
from ..errors import AudioError, OptionError
from ..gate import Gate, GateEvent, GateEventKind, GateOptions, Transcript
from ..listener import CachedListener, ListenerSteps, SharedListener, frames_then_silence
from ..replay import ALWAYS, Span, read_frames, replay_words, spans_of_channel
from ..vad import DetectorName, SpeechDetector, create_detector
from .gate_factory import GateFactory
from .heard import Decision, Heard
from .items import AMBIGUOUS, Call, Clip, LabelledEvent, WordOverlap
from .manifest import Item
from .outcome import ItemOutcome, Outcome, Verdict
from .rules import Baseline
from .scene import LEAD_IN, SceneMaker, SceneOptions


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """All that decides a benchmark's figures, besides the manifest and the gates."""

    options: GateOptions = field(default_factory=GateOptions)
    """Options of the gate; their VAD thresholds find the overlaps for every system."""
    vad: DetectorName = "silero"
    """What tells speech."""
    input_gain_db: float = 0.0
    """How much louder than recorded every system hears the user, in dB."""
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

    def to_dict(self, kind: str) -> dict[str, Any]:
        """The settings that count for one kind of manifest, as JSON-ready values."""
        settings: dict[str, Any] = {"options": self.options.model_dump()}
        if kind == "overlaps":
            settings["interim_lag"] = self.interim_lag
        else:
            settings["vad"] = self.vad
            settings["input_gain_db"] = self.input_gain_db
        if kind == "clips":
            settings["scene"] = self.scene.to_dict()
        return settings


GATE: Final = "gate"
"""The gate's name among the systems."""

LABEL_TOLERANCE: Final = 0.3
"""Seconds by which a person's label and the VAD may disagree about where a sound begins or ends."""

Frames = Iterable[npt.NDArray[np.float32]]
RunGate = Callable[[Gate], list[GateEvent]]


class _Judged(NamedTuple):
    """All systems' decisions over one stream."""

    systems: dict[str, list[Decision]]
    sweep: dict[float, list[Decision]]


class Judge:
    """Judges items one by one, each as a call of its own.

    Args:
        settings: What the benchmark is run with.
        gates: Makes the gate of each item.
        baselines: What the gate is compared with.

    Raises:
        AudioError: The noise for the scenes cannot be read.
    """

    def __init__(self, settings: BenchSettings, gates: GateFactory, baselines: Sequence[Baseline]) -> None:
        self._settings = settings
        self._gates = gates
        self._baselines = tuple(baselines)
        self._scenes = SceneMaker(settings.scene)
        self._detector: SpeechDetector | None = None

    def judge(self, item: Item) -> ItemOutcome:
        """Every system's verdict on one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        if isinstance(item, Clip):
            return self._clip(item)
        return self._call(item) if isinstance(item, Call) else self._overlap(item)

    def _clip(self, clip: Clip) -> ItemOutcome:
        scene = amplified(self._scenes.make(clip), self._settings.input_gain_db)
        count = len(scene) // FRAME_SAMPLES
        frames = scene[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
        probabilities = self._probabilities(frames)
        heard = Heard.of(probabilities, (ALWAYS,), clip.transcripts_at(LEAD_IN), self._settings.options)
        remember = _Remembered(frames).attach_to if self._settings.sweep else None

        def run(gate: Gate) -> list[GateEvent]:
            if remember is not None:
                remember(gate)
            return heard.drive(gate, frames)

        judged = self._all(clip, heard, run)
        return ItemOutcome(clip.line, (_outcome(clip, heard.overlaps, judged),))

    def _overlap(self, item: WordOverlap) -> ItemOutcome:
        settings = self._settings
        recorder = _Recorder()
        # The very stream that the gate is given below.
        replay_words(item.words, cast(Gate, recorder), interim_lag=settings.interim_lag)
        said = None if settings.interim_lag is None else recorder.transcripts
        heard = Heard.of(recorder.probabilities, (ALWAYS,), said, settings.options)

        def run(gate: Gate) -> list[GateEvent]:
            events = replay_words(item.words, gate, interim_lag=settings.interim_lag)
            if gate.failure is not None:
                raise gate.failure
            return events

        judged = self._all(item, heard, run)
        return ItemOutcome(item.line, (_outcome(item, heard.overlaps, judged),))

    def _call(self, call: Call) -> ItemOutcome:
        with AudioFile(call.audio) as recording:
            for channel in (call.user_channel, call.agent_channel):
                recording.blocks(channel)  # says at once that a channel is not there
            if call.user_channel == call.agent_channel:
                raise AudioError(f"{call.audio}: user_channel and agent_channel are both {call.user_channel}")
            agent = call.agent
            if call.agent_channel is not None:
                agent = spans_of_channel(read_frames(recording, call.agent_channel), self._fresh_detector())

            def frames() -> Iterable[npt.NDArray[np.float32]]:
                gain_db = self._settings.input_gain_db
                return (amplified(frame, gain_db) for frame in read_frames(recording, call.user_channel))

            probabilities = self._probabilities(frames())
            heard = Heard.of(probabilities, agent, call.transcripts, self._settings.options)
            judged = self._all(call, heard, lambda gate: heard.drive(gate, frames()))
            duration = recording.duration
        spoken_over = [_spoken_over(event, agent) for event in call.events]
        matched = [best_label(overlap, call.events) for overlap in heard.overlaps]
        outcomes = []
        for place, event in enumerate(call.events):
            spoken = spoken_over[place]
            if event.label == AMBIGUOUS or spoken is None:
                continue
            own = [overlap for overlap, match in zip(heard.overlaps, matched, strict=True) if match == place]
            name = f"{call.name} {event.start:g}-{event.end:g}"
            as_clip = Clip(call.line, name, call.group, event.label, event.set, call.audio)
            outcomes.append(_outcome(as_clip, own, judged, _under(own, agent) or spoken))
        strangers = {overlap.start for overlap, match in zip(heard.overlaps, matched, strict=True) if match is None}
        unlabelled = {
            system: len({one.onset for one in decisions if one.confirm and one.onset in strangers})
            for system, decisions in judged.systems.items()
        }
        agent_speech = sum(min(span.end, duration) - span.start for span in agent if span.start < duration)
        outside = sum(
            event.label != AMBIGUOUS and span is None for event, span in zip(call.events, spoken_over, strict=True)
        )
        return ItemOutcome(call.line, tuple(outcomes), agent_speech, outside, unlabelled)

    def _all(self, item: Item, heard: Heard, run: RunGate) -> _Judged:
        options = self._settings.options
        systems = {GATE: self._gate_decisions(item, options, heard, run)}
        for baseline in self._baselines:
            if heard.transcribed or not baseline.needs_transcripts:
                systems[baseline.name] = baseline.decide(heard)
        sweep = {
            sensitivity: (
                systems[GATE]
                if sensitivity == options.sensitivity
                else self._gate_decisions(item, options.replace(sensitivity=sensitivity), heard, run)
            )
            for sensitivity in self._settings.sweep
        }
        return _Judged(systems, sweep)

    def _gate_decisions(self, item: Item, options: GateOptions, heard: Heard, run: RunGate) -> list[Decision]:
        if not heard.overlaps:
            return []
        gate = self._gates(item, options, expects_transcripts=heard.transcribed)
        holds: dict[int, float] = {}
        decisions = []
        for event in run(gate):
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
                    text=event.text,
                    held=holds[event.overlap],
                    cancel=event.kind is GateEventKind.CANCEL,
                )
            )
        return decisions

    def _probabilities(self, frames: Frames) -> list[float]:
        detector = self._fresh_detector()
        return [detector.frame_probability(frame) for frame in frames]

    def _fresh_detector(self) -> SpeechDetector:
        if self._detector is None:
            self._detector = create_detector(self._settings.vad)
        self._detector.reset()
        return self._detector


class _Remembered:
    """Lets all gates of a sweep over one clip share what one listener hears: no option changes what was said."""

    def __init__(self, frames: npt.NDArray[np.float32]) -> None:
        self._frame_at = frames_then_silence(frames)
        self._root = ListenerSteps()
        self._decoder: SharedListener | None = None

    def attach_to(self, gate: Gate) -> None:
        """Put the memory between a fresh gate and its listener."""
        listener = gate.listener
        if listener is None:
            return
        if self._decoder is None:
            self._decoder = SharedListener(lambda: listener)
        self._decoder.lose_place()  # a factory may hand out one listener again and again
        gate._listener = CachedListener(self._root, self._decoder, self._frame_at)


class _Recorder:
    """Takes a gate's place to write down what a gate would be given."""

    def __init__(self) -> None:
        self.probabilities: list[float] = []
        self.transcripts: list[Transcript] = []

    def agent_started(self, _time: float) -> list[GateEvent]:
        return []

    def push_transcript(self, transcript: Transcript) -> list[GateEvent]:
        self.transcripts.append(transcript)
        return []

    def push(self, _frame: None, probability: float) -> list[GateEvent]:
        self.probabilities.append(probability)
        return []

    def close(self) -> list[GateEvent]:
        return []


def _outcome(
    item: Clip | WordOverlap, overlaps: Sequence[Span], judged: _Judged, spoken_over: Span = ALWAYS
) -> Outcome:
    onsets = frozenset(overlap.start for overlap in overlaps)
    onset = min(onsets, default=None)

    def verdict(decisions: Sequence[Decision]) -> Verdict:
        return verdict_of([one for one in decisions if one.onset in onsets], onset)

    return Outcome(
        name=item.name,
        line=item.line,
        label=item.label,
        set=item.set,
        onset=onset,
        agent_left=None if onset is None or spoken_over == ALWAYS else max(spoken_over.end - onset, 0.0),
        verdicts={system: verdict(decisions) for system, decisions in judged.systems.items()},
        sweep={sensitivity: verdict(decisions) for sensitivity, decisions in judged.sweep.items()},
    )


def verdict_of(decisions: Sequence[Decision], onset: float | None) -> Verdict:
    """Sum up one system's decisions about the overlaps of one event.

    The first confirm counts; without one the event is decided when the last of its overlaps is cancelled.

    Args:
        decisions: In stream order.
        onset: Of the first overlap; None when there was none.
    """
    if onset is None or not decisions:
        return Verdict()
    holds = [one.held for one in decisions if one.held is not None]
    confirms = [one for one in decisions if one.confirm]
    counts = min(confirms, key=lambda one: one.time) if confirms else max(decisions, key=lambda one: one.time)
    return Verdict(
        confirmed=counts.time - onset if counts.confirm else None,
        decided=counts.time - onset if counts.confirm or counts.cancel else None,
        held=min(holds) - onset if holds else None,
        reason=counts.reason,
        probability=counts.probability,
        evidence=counts.evidence,
        text=counts.text,
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
    """The place of the labelled stretch that an overlap shares most with; None when it shares nothing with any."""
    shared = [
        min(overlap.end, label.end + LABEL_TOLERANCE) - max(overlap.start, label.start - LABEL_TOLERANCE)
        for label in labels
    ]
    best = max(range(len(shared)), key=lambda place: shared[place])
    return best if shared[best] > 0.0 else None

"""What comes before the gate's decisions, kept for all trials: VAD, prosody, voice network, listener."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bench import Call, Clip, ItemStream, ItemStreamReader, SceneOptions
from ..evidence import EvidenceSource, EvidenceWeights, Observation, VoiceEvidence, VoiceReading, default_sources
from ..gate import GateEvent, GateOptions
from ..gate_factory import GateFactory
from ..listener import CachedListener, ListenerSteps, SharedListener, frames_then_silence
from ..prosody import Pitch, PitchTracker, ProsodyAnalyzer, ProsodyFrame
from ..replay import Span
from ..vad import DetectorName


class CachedStream:
    """A stream that gates with any options can be driven over, each with the events that it would give live.

    The gate itself runs anew for each set of options; speech probabilities, measured frames, the voice network's
    output and the listener's words come from memory. What an option does change (where an overlap begins, when the
    listener has to stop) is computed when it first occurs.

    Args:
        front_end: Of this process.
        stream: An item with audio; kept.
    """

    def __init__(self, front_end: FrontEnd, stream: ItemStream) -> None:
        assert stream.frames is not None
        self._front_end = front_end
        self.stream = stream
        """What the gates get."""
        self._analyzer = front_end.settings.gates.make_analyzer(partial(CachedAnalyzer, MeasuredFrames()))
        self._voice = VoiceRuns()
        self._steps = ListenerSteps()
        self._frame_at = frames_then_silence(stream.frames)

    def play(self, options: GateOptions) -> list[GateEvent]:
        """The events of a gate with these options.

        Raises:
            Exception: Whatever made the gate fail.
        """
        front_end = self._front_end
        self._analyzer.reset()
        front_end.voice.runs = self._voice
        decoder = front_end.decoder
        gate = front_end.settings.gates.gate(
            options=options,
            listener=None if decoder is None else CachedListener(self._steps, decoder, self._frame_at),
            sources=front_end.sources,
            analyzer=self._analyzer,
            expects_transcripts=self.stream.transcribed,
        )
        return self.stream.drive(gate)

    def overlaps(self, options: GateOptions) -> list[Span]:
        """User speech that begins while the agent speaks, as these options find it."""
        return self.stream.with_options(options).overlaps


@dataclass(slots=True)
class VoiceRuns:
    """What the network made of one stream's overlaps, by their first frame's time and the frames before the onset."""

    by_start: dict[tuple[float, int, int], CachedReading] = field(default_factory=dict)


class CachedVoice(VoiceEvidence):
    """Gives what the voice evidence would give: no option changes the network's output for the same frames.

    Set `runs` to those of the stream at hand before a replay.

    Args:
        weights: The fitted weights.
    """

    def __init__(self, weights: EvidenceWeights) -> None:
        self.runs = VoiceRuns()
        super().__init__(weights)

    def _new_reading(self) -> VoiceReading:
        return _ReadingByStart(self.runs, super()._new_reading)


class CachedReading:
    """The log-odds over the frames from one first frame on, as far as they were asked for.

    Args:
        reading: Reads what nobody asked for before.
    """

    def __init__(self, reading: VoiceReading) -> None:
        self._reading = reading
        self._log_odds: list[float] = []

    def log_odds(self, observation: Observation, index: int) -> float:
        """Of one frame; all frames before it were asked for earlier."""
        if index == len(self._log_odds):
            self._log_odds.append(self._reading.log_odds(observation, index))
        return self._log_odds[index]


class _ReadingByStart(VoiceReading):
    """Finds the cached reading of an overlap at its first frame."""

    def __init__(self, runs: VoiceRuns, make: Callable[[], VoiceReading]) -> None:
        self._runs = runs
        self._make = make
        self._cached: CachedReading | None = None

    def log_odds(self, observation: Observation, index: int) -> float:
        """Of one frame, from memory where it is known."""
        if self._cached is None:
            by_start = self._runs.by_start
            # An option may move the onset while the look back begins at the same frame.
            start = (observation.frames[0].time, observation.lead_frames, observation.audio_lead_frames)
            if start not in by_start:
                by_start[start] = CachedReading(self._make())
            self._cached = by_start[start]
        return self._cached.log_odds(observation, index)


@dataclass(slots=True)
class MeasuredFrames:
    """What is known of the frames of one stream, by their number from 0."""

    frames: dict[int, ProsodyFrame] = field(default_factory=dict)
    pitches: dict[int, Pitch] = field(default_factory=dict)


class CachedAnalyzer(ProsodyAnalyzer):
    """Gives what a fresh analyzer would give, from memory where it can.

    No option of the gate changes what a frame sounds like. It only decides which frames are the user's own turn, and
    so the norms that pitch and level are compared with: those are always computed anew.

    Args:
        known: What earlier replays of the same stream, from the same starting point, have measured; added to.
        **start: As for `ProsodyAnalyzer`.
    """

    def __init__(self, known: MeasuredFrames, **start: Any) -> None:
        super().__init__(**start)
        self._known = known
        self._pitch = self._tracker = _CachedTracker(known.pitches)

    def learn(self) -> None:
        """Update the user's norms with the newest frame."""
        self._tracker.frame = self._frames - 1
        super().learn()

    def _measure(self, age: int) -> ProsodyFrame:
        number = self._frames - 1 - age
        known = self._known.frames.get(number)
        if known is None:
            self._tracker.frame = number
            known = self._known.frames[number] = super()._measure(age)
            return known
        self._semitones.append(12.0 * math.log2(known.pitch_hz) if known.voiced else math.nan)
        return replace(
            known,
            pitch_semitones=self.speaker_norm.semitones(known.pitch_hz) if known.voiced else math.nan,
            pitch_slope=self._slope(),
            relative_level_db=self.speaker_norm.relative_level_db(known.level_dbfs),
        )


class _CachedTracker(PitchTracker):
    """Looks up the pitch of the frame it is set to."""

    def __init__(self, known: dict[int, Pitch]) -> None:
        super().__init__()
        self._known = known
        self.frame = 0

    def track(self, samples: npt.NDArray[np.float32]) -> Pitch:
        pitch = self._known.get(self.frame)
        if pitch is None:
            pitch = self._known[self.frame] = super().track(samples)
        return pitch


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """All that no trial changes; it can be pickled."""

    gates: GateFactory = field(default_factory=GateFactory)
    """Phrases, profile and listener of all gates; the search starts from its options, and its result is compared with
    those."""
    vad: DetectorName = "silero"
    """What finds speech."""
    scene: SceneOptions = field(default_factory=SceneOptions)
    """How clips are put into scenes."""

    @property
    def start(self) -> GateOptions:
        """The options that the search starts from."""
        return self.gates.options


class FrontEnd:
    """Makes the streams of one process; they share its decoder, its detector and the evidence sources.

    Args:
        settings: What no trial changes.

    Raises:
        ModelError: A model is missing or damaged.
    """

    def __init__(self, settings: TuneSettings) -> None:
        self.settings = settings
        weights = EvidenceWeights.load()
        self.voice = CachedVoice(weights)
        self.sources: tuple[EvidenceSource, ...] = tuple(
            self.voice if isinstance(source, VoiceEvidence) else source
            for source in default_sources(settings.gates.lexicon, weights)
        )
        listener = settings.gates.make_listener(replays=True)
        self.decoder = None if listener is None else SharedListener(lambda: listener)
        self._reader = ItemStreamReader(
            settings.start,
            vad=settings.vad,
            input_gain_db=settings.gates.input_gain_db,
            echo_guard=settings.gates.echo_guard,
            scene=settings.scene,
        )

    def stream(self, item: Clip | Call) -> CachedStream:
        """The stream that a gate would get of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        return CachedStream(self, self._reader.read(item))

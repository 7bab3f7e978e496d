"""What every gate and every rule gets of one item: the same frames, speech probabilities and transcripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES, AudioFile, amplified
from ..echo import guarded_frames, recording_guard
from ..errors import AudioError
from ..gate import Gate, GateEvent, GateOptions, Transcript
from ..prosody import Learned
from ..replay import (
    ALWAYS,
    ReplayResult,
    Span,
    TracePoint,
    drive,
    read_frames,
    spans_of_channel,
    trace_point,
    word_stream,
)
from ..vad import DetectorName, SpeechChange, SpeechDetector, SpeechSegmenter, create_detector
from .items import Call, Clip, Item, WordOverlap
from .scene import LEAD_IN, SceneMaker, SceneOptions

Frames = npt.NDArray[np.float32]
"""[n, 512] float32 at 16 kHz."""


@dataclass(frozen=True, eq=False)
class ItemStream:
    """The frames, speech probabilities, agent spans and transcripts of one item."""

    probabilities: Sequence[float]
    """The VAD's speech probability of each frame."""
    agent: tuple[Span, ...]
    """When the agent speaks, in seconds."""
    transcripts: tuple[Transcript, ...]
    """In the order they arrive."""
    segments: tuple[Span, ...] = ()
    """The user's speech, as the VAD options of one gate find it."""
    transcribed: bool = False
    """Whether speech-to-text ran, even if it found nothing."""
    frames: Frames | None = None
    """The user's sound, as loud as the gate gets it; None for an item without audio."""
    duration: float = 0.0
    """Length of the item, in seconds."""
    learned: Learned | None = None
    """What a gate knew of room and user before it, as loud as it gets the user; None for nothing."""

    @classmethod
    def of(
        cls,
        probabilities: Sequence[float],
        agent: tuple[Span, ...],
        transcripts: Sequence[Transcript] | None,
        options: GateOptions,
        *,
        frames: Frames | None = None,
        duration: float | None = None,
        learned: Learned | None = None,
    ) -> ItemStream:
        """Find the user's speech.

        Args:
            probabilities: One a frame.
            agent: When the agent speaks.
            transcripts: In any order; None where no speech-to-text ran.
            options: Their VAD thresholds find it.
            frames: The sound, where there is any.
            duration: Length in seconds; that of all frames when None.
            learned: What a gate knew before.
        """
        return cls(
            probabilities,
            agent,
            tuple(sorted(transcripts or (), key=lambda transcript: transcript.at)),
            transcribed=transcripts is not None,
            frames=frames,
            duration=len(probabilities) * FRAME_DURATION if duration is None else duration,
            learned=learned,
        ).with_options(options)

    def with_options(self, options: GateOptions) -> ItemStream:
        """The same stream, with the user's speech as these options find it."""
        return replace(self, segments=tuple(speech_segments(self.probabilities, options)))

    @property
    def overlaps(self) -> list[Span]:
        """The segments that begin while the agent speaks."""
        return [segment for segment in self.segments if begins_within(segment.start, self.agent)]

    def drive(self, gate: Gate, *, on_frame: Callable[[float, float], None] | None = None) -> list[GateEvent]:
        """Run a gate over the stream, as `replay` would.

        Args:
            gate: A fresh gate.
            on_frame: Called after each frame with its end in seconds and its speech probability.

        Raises:
            Exception: Whatever made the gate fail.
        """
        if self.learned is not None:
            gate.analyzer.recall(self.learned)
        known = chain(self.probabilities, repeat(0.0))
        if self.frames is None:
            # Annotated words end in silence that is long enough.
            nothing = repeat(None, len(self.probabilities))
            events = drive(
                gate, nothing, lambda _: next(known), self.agent, self.transcripts, run_out=0.0, on_frame=on_frame
            )
        else:
            events = drive(gate, self.frames, lambda _: next(known), self.agent, self.transcripts, on_frame=on_frame)
        if gate.failure is not None:
            raise gate.failure
        return events

    def replay(self, gate: Gate) -> ReplayResult:
        """Run a gate over the stream and keep a trace, for a picture.

        Args:
            gate: A fresh gate.

        Raises:
            Exception: Whatever made the gate fail.
        """
        points: list[TracePoint] = []
        events = self.drive(gate, on_frame=lambda time, speech: points.append(trace_point(gate, time, speech)))
        agent = (Span(max(span.start, 0.0), min(span.end, self.duration)) for span in self.agent)
        spoken = tuple(span for span in agent if span.start < span.end)
        return ReplayResult(tuple(events), self.duration, spoken, self.transcripts, tuple(points))

    def overlap_at(self, time: float, *, patience: float) -> Span | None:
        """The overlap that goes on at a time, or was the last speech and ended at most `patience` seconds before."""
        segment = next((segment for segment in reversed(self.segments) if segment.start <= time), None)
        if segment is None or time - segment.end > patience or not begins_within(segment.start, self.agent):
            return None
        return segment

    def agent_speaks_at(self, time: float) -> bool:
        """Whether there is an agent to be stopped at a time."""
        return begins_within(time, self.agent)


class ItemStreamReader:
    """Makes the streams of items, one by one, each as a call of its own.

    Args:
        options: Their VAD thresholds find the user's speech.
        vad: What finds speech.
        input_gain_db: How much louder than recorded gate and VAD get the user, in dB.
        echo_guard: Whether what is on the agent's channel of a call is cancelled in the user's.
        scene: How clips are put into scenes.
        interim_lag: For overlaps without audio: seconds from a word's end to its interim transcript; None for no
            transcripts.

    Raises:
        AudioError: The noise for the scenes cannot be read.
    """

    def __init__(
        self,
        options: GateOptions,
        *,
        vad: DetectorName = "silero",
        input_gain_db: float = 0.0,
        echo_guard: bool = False,
        scene: SceneOptions | None = None,
        interim_lag: float | None = 0.3,
    ) -> None:
        self._options = options
        self._vad = vad
        self._gain_db = input_gain_db
        self._echo_guard = echo_guard
        self._scenes = SceneMaker(SceneOptions() if scene is None else scene)
        self._interim_lag = interim_lag
        self._detector: SpeechDetector | None = None

    def read(self, item: Item) -> ItemStream:
        """The stream of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        if isinstance(item, Clip):
            return self.of_samples(self._scenes.make(item), transcripts=item.transcripts_at(LEAD_IN))
        return self._of_call(item) if isinstance(item, Call) else self._of_words(item)

    def of_samples(
        self, samples: npt.NDArray[np.float32], *, transcripts: Sequence[Transcript] | None = None
    ) -> ItemStream:
        """The stream of a sound while an agent speaks throughout.

        Args:
            samples: Float32 at 16 kHz, shape [n]; what is left of the last whole frame is dropped.
            transcripts: None where no speech-to-text ran.
        """
        count = len(samples) // FRAME_SAMPLES
        frames = amplified(samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES), self._gain_db)
        return ItemStream.of(self._probabilities(frames), (ALWAYS,), transcripts, self._options, frames=frames)

    def _of_call(self, call: Call) -> ItemStream:
        with AudioFile(call.audio) as recording:
            for channel in (call.user_channel, call.agent_channel):
                recording.blocks(channel)  # an error at once where a channel is not there
            if call.user_channel == call.agent_channel:
                raise AudioError(f"{call.audio}: user_channel and agent_channel are both {call.user_channel}")
            agent = call.agent
            if call.agent_channel is not None:
                agent = spans_of_channel(read_frames(recording, call.agent_channel), self._fresh_detector())
            heard = read_frames(recording, call.user_channel)
            if self._echo_guard and call.agent_channel is not None:
                heard = guarded_frames(heard, read_frames(recording, call.agent_channel), recording_guard())
            frames = amplified(np.stack(list(heard)), self._gain_db)
            duration = recording.duration
        return ItemStream.of(
            self._probabilities(frames),
            agent,
            call.transcripts,
            self._options,
            frames=frames,
            duration=duration,
            learned=None if call.learned is None else call.learned.louder(self._gain_db),
        )

    def _of_words(self, item: WordOverlap) -> ItemStream:
        words = word_stream(item.words, interim_lag=self._interim_lag)
        transcripts = None if self._interim_lag is None else words.transcripts
        return ItemStream.of(words.probabilities, (ALWAYS,), transcripts, self._options)

    def _probabilities(self, frames: Frames) -> list[float]:
        detector = self._fresh_detector()
        return [detector.frame_probability(frame) for frame in frames]

    def _fresh_detector(self) -> SpeechDetector:
        if self._detector is None:
            self._detector = create_detector(self._vad)
        self._detector.reset()
        return self._detector


def speech_segments(probabilities: Sequence[float], options: GateOptions) -> list[Span]:
    """The segments of speech that a gate with these options finds.

    Args:
        probabilities: Speech probability of each frame.
        options: Their VAD thresholds and durations count.
    """
    segmenter = SpeechSegmenter(**options.segmenter_options)
    segments = []
    for probability in probabilities:
        if segmenter.push(probability) is SpeechChange.ENDED:
            segments.append(Span(segmenter.onset, segmenter.last_speech_end))
    if segmenter.speaking:
        segments.append(Span(segmenter.onset, segmenter.last_speech_end))
    return segments


def begins_within(time: float, spans: Sequence[Span]) -> bool:
    """Whether a time lies in one of the spans."""
    return any(span.start <= time < span.end for span in spans)


def frame_end(index: int) -> float:
    """End of the frame with an index from 0, in seconds."""
    return (index + 1) * FRAME_DURATION

"""Drives a gate over a recording, faster than real time, through the very code that runs live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES, AudioFile, Framer, Resampler, amplified
from ..echo import EchoGuard, guarded_frames
from ..errors import OptionError
from ..gate import Gate, GateEvent, GateEventKind, GateState, Transcript
from ..vad import SpeechDetector, create_detector
from .agent_speech import Span, check_spans, spans_of_channel

RUN_OUT: Final = 5.0
"""Silence (s) that a recording is followed by at most, so that what it ends in is decided as it would be in a call."""

Frame = npt.NDArray[np.float32]
FrameT = TypeVar("FrameT", Frame, None)


class GateWatcher(Protocol):
    """Looks on at what a gate is given and what it decides, live or in a replay; it changes nothing."""

    def after_step(
        self,
        gate: Gate,
        events: Sequence[GateEvent],
        *,
        frame: Frame | None = None,
        speech_probability: float = 0.0,
        transcript: Transcript | None = None,
    ) -> None:
        """The gate has taken a frame, a transcript or a change of the agent's state. Must not raise, nor wait.

        Args:
            gate: As it stands now.
            events: What the step caused.
            frame: As the gate got it; None for another step, or without audio.
            speech_probability: The VAD's, of the frame.
            transcript: What it got; None for another step.
        """
        ...


def drive(
    gate: Gate,
    frames: Iterable[FrameT],
    speech_probability: Callable[[FrameT | Frame], float],
    agent: Sequence[Span],
    transcripts: Sequence[Transcript],
    *,
    run_out: float = RUN_OUT,
    on_frame: Callable[[float, float], None] | None = None,
    watcher: GateWatcher | None = None,
) -> list[GateEvent]:
    """Run a gate over a stream and the silence after it.

    Args:
        gate: A fresh gate.
        frames: [512] float32 at 16 kHz; None for a frame without audio.
        speech_probability: Asked once for each frame, in order, also for those of the silence after the last.
        agent: When the agent speaks, in seconds.
        transcripts: In the order they arrive.
        run_out: Seconds of silence after the last frame at most.
        on_frame: Called after each frame with its end in seconds and its speech probability.
        watcher: Looks on.

    Returns:
        All events. Whether the gate failed is in `Gate.failure`.
    """
    events: list[GateEvent] = []

    def told(
        caused: list[GateEvent],
        *,
        frame: Frame | None = None,
        speech_probability: float = 0.0,
        transcript: Transcript | None = None,
    ) -> list[GateEvent]:
        if watcher is not None:
            watcher.after_step(gate, caused, frame=frame, speech_probability=speech_probability, transcript=transcript)
        return caused

    changes = sorted([(span.start, True) for span in agent] + [(span.end, False) for span in agent])
    next_change = next_transcript = 0
    last = transcripts[-1].at if transcripts else 0.0
    for index, frame in enumerate(_running_out(frames, gate, last, run_out), start=1):
        end = index * FRAME_DURATION
        # What happened before this frame's end reaches the gate before the frame, as it would in a call.
        while next_change < len(changes) and changes[next_change][0] < end:
            time, starts = changes[next_change]
            events += told(gate.agent_started(time) if starts else gate.agent_stopped(time))
            next_change += 1
        while next_transcript < len(transcripts) and transcripts[next_transcript].at < end:
            transcript = transcripts[next_transcript]
            events += told(gate.push_transcript(transcript), transcript=transcript)
            next_transcript += 1
        probability = speech_probability(frame)
        events += told(gate.push(frame, probability), frame=frame, speech_probability=probability)
        if on_frame is not None:
            on_frame(end, probability)
    return events + told(gate.close())


def _running_out(
    frames: Iterable[FrameT], gate: Gate, last_transcript: float, run_out: float
) -> Iterator[FrameT | Frame]:
    """The frames, and silence after them until nothing is held and all transcripts have come, as a call would go on."""
    yield from frames
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(round(run_out / FRAME_DURATION)):
        if gate.state not in (GateState.HOLDING, GateState.PENDING) and gate.time > last_transcript:
            return
        yield silence


ALWAYS: Final = Span(float("-inf"), float("inf"))
"""An agent that spoke before the recording began and speaks after it ends."""


@dataclass(frozen=True, slots=True)
class TracePoint:
    """What the gate saw at one frame, for a picture."""

    time: float
    """End of the frame, in seconds."""
    speech_probability: float
    """The VAD's, 0 to 1."""
    level_dbfs: float
    """Level of the frame, in dBFS."""
    noise_floor_dbfs: float
    """Noise floor, in dBFS."""
    pitch_hz: float
    """F0 in Hz; NaN where unvoiced or not measured."""
    probability: float
    """P(interruption) of what is held; NaN while nothing is."""
    evidence: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Each source's share (nats, the prior included) in the newest undecided overlap; empty when there is none."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a gate did with one recording."""

    events: tuple[GateEvent, ...]
    """All events in order of time."""
    duration: float
    """Length of the recording, in seconds."""
    agent: tuple[Span, ...]
    """When the agent spoke."""
    transcripts: tuple[Transcript, ...] = ()
    """What was fed in as speech-to-text."""
    trace: tuple[TracePoint, ...] = ()
    """One point a frame, where asked for."""
    part: Span | None = None
    """The stretch of the recording that was asked for (`replay_part`), in its own seconds; None for all of it."""

    @property
    def span(self) -> Span:
        """What the result is about, in seconds of the recording."""
        return Span(0.0, self.duration) if self.part is None else self.part

    @property
    def decisions(self) -> tuple[GateEvent, ...]:
        """The events without the holds: one an overlap, in order of onset."""
        decided = (event for event in self.events if event.kind is not GateEventKind.HOLD)
        return tuple(sorted(decided, key=lambda event: (event.onset, event.overlap)))


def replay(
    recording: AudioFile | Path | str,
    gate: Gate,
    *,
    user_channel: int | None = None,
    agent: Literal["always", "never"] | Sequence[Sequence[float]] = "always",
    agent_channel: int | None = None,
    transcripts: Iterable[Transcript] = (),
    detector: SpeechDetector | None = None,
    input_gain_db: float | None = None,
    echo_guard: EchoGuard | None = None,
    trace: bool = False,
    watcher: GateWatcher | None = None,
    block_seconds: float = 1.0,
    progress: Callable[[float], None] | None = None,
) -> ReplayResult:
    """Run a gate over a recording.

    Args:
        recording: A file of any format that libsndfile reads, 8 to 48 kHz.
        gate: A fresh gate.
        user_channel: The user's channel, from 0; None mixes all channels.
        agent: When the agent speaks: always, never, or spans `(start, end)` in seconds. Not used with
            `agent_channel`.
        agent_channel: The agent's own channel: it speaks where this carries speech.
        transcripts: Recorded speech-to-text, fed in at its arrival times.
        detector: VAD for both channels, reset before use; Silero when None.
        input_gain_db: How much louder than recorded the gate and its VAD get the user, in dB; the gate's own, from its
            profile, when None.
        echo_guard: A `recording_guard()`, which takes what is on the agent's channel out of the user's.
        trace: Whether to keep a point for every frame.
        watcher: Looks on.
        block_seconds: How much is read and fed at a time; makes no difference to the result.
        progress: Called with the seconds of audio done so far, of `duration` (twice it with `agent_channel`).

    Raises:
        AudioError: The recording, a channel or the spans cannot be used.
        OptionError: The gate was used before, or there is an echo guard and no channel of the agent's.
        RuntimeError: The echo guard failed.
    """
    if not gate.is_fresh:
        raise OptionError("gate: was used for another stream; expected a fresh one for each recording")
    if echo_guard is not None and agent_channel is None:
        raise OptionError("echo_guard: needs what the agent plays; expected agent_channel")
    gain_db = gate.input_gain_db if input_gain_db is None else input_gain_db
    opened = recording if isinstance(recording, AudioFile) else AudioFile(recording)
    detector = detector or create_detector("silero")
    done = 0.0

    def frames_of(channel: int | None) -> Iterator[npt.NDArray[np.float32]]:
        nonlocal done
        for frame in read_frames(opened, channel, block_seconds=block_seconds):
            yield frame
            done += FRAME_DURATION
            if progress is not None:
                progress(done)

    try:
        if agent_channel is not None:
            detector.reset()
            spans = spans_of_channel(frames_of(agent_channel), detector)
        elif agent == "always":
            spans = (ALWAYS,)
        elif agent == "never":
            spans = ()
        else:
            spans = check_spans(agent)
        detector.reset()
        ordered = tuple(sorted(transcripts, key=lambda transcript: transcript.at))
        points: list[TracePoint] = []

        def keep(time: float, speech_probability: float) -> None:
            points.append(trace_point(gate, time, speech_probability))

        heard: Iterable[Frame] = frames_of(user_channel)
        if echo_guard is not None:
            played = read_frames(opened, agent_channel, block_seconds=block_seconds)
            heard = guarded_frames(heard, played, echo_guard)
        frames = (amplified(frame, gain_db) for frame in heard)
        events = drive(
            gate, frames, detector.frame_probability, spans, ordered, on_frame=keep if trace else None, watcher=watcher
        )
        duration = opened.duration
    finally:
        if opened is not recording:
            opened.close()
    clipped = tuple(Span(max(span.start, 0.0), min(span.end, duration)) for span in spans if span.start < duration)
    return ReplayResult(tuple(events), duration, clipped, ordered, tuple(points))


def read_frames(
    recording: AudioFile, channel: int | None, *, block_seconds: float = 1.0
) -> Iterator[npt.NDArray[np.float32]]:
    """The analysis frames of one channel of a recording, [512] float32 at 16 kHz, the last one padded with zeros."""
    resampler, framer = Resampler(recording.sample_rate), Framer()
    for block in recording.blocks(channel, seconds=block_seconds):
        yield from framer.push(resampler.push(block))
    yield from framer.push(resampler.flush())
    last = framer.flush()
    if last is not None:
        yield last


def trace_point(gate: Gate, time: float, speech_probability: float) -> TracePoint:
    """What a gate saw at its newest frame.

    Args:
        gate: Right after the frame.
        time: End of the frame, in seconds.
        speech_probability: The VAD's.
    """
    analyzer, held = gate.analyzer, gate.probability
    pitch = analyzer.pitch_hz() if speech_probability >= gate.options.deactivation_threshold else float("nan")
    return TracePoint(
        time=time,
        speech_probability=speech_probability,
        level_dbfs=analyzer.level_dbfs,
        noise_floor_dbfs=analyzer.noise_floor.dbfs,
        pitch_hz=pitch,
        probability=float("nan") if held is None else held,
        evidence=gate.evidence,
    )

"""Runs a gate over a stretch of a long recording, warm, with the recording's own times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal

from ..audio import FRAME_DURATION, AudioFile
from ..gate import Gate, GateEvent, Transcript
from ..vad import SpeechDetector
from .agent_speech import Span, check_spans
from .replay import ReplayResult, replay

LEAD_IN: Final = 30.0
"""Seconds before the stretch that the gate is given, so that noise floor, the user's level and what is going on are
known when it begins."""

LEAD_OUT: Final = 10.0
"""Seconds after the stretch that the gate is given, so that what begins at its end is decided as in the whole call."""


def replay_part(
    recording: AudioFile,
    gate: Gate,
    part: Span,
    *,
    user_channel: int | None = None,
    agent: Literal["always", "never"] | Sequence[Sequence[float]] = "always",
    agent_channel: int | None = None,
    transcripts: Iterable[Transcript] = (),
    detector: SpeechDetector | None = None,
    input_gain_db: float | None = None,
    trace: bool = False,
    progress: Callable[[float], None] | None = None,
) -> ReplayResult:
    """Run a gate over a stretch of a recording, `LEAD_IN` before it and `LEAD_OUT` after it.

    The result holds the overlaps that begin in the stretch, numbered from 1, and all times are the recording's own.
    They are those of the whole recording, but for what only a longer past could tell the gate: see `LEAD_IN`.

    Args:
        recording: An open recording.
        gate: A fresh gate.
        part: The stretch, in seconds of the recording.
        user_channel: As for `replay`, and so are the others; their times are the recording's.
        agent: When the agent speaks.
        agent_channel: The agent's own channel.
        transcripts: Recorded speech-to-text.
        detector: VAD for both channels.
        input_gain_db: How much louder than recorded gate and VAD get the user, in dB; the gate's own when None.
        trace: Whether to keep a point for every frame of the stretch.
        progress: Called with the seconds of audio done so far, of `length_with_leads` (twice it with `agent_channel`).

    Raises:
        AudioError: The recording, a channel or the spans cannot be used.
    """
    # On a frame's edge, so that the gate gets the very frames of the whole recording.
    start = math.floor(max(part.start - LEAD_IN, 0.0) / FRAME_DURATION) * FRAME_DURATION
    end = min(part.end + LEAD_OUT, recording.duration)
    result = replay(
        recording.part(start, end),
        gate,
        user_channel=user_channel,
        agent=agent if isinstance(agent, str) else _shifted_spans(check_spans(agent), start, end),
        agent_channel=agent_channel,
        transcripts=[
            _shifted_transcript(transcript, start) for transcript in transcripts if start <= transcript.at < end
        ],
        detector=detector,
        input_gain_db=input_gain_db,
        trace=trace,
        progress=progress,
    )
    within = [event for event in result.events if part.start <= event.onset + start < part.end]
    numbers: dict[int, int] = {}
    for event in within:
        numbers.setdefault(event.overlap, len(numbers) + 1)
    points = (replace(point, time=point.time + start) for point in result.trace)
    agent_spans = (Span(max(span.start + start, part.start), min(span.end + start, part.end)) for span in result.agent)
    given = (_shifted_transcript(transcript, -start) for transcript in result.transcripts)
    return ReplayResult(
        events=tuple(_shifted_event(event, start, numbers[event.overlap]) for event in within),
        duration=recording.duration,
        agent=tuple(span for span in agent_spans if span.start < span.end),
        transcripts=tuple(transcript for transcript in given if part.start <= transcript.at < part.end),
        trace=tuple(point for point in points if part.start < point.time <= part.end + FRAME_DURATION),
        part=part,
    )


def length_with_leads(recording: AudioFile, part: Span) -> float:
    """How much of the recording `replay_part` runs through, in seconds."""
    return min(part.end + LEAD_OUT, recording.duration) - max(part.start - LEAD_IN, 0.0)


def _shifted_spans(spans: Sequence[Span], start: float, end: float) -> tuple[Span, ...]:
    """The spans in a stream that begins at `start`; one that began before it is under way when it begins."""
    return tuple(
        Span(max(span.start - start, 0.0), span.end - start) for span in spans if span.end > start and span.start < end
    )


def _shifted_transcript(transcript: Transcript, start: float) -> Transcript:
    def shifted(time: float | None) -> float | None:
        return None if time is None else max(time - start, 0.0)

    return replace(transcript, at=transcript.at - start, start=shifted(transcript.start), end=shifted(transcript.end))


def _shifted_event(event: GateEvent, start: float, number: int) -> GateEvent:
    return replace(event, overlap=number, onset=event.onset + start, time=event.time + start)

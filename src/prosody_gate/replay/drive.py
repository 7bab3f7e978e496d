"""Feeds a gate one stream: frames, agent speech and transcripts in the order of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from ..gate import Gate, GateEvent, GateState, Transcript
from .agent_speech import Span

RUN_OUT: Final = 5.0
"""Silence (s) that a recording is followed by at most, so that what it ends in is decided as it would be in a call."""

Frame = npt.NDArray[np.float32]


def drive(
    gate: Gate,
    frames: Iterable[Frame],
    speech_probability: Callable[[Frame], float],
    agent: Sequence[Span],
    transcripts: Sequence[Transcript],
    *,
    on_frame: Callable[[float, float], None] | None = None,
) -> list[GateEvent]:
    """Run a gate over a stream and the silence after it.

    Args:
        gate: A fresh gate.
        frames: [512] float32 at 16 kHz.
        speech_probability: Asked once for each frame, in order, also for those of the silence after the last.
        agent: When the agent speaks, in seconds.
        transcripts: In the order they arrive.
        on_frame: Called after each frame with its end in seconds and its speech probability.

    Returns:
        All events. A failed gate tells so itself (`Gate.failure`).
    """
    events: list[GateEvent] = []
    changes = sorted([(span.start, True) for span in agent] + [(span.end, False) for span in agent])
    next_change = next_transcript = 0
    last = transcripts[-1].at if transcripts else 0.0
    for index, frame in enumerate(_running_out(frames, gate, last), start=1):
        end = index * FRAME_DURATION
        # What happened before this frame's end is told before the frame, as it would be in a call.
        while next_change < len(changes) and changes[next_change][0] < end:
            time, starts = changes[next_change]
            events += gate.agent_started(time) if starts else gate.agent_stopped(time)
            next_change += 1
        while next_transcript < len(transcripts) and transcripts[next_transcript].at < end:
            events += gate.hear(transcripts[next_transcript])
            next_transcript += 1
        probability = speech_probability(frame)
        events += gate.push(frame, probability)
        if on_frame is not None:
            on_frame(end, probability)
    return events + gate.close()


def _running_out(frames: Iterable[Frame], gate: Gate, last_transcript: float) -> Iterator[Frame]:
    """The frames, and silence after them until nothing is held and all transcripts have come, as a call would go on."""
    yield from frames
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(round(RUN_OUT / FRAME_DURATION)):
        if gate.state not in (GateState.HOLDING, GateState.PENDING) and gate.time > last_transcript:
            return
        yield silence

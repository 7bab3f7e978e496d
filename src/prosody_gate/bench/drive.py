"""Drives a gate over frames whose speech probabilities are known, so that many gates can judge the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from ..gate import Gate, GateEvent, GateState
from ..replay import Span
from ..replay.replay import RUN_OUT
from .heard import Heard, frame_end


def drive(gate: Gate, frames: Iterable[npt.NDArray[np.float32]], heard: Heard) -> list[GateEvent]:
    """Feed a gate all that was heard, in stream order, as `replay` does.

    Args:
        gate: A fresh gate.
        frames: [512] float32 at 16 kHz, as many as there are probabilities.
        heard: What else it gets.

    Raises:
        Exception: Whatever made the gate fail.
    """
    events: list[GateEvent] = []
    changes = _changes(heard.agent)
    next_change = next_transcript = index = 0

    def advance(end: float) -> None:
        nonlocal next_change, next_transcript
        while next_change < len(changes) and changes[next_change][0] < end:
            time, starts = changes[next_change]
            events.extend(gate.agent_started(time) if starts else gate.agent_stopped(time))
            next_change += 1
        transcripts = heard.transcripts
        while next_transcript < len(transcripts) and transcripts[next_transcript].at < end:
            events.extend(gate.hear(transcripts[next_transcript]))
            next_transcript += 1

    for index, (frame, probability) in enumerate(zip(frames, heard.probabilities, strict=True)):
        advance(frame_end(index))
        events.extend(gate.push(frame, probability))
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for after in range(1, round(RUN_OUT / FRAME_DURATION) + 1):
        if gate.state not in (GateState.HOLDING, GateState.PENDING):
            break
        advance(frame_end(index + after))
        events.extend(gate.push(silence, 0.0))
    events.extend(gate.close())
    if gate.failure is not None:
        raise gate.failure
    return events


def _changes(spans: Sequence[Span]) -> list[tuple[float, bool]]:
    return sorted([(span.start, True) for span in spans] + [(span.end, False) for span in spans])

"""What every system in a benchmark gets to see of one item: the same frames, speech probabilities and transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..gate import Gate, GateEvent, GateOptions, Transcript
from ..replay import Span, drive
from ..vad import SpeechChange, SpeechSegmenter


@dataclass(frozen=True)
class Decision:
    """One system's decision, in seconds of the stream."""

    onset: float
    """Onset of the overlap that it is about."""
    time: float
    """When it was made."""
    confirm: bool
    """Whether it stops the agent."""
    reason: str = ""
    """Why, where the system can tell."""
    probability: float | None = None
    """P(interruption), where the system has one."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share in nats, where the system has any."""
    text: str = ""
    """What was said, as far as the system knew."""
    held: float | None = None
    """When it was first held, where the system holds."""
    cancel: bool = False
    """Whether it lets the agent talk on for good; neither of the two where the agent ended first."""


TEXT_LAG: Final = 0.3
"""Seconds that a transcript without times of its own is taken to lie behind its speech."""


@dataclass(frozen=True)
class Heard:
    """One item as it was heard, without the samples."""

    probabilities: Sequence[float]
    """The VAD's speech probability of each frame."""
    agent: tuple[Span, ...]
    """When the agent speaks, in seconds."""
    transcripts: tuple[Transcript, ...]
    """In the order they arrive."""
    stretches: tuple[Span, ...] = ()
    """User speech, as the gate's own VAD options find it."""
    transcribed: bool = False
    """Whether speech-to-text ran, be it that it said nothing."""

    @classmethod
    def of(
        cls,
        probabilities: Sequence[float],
        agent: tuple[Span, ...],
        transcripts: Sequence[Transcript] | None,
        options: GateOptions,
    ) -> Heard:
        """Find the user's speech.

        Args:
            probabilities: One a frame.
            agent: When the agent speaks.
            transcripts: In any order; None where no speech-to-text ran.
            options: Whose thresholds tell speech from silence.
        """
        ordered = tuple(sorted(transcripts or (), key=lambda transcript: transcript.at))
        stretches = speech_stretches(
            probabilities,
            SpeechSegmenter(**options.segmenter_options),
        )
        return cls(probabilities, agent, ordered, tuple(stretches), transcribed=transcripts is not None)

    @property
    def overlaps(self) -> list[Span]:
        """The stretches that begin while the agent speaks."""
        return [stretch for stretch in self.stretches if begins_within(stretch.start, self.agent)]

    def drive(self, gate: Gate, frames: Iterable[npt.NDArray[np.float32]]) -> list[GateEvent]:
        """Let a gate hear it.

        Args:
            gate: A fresh gate.
            frames: [512] float32 at 16 kHz, as many as there are probabilities.

        Raises:
            Exception: Whatever made the gate fail.
        """
        known = chain(self.probabilities, repeat(0.0))
        events = drive(gate, frames, lambda _: next(known), self.agent, self.transcripts)
        if gate.failure is not None:
            raise gate.failure
        return events

    def overlap_at(self, time: float, *, patience: float) -> Span | None:
        """The overlap that goes on at a time, or was the last speech and ended at most `patience` seconds before."""
        stretch = next((stretch for stretch in reversed(self.stretches) if stretch.start <= time), None)
        if stretch is None or time - stretch.end > patience or not begins_within(stretch.start, self.agent):
            return None
        return stretch

    def agent_speaks_at(self, time: float) -> bool:
        """Whether there is an agent to be stopped at a time."""
        return begins_within(time, self.agent)


def begins_within(time: float, spans: Sequence[Span]) -> bool:
    """Whether a time lies in one of the spans."""
    return any(span.start <= time < span.end for span in spans)


def speech_stretches(probabilities: Sequence[float], segmenter: SpeechSegmenter) -> list[Span]:
    """The stretches of speech that a fresh segmenter finds."""
    stretches = []
    for probability in probabilities:
        if segmenter.push(probability) is SpeechChange.ENDED:
            stretches.append(Span(segmenter.onset, segmenter.last_speech_end))
    if segmenter.speaking:
        stretches.append(Span(segmenter.onset, segmenter.last_speech_end))
    return stretches


def described(transcript: Transcript) -> float:
    """When the newest words of a transcript were said, by its own times or else by its arrival, in seconds."""
    return transcript.at - TEXT_LAG if transcript.end is None else transcript.end


def frame_end(index: int) -> float:
    """End of the frame with an index from 0, in seconds."""
    return (index + 1) * FRAME_DURATION

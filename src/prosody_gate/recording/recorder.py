"""Records what a gate decided: each overlap with two seconds around it, on a thread of its own."""

from __future__ import annotations

import logging
import math
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..gate import Gate, GateEvent, GateEventKind, Transcript
from ..prosody import Learned
from ..replay import Span, TracePoint
from .overlap_line import AFTER, BEFORE, RecordedOverlap
from .recording_folder import call_name, overlap_name
from .recording_writer import RecordingJob, RecordingWriter, RecordOptions

logger = logging.getLogger("prosody_gate")

LONGEST: Final = 12.0
"""Seconds of an overlap, from its onset on, that are recorded at most: a turn that goes on says nothing new."""

REMEMBERED: Final = math.ceil((BEFORE + LONGEST + 2 * AFTER) / FRAME_DURATION)
"""Frames that are kept, for what is not complete yet."""

TRANSCRIPTS: Final = 256
"""Transcripts that are kept, the newest ones."""


class AgentAudio(Protocol):
    """Where the recorder gets the agent's voice from."""

    def advance(self) -> None:
        """Called with each frame of the user: time has passed."""
        ...

    def between(self, start: float, end: float) -> npt.NDArray[np.int16] | None:
        """What the agent played from one stream time to another (s), [n] int16 at 16 kHz; None where nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """What became of the overlaps of one call."""

    written: int
    """Those that are in the folder."""
    left_out: int
    """Those that chance left out, by `share`."""
    dropped: Mapping[str, int]
    """Those that were lost, by reason: `queue` (the disk is too slow), `quota` (no room that may be made), `disk`
    (full, gone, or not writable), `error`."""


class _Frame(NamedTuple):
    point: TracePoint
    samples: npt.NDArray[np.float32]
    agent_speaks: bool
    learned: Learned | None
    """What the gate knew of room and user before it."""


@dataclass
class _Open:
    """An overlap whose clip is not complete."""

    number: int
    onset: float
    clock: float
    speech_end: float
    events: list[GateEvent] = field(default_factory=list)
    decided: float | None = None


class OverlapRecorder:
    """Looks on at a gate, and records its overlaps. One object a call.

    All but the writing is a few microseconds a frame in the caller's own thread. An error is logged once and counted;
    the call goes on.

    Args:
        options: What to record, and where to.
        writer: Writes for several calls; one of its own when None.
        about: What else to write down of each overlap, as JSON-ready values: profile, versions.
        agent_audio: Gives what the agent played; None where nobody knows.
        stops_agent: Whether a confirm makes the agent stop, as it does in a call. What the agent would have said is
            then not known; a bench takes it as talking on.
        call: A name for the call; made from the time when None.
        waits: Whether a writer of its own waits for a slow disk instead of dropping: for a replay, never for a call.
        chance: Draws a number from 0 to 1 for each overlap.
        clock: The wall clock, in seconds since 1970.

    Raises:
        OptionError: The folder cannot be made or written to.
    """

    def __init__(
        self,
        options: RecordOptions,
        *,
        writer: RecordingWriter | None = None,
        about: Mapping[str, Any] | None = None,
        agent_audio: AgentAudio | None = None,
        stops_agent: bool = True,
        call: str | None = None,
        waits: bool = False,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._about = {"prosody_gate": _own_version(), **(about or {})}
        self.agent_audio = agent_audio
        """Gives what the agent played; may be set before the first overlap."""
        self._stops_agent = stops_agent
        self._chance = chance
        self._clock = clock
        self._call = call or call_name(clock(), secrets.token_hex(4))
        self._frames: deque[_Frame] = deque(maxlen=REMEMBERED)
        self._transcripts: deque[Transcript] = deque(maxlen=TRANSCRIPTS)
        self._speech: deque[tuple[int, list[float]]] = deque(maxlen=64)
        self._open: list[_Open] = []
        self._gate: Gate | None = None
        self._left_out = 0
        self._failed = False
        self._learned: Learned | None = None
        self._earlier = 0
        """Overlaps of earlier streams of the call."""
        self._highest = 0
        self._since = 0.0
        self._owns_writer = writer is None
        self._writer = writer or RecordingWriter(options, waits=waits, clock=clock)

    @property
    def counts(self) -> RecordCounts:
        """What became of the overlaps so far."""
        writer = self._writer
        return RecordCounts(writer.written, self._left_out, MappingProxyType(dict(writer.dropped)))

    def after_step(
        self,
        gate: Gate,
        events: Sequence[GateEvent],
        *,
        frame: npt.NDArray[np.float32] | None = None,
        speech_probability: float = 0.0,
        transcript: Transcript | None = None,
    ) -> None:
        """Take in what the gate has taken; see `GateWatcher`."""
        if self._failed:
            return
        try:
            if transcript is not None:
                self._transcripts.append(transcript)
            for event in events:
                self._take(event)
            self._gate = gate
            if frame is not None:
                self._take_frame(gate, frame, speech_probability)
            self._learned = gate.analyzer.learned
        except Exception as error:
            self._failed = True
            self._writer.drop("error", error, count=max(len(self._open), 1))

    def next_stream(self, gate: Gate, *, since: float = 0.0) -> None:
        """The call goes on with a fresh gate, whose clock begins anew; after `end_stream`.

        Args:
            gate: Before its first frame.
            since: Overlaps whose speech has ended by this time of its stream (s) are not recorded: it begins with
                sound that an earlier stream had already.
        """
        if self._failed:
            return
        try:
            self._since, self._learned = since, gate.analyzer.learned
        except Exception as error:
            self._failed = True
            self._writer.drop("error", error)

    def end_stream(self) -> None:
        """No more comes of this stream: what is decided is written as it is, and its sound is forgotten."""
        if self._failed:
            return
        try:
            for overlap in self._open:
                if overlap.decided is not None and self._gate is not None:
                    self._complete(overlap, self._gate)
            self._open.clear()
            self._earlier, self._highest = self._earlier + self._highest, 0
            self._frames.clear()
            self._transcripts.clear()
            self._speech.clear()
            self._gate = None
        except Exception as error:
            self._failed = True
            self._writer.drop("error", error)

    def close(self, *, wait: float = 0.0) -> None:
        """End the call: what is decided is written with what there is of it.

        Args:
            wait: Seconds to wait for the disk at most.
        """
        self.end_stream()
        self._failed = True
        if self._owns_writer:
            self._writer.close(wait=wait)

    def _take(self, event: GateEvent) -> None:
        end = event.onset + event.speech_duration
        if event.kind is GateEventKind.HOLD:
            self._highest = event.overlap
            again = next((one for one in self._open if one.onset == event.onset), None)
            if again is not None:  # a late transcript: the same speech is decided anew
                again.number, again.decided = event.overlap, None
                again.events.append(event)
                return
            self._speech.append((event.overlap, [event.onset, end]))
            if self._chance() >= self._options.share:
                self._left_out += 1
                return
            clock = self._clock() - (event.time - event.onset)
            self._open.append(_Open(event.overlap, event.onset, clock, end, [event]))
            return
        for overlap in self._open:
            if overlap.number == event.overlap:
                overlap.events.append(event)
                overlap.decided = event.time
                overlap.speech_end = max(overlap.speech_end, end)
        for number, span in self._speech:
            if number == event.overlap:
                span[1] = max(span[1], end)

    def _take_frame(self, gate: Gate, frame: npt.NDArray[np.float32], speech_probability: float) -> None:
        if self.agent_audio is not None:
            self.agent_audio.advance()
        analyzer, evidence, now = gate.analyzer, gate.evidence, gate.time
        point = TracePoint(
            time=now,
            speech_probability=speech_probability,
            level_dbfs=analyzer.level_dbfs,
            noise_floor_dbfs=analyzer.noise_floor.dbfs,
            pitch_hz=math.nan,  # it takes long to measure, and can be measured in the recording
            probability=math.nan,
            evidence=evidence,
        )
        self._frames.append(_Frame(point, frame, gate.agent_speaking, self._learned))
        if not self._open:
            return
        onset = gate.speech_onset
        is_speech = speech_probability >= gate.options.deactivation_threshold
        for overlap in self._open:
            if is_speech and overlap.onset == onset:
                overlap.speech_end = min(now, overlap.onset + LONGEST)
        complete = [one for one in self._open if now >= self._end_of(one)]
        for overlap in complete:
            self._open.remove(overlap)
            self._complete(overlap, gate)

    @staticmethod
    def _end_of(overlap: _Open) -> float:
        """When the clip of an overlap is complete."""
        latest = overlap.onset + LONGEST + AFTER
        if overlap.decided is None:
            return latest
        return min(max(overlap.decided, overlap.speech_end) + AFTER, latest)

    def _complete(self, overlap: _Open, gate: Gate) -> None:
        end = self._end_of(overlap)
        first = overlap.onset - BEFORE - FRAME_DURATION / 2
        frames = [
            one for one in self._frames if first <= one.point.time - FRAME_DURATION and one.point.time <= end + 1e-6
        ]
        if not frames or overlap.speech_end < self._since:
            return
        clip = Span(frames[0].point.time - FRAME_DURATION, frames[-1].point.time)
        agent = _spans(frames)
        confirmed = next((one.time for one in overlap.events if one.kind is GateEventKind.CONFIRM), None)
        would = agent
        if self._stops_agent and confirmed is not None:
            would = _talking_on(agent, confirmed, clip.end)
        has_text = gate.expects_transcripts or bool(self._transcripts)
        recorded = RecordedOverlap(
            name=overlap_name(self._call, self._earlier + overlap.number),
            call=self._call,
            onset_clock=overlap.clock,
            clip=clip,
            speech=Span(overlap.onset, max(overlap.speech_end, overlap.onset + FRAME_DURATION)),
            events=tuple(overlap.events),
            others=[
                Span(max(start, clip.start), min(stop, clip.end))
                for _, (start, stop) in self._speech
                if start != overlap.onset and stop > clip.start and start < clip.end
            ],
            agent=agent,
            agent_would=would,
            transcripts=tuple(one for one in self._transcripts if clip.start <= one.at <= clip.end)
            if has_text
            else None,
            trace=[one.point for one in frames],
            learned=None if frames[0].learned is None else frames[0].learned.louder(-gate.input_gain_db),
            about={**self._about, "options": gate.options.model_dump()},
        )
        agent_sound = None
        if self._options.audio and self.agent_audio is not None:
            agent_sound = self.agent_audio.between(clip.start, clip.end)
        self._writer.put(
            RecordingJob(recorded, self._options, [one.samples for one in frames], gate.input_gain_db, agent_sound)
        )


@cache
def _own_version() -> str:
    return version("prosody-gate")  # it is looked up on the disk


def _spans(frames: Sequence[_Frame]) -> tuple[Span, ...]:
    """When the agent spoke, to a frame."""
    spans: list[Span] = []
    for one in frames:
        if not one.agent_speaks:
            continue
        start = one.point.time - FRAME_DURATION
        if spans and start - spans[-1].end < FRAME_DURATION / 2:
            spans[-1] = Span(spans[-1].start, one.point.time)
        else:
            spans.append(Span(start, one.point.time))
    return tuple(spans)


def _talking_on(agent: Sequence[Span], confirmed: float, end: float) -> tuple[Span, ...]:
    """The agent's speech, had nobody stopped it.

    Args:
        agent: When it spoke.
        confirmed: When the gate confirmed (s).
        end: Of the clip (s).
    """
    spoken = [span for span in agent if span.start <= confirmed]
    if not spoken or not confirmed - FRAME_DURATION <= spoken[-1].end <= confirmed + AFTER:
        return tuple(agent)
    return (*spoken[:-1], Span(spoken[-1].start, end))

"""What a page shows: overlaps to list, and for each recording its sound, measurements and decisions."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile

from ..audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from ..errors import ProsodyGateError
from ..gate import GateEvent, GateEventKind, GateOptions, Transcript, probability_of
from ..prosody import ProsodyAnalyzer
from ..replay import Span, TracePoint

Samples = npt.NDArray[np.int16]
"""[n] at 16 kHz."""

NONE: Final = -32768
"""Stands for a value that is not known, in the page's columns of 16-bit numbers."""

LONG: Final = 120.0
"""Seconds from which a recording is drawn with fewer points a second."""

QUALITY: Final = 0.95
"""libsndfile's compression level of the sound in the page, 0 to 1: Ogg Vorbis of about 5 kB a second for two voices."""


@dataclass(frozen=True, kw_only=True)
class PageItem:
    """One overlap, or one labelled event, in the list. Times are seconds of its clip."""

    clip: int
    """Which of the page's clips it lies in."""
    key: str
    """Names it for ever: labels are kept by it."""
    name: str
    """For people."""
    onset: float
    end: float
    """End of its speech."""
    line: int
    """Which of the page's manifest lines it belongs to."""
    span: Span
    """Where a label for it lies, in seconds of that line's recording."""
    hold: float | None = None
    """When it was held."""
    decided: float | None = None
    """When it was decided."""
    kind: str = ""
    """confirm, cancel or release; empty where nothing was."""
    reason: str = ""
    probability: float | None = None
    """P(interruption) at the decision."""
    threshold: float = 0.85
    """P from which the gate confirms."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """Each source's share in nats."""
    transcript: str = ""
    recognised: str = ""
    label: str | None = None
    right: bool | None = None
    """Whether the gate was right about it, where a report says so."""
    set: str = ""
    """The part of the collection it belongs to."""
    when: str = ""
    """Date and time of day, of an overlap with a clip of its own."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else is known, for people."""

    @classmethod
    def of_events(cls, events: Sequence[GateEvent], *, options: GateOptions | None, **given: Any) -> PageItem:
        """An overlap by its events: the last decision stands, for a late transcript may turn it."""
        holds = [event for event in events if event.kind is GateEventKind.HOLD]
        decisions = [event for event in events if event.kind is not GateEventKind.HOLD]
        last = decisions[-1] if decisions else events[-1]
        return cls(
            hold=holds[0].time if holds else None,
            decided=last.time if decisions else None,
            kind=last.kind.value if decisions else "",
            reason=last.reason,
            probability=last.probability,
            threshold=threshold_of(options),
            evidence=dict(last.evidence),
            transcript=last.transcript,
            recognised=last.recognised,
            **given,
        )

    def to_dict(self) -> dict[str, Any]:
        """The overlap as the page's script reads it."""
        return {
            "clip": self.clip,
            "key": self.key,
            "name": self.name,
            "onset": round(self.onset, 3),
            "end": round(self.end, 3),
            "line": self.line,
            "span": [round(self.span.start, 3), round(self.span.end, 3)],
            "hold": None if self.hold is None else round(self.hold, 3),
            "decided": None if self.decided is None else round(self.decided, 3),
            "latency": None if self.decided is None else round(self.decided - self.onset, 3),
            "kind": self.kind,
            "reason": self.reason,
            "p": None if self.probability is None else round(self.probability, 4),
            "threshold": round(self.threshold, 4),
            "nats": {name: round(nats, 3) for name, nats in self.evidence.items()},
            "transcript": self.transcript,
            "recognised": self.recognised,
            "label": self.label,
            "right": self.right,
            "set": self.set,
            "ownSet": self.set,
            "when": self.when,
            "about": dict(self.about),
        }


def threshold_of(options: GateOptions | None) -> float:
    """P(interruption) from which a gate with these options confirms; that of the default options when None."""
    return probability_of((options or GateOptions()).confirm_log_odds)


@dataclass(frozen=True, kw_only=True)
class PageClip:
    """One recording: what is heard and drawn. Times are its own seconds."""

    duration: float
    user: Samples | None = None
    """For the outline, and the sound inside the page; None where it is missing."""
    agent: Samples | None = None
    """The agent's voice, where it is known."""
    link: str | None = None
    """Address of the sound, relative to the page; None for sound inside the page."""
    missing: str = ""
    """Why there is no sound."""
    trace: Sequence[TracePoint] = ()
    """One point a frame."""
    agent_spans: Sequence[Span] = ()
    """When the agent speaks."""
    transcripts: Sequence[Transcript] = ()
    events: Sequence[GateEvent] = ()
    """All marks."""

    def sound(self) -> bytes | None:
        """Ogg Vorbis, the user left and the agent right; None for linked or missing sound."""
        if self.user is None or self.link is not None:
            return None
        voices = self.user[:, np.newaxis]
        if self.agent is not None:
            agent = np.zeros_like(self.user)
            count = min(len(agent), len(self.agent))
            agent[:count] = self.agent[:count]
            voices = np.stack([self.user, agent], axis=1)
        written = io.BytesIO()
        with soundfile.SoundFile(
            written,
            "w",
            samplerate=SAMPLE_RATE,
            channels=voices.shape[1],
            format="OGG",
            subtype="VORBIS",
            compression_level=QUALITY,
        ) as file:
            for start in range(0, len(voices), SAMPLE_RATE):  # the encoder's stack holds no more at a time
                file.write(voices[start : start + SAMPLE_RATE])
        return written.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """The recording as the page's script reads it; columns of numbers in base64."""
        per_second = 200 if self.duration < LONG else 100
        evidence = self._evidence()
        names = dict.fromkeys(name for shares in evidence for name in shares)
        shown = {
            name: _column([shares.get(name, math.nan) for shares in evidence], 100.0)
            for name in names
            if any(shares.get(name) for shares in evidence)
        }
        return {
            "duration": round(self.duration, 3),
            "link": self.link,
            "missing": self.missing,
            "perSecond": per_second,
            "peaks": _peaks(self.user, per_second),
            "agentPeaks": _peaks(self.agent, per_second),
            "loudest": _loudest(self.user),
            "agentLoudest": _loudest(self.agent),
            "first": round(self.trace[0].time, 4) if self.trace else 0.0,
            "step": FRAME_DURATION,
            "speech": _column([point.speech_probability for point in self.trace], 1000.0),
            "level": _column([point.level_dbfs for point in self.trace], 10.0),
            "floor": _column([point.noise_floor_dbfs for point in self.trace], 10.0),
            "pitch": _column([point.pitch_hz for point in self.trace], 10.0),
            "nats": shown,
            "agent": [
                [round(max(span.start, 0.0), 3), round(min(span.end, self.duration), 3)] for span in self.agent_spans
            ],
            "transcripts": [{"at": round(one.at, 3), "text": one.text, "final": one.final} for one in self.transcripts],
            "marks": [
                {"time": round(event.time, 3), "kind": event.kind.value}
                for event in sorted(self.events, key=lambda event: event.time)
            ],
        }

    def _evidence(self) -> list[Mapping[str, float]]:
        """Each frame's shares; at the frame of a decision those that it was made with, for nothing is held after it."""
        shares = [point.evidence for point in self.trace]
        if self.trace:
            for event in self.events:
                place = round((event.time - self.trace[0].time) / FRAME_DURATION)
                if 0 <= place < len(shares) and not shares[place]:
                    shares[place] = event.evidence
        return shares


def _loudest(samples: Samples | None) -> int:
    """The largest sample, as an 8-bit number."""
    return 0 if samples is None else math.ceil(int(np.abs(samples.astype(np.int32)).max(initial=0)) / 256)


def _column(values: Sequence[float], scale: float) -> str:
    numbers = np.asarray(values, np.float64) * scale
    known = np.where(np.isfinite(numbers), np.clip(np.rint(numbers), NONE + 1, 32767), NONE)
    return base64.b64encode(known.astype("<i2").tobytes()).decode()


def _peaks(samples: Samples | None, per_second: int) -> str:
    """Lowest and highest sample of each stretch, as 8-bit numbers in turns."""
    if samples is None or not len(samples):
        return ""
    size = SAMPLE_RATE // per_second
    count = math.ceil(len(samples) / size)
    padded = np.zeros(count * size, np.int16)
    padded[: len(samples)] = samples
    stretches = padded.reshape(count, size)
    peaks = np.stack([stretches.min(axis=1), stretches.max(axis=1)], axis=1) >> 8
    return base64.b64encode(peaks.astype(np.int8).tobytes()).decode()


def pitch_of(samples: Samples, speech: Sequence[float], threshold: float) -> list[float]:
    """F0 of each frame of a recording, in Hz; NaN where it is unvoiced or no speech.

    Args:
        samples: [n] int16 at 16 kHz.
        speech: The VAD's probability of each frame of 512 samples.
        threshold: Speech probability from which a frame is measured.
    """
    analyzer, pitches = ProsodyAnalyzer(), []
    for place, probability in enumerate(speech):
        frame = samples[place * FRAME_SAMPLES : (place + 1) * FRAME_SAMPLES]
        if len(frame) < FRAME_SAMPLES:
            pitches.append(math.nan)
            continue
        analyzer.push(frame.astype(np.float32) / 32768.0, probability)
        pitches.append(analyzer.pitch_hz() if probability >= threshold else math.nan)
    return pitches


@dataclass(frozen=True, kw_only=True)
class PageData:
    """All that one page shows."""

    title: str
    kind: str
    """call, folder or report."""
    about: str
    """One line under the title."""
    items: Sequence[PageItem]
    clips: Sequence[Callable[[], PageClip]]
    """Each makes one when the page is written."""
    lines: Sequence[Mapping[str, Any]]
    """Manifest lines without the labels that the page gives: what is exported begins with them."""
    export_name: str
    """Name of the exported file."""
    export_place: str
    """Where it is to be put so that its audio paths are right."""
    has_agent_sound: bool = False
    """Whether the sound inside the page has the agent's voice, so that it can be left out."""
    problems: Sequence[str] = ()
    """What could not be shown, a line each."""
    saves: str | None = None
    """Address that labels are sent to; None where the browser keeps them."""

    def to_dict(self) -> dict[str, Any]:
        """What the page's script reads first: the list, without sound and measurements."""
        identity = hashlib.sha256("\n".join([self.kind, self.title, *(item.key for item in self.items)]).encode())
        return {
            "kind": self.kind,
            "about": self.about,
            "page": identity.hexdigest()[:16],
            "items": [item.to_dict() for item in self.items],
            "lines": list(self.lines),
            "exportName": self.export_name,
            "exportPlace": self.export_place,
            "problems": list(self.problems),
            "saves": self.saves,
            "hasAgentSound": self.has_agent_sound,
        }


class PageError(ProsodyGateError):
    """What is to be shown cannot be, or holds nothing to show; names the file."""

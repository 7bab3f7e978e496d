"""One recorded overlap as a line of JSON: written by the recorder, read as a line of a manifest of calls."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..audio import FRAME_DURATION, SAMPLE_RATE
from ..errors import ProsodyGateError
from ..gate import GateEvent, Transcript
from ..prosody import Learned
from ..replay import Span, TracePoint

FORMAT: Final = 1
"""Version of the line; it changes when a field is renamed or changes its meaning."""

BEFORE, AFTER = 2.0, 2.0
"""Seconds that are recorded before the onset, and after the later of decision and end of speech."""

NEIGHBOUR: Final = "neighbour"
"""The set of overlaps that lie in the clip of another one: they have lines of their own, and count there."""


class RecordingError(ProsodyGateError):
    """A recorded overlap, or a folder of them, is not what it should be; names the file."""


@dataclass(frozen=True, kw_only=True)
class RecordedOverlap:
    """What is known of one overlap when its clip is complete. Times are seconds of the gate's stream."""

    name: str
    """Names its files; unique in the folder."""
    call: str
    """The session or recording it comes from: the unit of cross-validation, as long as nobody names the speaker."""
    onset_clock: float
    """Wall clock of the onset, in seconds since 1970."""
    clip: Span
    """What is recorded."""
    speech: Span
    """From the onset to the end of the overlap's speech."""
    events: Sequence[GateEvent]
    """The hold and what followed."""
    others: Sequence[Span] = ()
    """Speech of other overlaps that lies in the clip."""
    agent: Sequence[Span] = ()
    """When the agent spoke in the clip."""
    agent_would: Sequence[Span] = ()
    """The same as if the gate had not stopped it."""
    transcripts: Sequence[Transcript] | None = None
    """What speech-to-text delivered during the clip; None where there is none, or where text is not recorded."""
    trace: Sequence[TracePoint] = ()
    """What the gate saw, one point a frame."""
    learned: Learned | None = None
    """What the gate knew of room and user where the clip begins, without the profile's gain; None where nothing."""
    channels: int = 1
    """0 without audio, 1 for the user, 2 for user and agent."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Versions, profile, options: JSON-ready values."""

    def to_line(self, *, text: bool = True) -> str:
        """The overlap as one JSON object on one line, all times relative to the clip's first sample.

        Args:
            text: Whether what was said is written down.
        """
        start = self.clip.start
        transcripts = self.transcripts if text else None
        line: dict[str, Any] = {
            "recording": FORMAT,
            "name": self.name,
            "speaker": self.call,
            "at": datetime.fromtimestamp(self.onset_clock, UTC).isoformat(timespec="milliseconds"),
            "stream_start": round(start, 3),
            "duration": round(self.clip.end - start, 3),
            "user_channel": 0,
            **({} if self.channels < 2 else {"agent_audio": 1}),
            **({} if self.channels == 0 else {"audio": f"{self.name}.flac", "sample_rate": SAMPLE_RATE}),
            "overlap": _times(self.speech, start),
            "agent": [_times(span, start) for span in self.agent_would],
            "agent_spoke": [_times(span, start) for span in self.agent],
            "events": [
                {"label": "ambiguous", "start": begins, "end": ends, "set": NEIGHBOUR}
                for begins, ends in (_times(span, start) for span in self.others)
                if begins < ends
            ],
            "decisions": [_event(event, start, text=text) for event in self.events],
            **({} if transcripts is None else {"transcripts": [_transcript(one, start) for one in transcripts]}),
            **({} if self.learned is None else {"learned": self.learned.to_dict()}),
            "trace": _trace(self.trace, start),
            **self.about,
        }
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _times(span: Span, start: float) -> list[float]:
    return [round(max(span.start - start, 0.0), 3), round(span.end - start, 3)]


def _event(event: GateEvent, start: float, *, text: bool) -> dict[str, Any]:
    fields = event.to_dict()
    fields["onset"] = round(event.onset - start, 3)
    fields["time"] = round(event.time - start, 3)
    if not text:
        fields["transcript"] = fields["recognised"] = ""
    return fields


def _transcript(transcript: Transcript, start: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "at": round(max(transcript.at - start, 0.0), 3),
        "text": transcript.text,
        "final": transcript.final,
    }
    for name in ("start", "end"):
        value = getattr(transcript, name)
        # Words from before the clip: their times would be below 0.
        if value is not None and transcript.end is not None and transcript.end > start:
            fields[name] = round(max(value - start, 0.0), 3)
    return fields


def _trace(points: Sequence[TracePoint], start: float) -> dict[str, Any]:
    names = dict.fromkeys(name for point in points for name in point.evidence)
    return {
        "step": FRAME_DURATION,
        "first": round(points[0].time - start, 3) if points else 0.0,
        "speech": _column([point.speech_probability for point in points], 3),
        "level": _column([point.level_dbfs for point in points], 1),
        "floor": _column([point.noise_floor_dbfs for point in points], 1),
        "pitch": _column([point.pitch_hz for point in points], 1),
        "evidence": {name: _column([point.evidence.get(name, math.nan) for point in points], 2) for name in names},
    }


def _column(values: Sequence[float], digits: int) -> list[float | None]:
    """JSON-ready values, null for what is not known; by NumPy, so that the recorder's thread is not in the way."""
    return [None if value != value else value for value in np.round(np.asarray(values, np.float64), digits).tolist()]


def read_line(path: Path) -> dict[str, Any]:
    """The fields of one recorded overlap.

    Args:
        path: Its JSON file.

    Raises:
        RecordingError: The file cannot be read, is no JSON, or is no recorded overlap of this version.
    """
    expected = "expected one recorded overlap, a JSON object"
    try:
        fields: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror}); {expected}") from None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError too
        raise RecordingError(f"{path}: not JSON; {expected}") from None
    if not isinstance(fields, dict) or "recording" not in fields:
        raise RecordingError(f"{path}: has no field 'recording'; {expected}")
    if fields["recording"] != FORMAT:
        raise RecordingError(
            f"{path}: was recorded in format {fields['recording']!r}; expected {FORMAT}, the format of this version"
        )
    speech, events = fields.get("overlap"), fields.get("events")
    is_span = isinstance(speech, list) and len(speech) == 2 and all(_is_number(value) for value in speech)
    if not is_span or not isinstance(events, list) or not isinstance(fields.get("decisions"), list):
        raise RecordingError(f"{path}: overlap, events or decisions are missing or damaged; {expected}")
    return fields


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def label_of(fields: Mapping[str, Any]) -> str | None:
    """The label that somebody gave to a recorded overlap; None where it has none."""
    for event in fields["events"]:
        if isinstance(event, dict) and event.get("set") != NEIGHBOUR:
            return str(event.get("label"))
    return None


def with_label(fields: Mapping[str, Any], label: str | None) -> dict[str, Any]:
    """The fields with another label, or without any.

    Args:
        fields: Of a recorded overlap.
        label: One of the labels of a manifest; None takes it away.
    """
    start, end = fields["overlap"]
    events = [event for event in fields["events"] if isinstance(event, dict) and event.get("set") == NEIGHBOUR]
    if label is not None:
        events.append({"label": label, "start": start, "end": end})
    return {**fields, "events": events}

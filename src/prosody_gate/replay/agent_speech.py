"""When the agent speaks in a recording."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import AudioError
from ..vad import SpeechChange, SpeechDetector, SpeechSegmenter

PAUSE: Final = 0.8
"""Silence (s) within which an agent is between two sentences, not at its end."""

LONGEST: Final = 1e7
"""Seconds beyond which a number is no time in a recording (a third of a year)."""


class Span(NamedTuple):
    """A stretch of agent speech, in seconds of the stream."""

    start: float
    end: float


def spans_of_channel(frames: Iterable[npt.NDArray[np.float32]], detector: SpeechDetector) -> tuple[Span, ...]:
    """The spans in which an agent's own channel carries speech, pauses between sentences included.

    Args:
        frames: The channel's frames, [512] float32 at 16 kHz.
        detector: A VAD for this channel alone.
    """
    segmenter = SpeechSegmenter(min_silence_duration=PAUSE)
    spans = []
    for frame in frames:
        if segmenter.push(detector.frame_probability(frame)) is SpeechChange.ENDED:
            spans.append(Span(segmenter.onset, segmenter.last_speech_end))
    if segmenter.speaking:
        spans.append(Span(segmenter.onset, segmenter.last_speech_end))
    return tuple(spans)


def read_spans(path: Path | str) -> tuple[Span, ...]:
    """Read spans from a JSON file: `[[start, end], ...]` in seconds, in order, not overlapping.

    Raises:
        AudioError: The file is missing or not such a list; names the file and the entry.
    """
    path = Path(path)
    expected = "expected a JSON list of [start, end] in seconds"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); {expected}") from None
    except (ValueError, RecursionError) as error:
        raise AudioError(f"{path}: not JSON ({error}); {expected}") from None
    if not isinstance(content, list):
        raise AudioError(f"{path}: {expected}, got {type(content).__name__}")
    return check_spans(content, source=str(path))


def check_spans(entries: Iterable[object], *, source: str = "agent") -> tuple[Span, ...]:
    """Spans from pairs of numbers.

    Raises:
        AudioError: An entry is no pair of numbers, ends before it starts, or starts before the one before it ends.
    """
    spans: list[Span] = []
    for index, entry in enumerate(entries, start=1):
        if (
            not isinstance(entry, (list, tuple))
            or len(entry) != 2
            or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in entry)
            or not all(-LONGEST < value < LONGEST for value in entry)
        ):
            raise AudioError(f"{source}: entry {index} is {entry!r}; expected [start, end] in seconds")
        start, end = float(entry[0]), float(entry[1])
        if start < 0.0 or end <= start:
            raise AudioError(f"{source}: entry {index} is {entry!r}; expected 0 <= start < end")
        if spans and start < spans[-1].end:
            raise AudioError(f"{source}: entry {index} starts at {start:g} s, before entry {index - 1} ends")
        spans.append(Span(start, end))
    return tuple(spans)

"""When the words of a transcription frame were said, as its speech-to-text service reports it.

Pipecat's frames carry the service's own answer in `result`, and each service has a shape of its own. A frame's
`timestamp` is the wall clock at its arrival and says nothing about the speech.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from pipecat.frames.frames import Frame


class SaidWord(NamedTuple):
    """A word with its times in seconds of the audio that the service got."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpokenTimes:
    """When what a frame says was said, in seconds from the first audio that the service got on its connection."""

    start: float
    end: float
    words: tuple[SaidWord, ...] = ()
    """The words in order, each with its own times; none where the service reports only the whole."""


WordTimes = Callable[[Frame], SpokenTimes | None]
"""Reads a frame's times; None where it has none."""


def deepgram(frame: Frame) -> SpokenTimes | None:
    """Deepgram (`DeepgramSTTService`): `channel.alternatives[0].words`, in seconds."""
    best = _first(_get(_get(_result(frame), "channel"), "alternatives"))
    return _spoken(
        (_get(word, "punctuated_word") or _get(word, "word"), _get(word, "start"), _get(word, "end"))
        for word in _get(best, "words") or ()
    )


def assemblyai(frame: Frame) -> SpokenTimes | None:
    """AssemblyAI (`AssemblyAISTTService`): `words`, in milliseconds."""
    words = _get(_result(frame), "words") or ()
    return _spoken(((_get(w, "text"), _get(w, "start"), _get(w, "end")) for w in words), unit=1e-3)


def aws(frame: Frame) -> SpokenTimes | None:
    """Amazon Transcribe (`AWSTranscribeSTTService`): `Alternatives[0].Items`, in seconds."""
    best = _first(_get(_result(frame), "Alternatives"))
    items = [item for item in _get(best, "Items") or () if _get(item, "Type") != "punctuation"]
    return _spoken((_get(item, "Content"), _get(item, "StartTime"), _get(item, "EndTime")) for item in items)


def azure(frame: Frame) -> SpokenTimes | None:
    """Azure Speech (`AzureSTTService`): `result.offset` and `result.duration` of the whole, in steps of 100 ns."""
    result = _get(_result(frame), "result")
    offset, duration = _number(_get(result, "offset")), _number(_get(result, "duration"))
    if offset is None or not duration:
        return None
    return SpokenTimes(offset * 1e-7, (offset + duration) * 1e-7)


def elevenlabs(frame: Frame) -> SpokenTimes | None:
    """ElevenLabs (`ElevenLabsRealtimeSTTService` with `include_timestamps`): `words`, in seconds."""
    words = [word for word in _get(_result(frame), "words") or () if _get(word, "type") in (None, "word")]
    return _spoken((_get(word, "text"), _get(word, "start"), _get(word, "end")) for word in words)


def gladia(frame: Frame) -> SpokenTimes | None:
    """Gladia (`GladiaSTTService`): `data.utterance.words`, in seconds."""
    utterance = _get(_get(_result(frame), "data"), "utterance")
    words = _get(utterance, "words") or ()
    return _spoken((_get(word, "word"), _get(word, "start"), _get(word, "end")) for word in words)


def google(frame: Frame) -> SpokenTimes | None:
    """Google Speech-to-Text (`GoogleSTTService` with word time offsets): `alternatives[0].words`, as durations."""
    best = _first(_get(_result(frame), "alternatives"))
    words = _get(best, "words") or ()
    return _spoken((_get(word, "word"), _get(word, "start_offset"), _get(word, "end_offset")) for word in words)


def soniox(frame: Frame) -> SpokenTimes | None:
    """Soniox (`SonioxSTTService`): a list of tokens, parts of words, with times in milliseconds."""
    tokens = _result(frame)
    if not isinstance(tokens, list):
        return None
    words: list[tuple[str, Any, Any]] = []
    for token in tokens:
        text, start, end = _get(token, "text"), _get(token, "start_ms"), _get(token, "end_ms")
        if words and isinstance(text, str) and not text.startswith(" "):
            words[-1] = (words[-1][0] + text, words[-1][1], words[-1][2] if end is None else end)
        else:
            words.append((text, start, end))
    return _spoken(words, unit=1e-3)


SERVICES: Final[Mapping[str, WordTimes]] = {
    "deepgram": deepgram,
    "assemblyai": assemblyai,
    "aws": aws,
    "azure": azure,
    "elevenlabs": elevenlabs,
    "gladia": gladia,
    "google": google,
    "soniox": soniox,
}
"""By the name of the service's module in `pipecat.services`."""

COUNT_FROM_FIRST_AUDIO: Final = frozenset({"deepgram"})
"""Services that are connected before the first audio comes, so that they count from it."""


def service_of(processor: object) -> str | None:
    """The name of a speech-to-text service of Pipecat's own, as in `SERVICES`; None for any other processor."""
    for base in type(processor).__mro__:
        found = re.match(r"pipecat\.services\.(\w+)\.", f"{base.__module__}.")
        if found is not None:
            return found[1]
    return None


def _result(frame: Frame) -> Any:
    return getattr(frame, "result", None)


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _first(things: Any) -> Any:
    return things[0] if things else None


def _number(value: Any) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _spoken(words: Iterable[tuple[Any, Any, Any]], *, unit: float = 1.0) -> SpokenTimes | None:
    """The times of words; None where there are none, or one has no times that can be."""
    said = []
    for text, start, end in words:
        begins, ends = _number(start), _number(end)
        if begins is None or ends is None or ends < begins or not str(text or "").strip():
            return None
        said.append(SaidWord(str(text).strip(), begins * unit, ends * unit))
    return SpokenTimes(said[0].start, said[-1].end, tuple(said)) if said else None

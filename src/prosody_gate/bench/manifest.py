"""Reads what is to be benchmarked: labelled clips, calls or overlaps, one a line."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from ..audio import AudioFile
from ..errors import OptionError, ProsodyGateError
from ..gate import Transcript
from ..prosody import Learned
from ..recording import NEIGHBOUR, RecordingError, label_of, overlap_files, read_line
from ..replay import LONGEST, Span, TimedWord, check_spans, read_transcripts
from .items import AMBIGUOUS, LABELS, Call, Clip, Item, LabelledEvent, WordOverlap


class ManifestError(ProsodyGateError):
    """A benchmark manifest, or a line of it, is not what it should be; names the file and the line."""


CLIP_FORM: Final = '{"audio": "path", "label": "...", "set": "..."}'
CALL_FORM: Final = '{"audio": "path", "user_channel": 1, "agent_channel": 0, "events": [...]}'
OVERLAP_FORM: Final = '{"label": "...", "words": [["word", start, end], ...]}'
EVENT_FORM: Final = '{"label": "...", "start": seconds, "end": seconds}'
MOST_CHANNELS: Final = 64


class ManifestLine:
    """The fields of one line.

    Args:
        text: The line, a JSON object.
        number: Of the line, from 1.
        path: The manifest; relative audio paths start at its folder.

        of_folder: Whether `path` is the file of one recorded overlap, the only line in it.

    Raises:
        ManifestError: The line is not a JSON object. So do all methods for a field that cannot be used.
    """

    def __init__(self, text: str, *, number: int, path: Path, of_folder: bool = False) -> None:
        self.number = number
        self._path = path
        self._where = str(path) if of_folder else f"{path}:{number}"
        try:
            fields: Any = json.loads(text)
        except (ValueError, RecursionError):
            raise ManifestError(f"{self._where}: not JSON; expected one JSON object a line") from None
        if not isinstance(fields, dict):
            raise self._error(f"is a {type(fields).__name__}; expected one JSON object a line")
        self._fields: dict[str, Any] = fields

    @property
    def is_unlabelled(self) -> bool:
        """Whether it is a recorded overlap that nobody has labelled."""
        events = self._fields.get("events")
        if "recording" not in self._fields or not isinstance(events, list):
            return False
        return label_of(self._fields) is None

    @property
    def kind(self) -> str:
        """The kind of manifest that such a line belongs to: clips, calls or overlaps."""
        if "words" in self._fields:
            return "overlaps"
        return "calls" if "events" in self._fields else "clips"

    def clip(self) -> Clip:
        """The line as a clip."""
        self._need(("audio", "label"), CLIP_FORM)
        label, audio = self._label(self._fields), self._audio()
        name = str(self._fields["audio"])
        start, end = self._cut(audio)
        if start or end is not None:
            name += f" {start:g}-{'end' if end is None else f'{end:g}'}"
        return Clip(
            line=self.number,
            name=name,
            group=self._text("speaker") or str(self._fields["audio"]),
            label=label,
            set=self._text("set") or label,
            audio=audio.absolute(),
            start=start,
            end=end,
            transcripts=self._transcripts(),
            kind=self._text("kind"),
        )

    def call(self) -> Call:
        """The line as a call."""
        self._need(("audio", "events"), CALL_FORM)
        audio = self._audio()
        agent_channel, spans = self._agent()
        events = self._fields["events"]
        if not isinstance(events, list) or not events:
            raise self._error(f"events is {_shown(events)}; expected a list of {EVENT_FORM}")
        duration = self._duration(audio)
        return Call(
            line=self.number,
            name=str(self._fields["audio"]),
            group=self._text("speaker") or str(self._fields["audio"]),
            audio=audio.absolute(),
            user_channel=self._channel("user_channel", 0 if agent_channel is None else 1 - agent_channel),
            agent_channel=agent_channel,
            agent=spans,
            events=tuple(
                sorted(
                    (self._event(event, place, duration) for place, event in enumerate(events, start=1)),
                    key=lambda event: event.start,
                )
            ),
            transcripts=self._transcripts(),
            learned=self._learned(),
        )

    def overlap(self) -> WordOverlap:
        """The line as an overlap without audio."""
        self._need(("label", "words"), OVERLAP_FORM)
        name = self._text("id") or f"line {self.number}"
        return WordOverlap(
            line=self.number,
            name=name,
            group=self._text("conversation") or name,
            label=self._label(self._fields),
            set=self._text("set") or self._text("corpus") or "overlaps",
            words=self._words(self._fields["words"]),
            kind=self._text("kind"),
        )

    def _error(self, problem: str) -> ManifestError:
        return ManifestError(f"{self._where}: {problem}")

    def _need(self, names: tuple[str, ...], form: str) -> None:
        for name in names:
            if name not in self._fields:
                raise self._error(f"{name} is missing; expected {form}")

    def _text(self, name: str) -> str:
        value = self._fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._error(f"{name} is {_shown(value)}; expected a string")
        return value

    def _label(self, fields: dict[str, Any], prefix: str = "") -> str:
        label = fields.get("label")
        if label not in LABELS:
            raise self._error(f"{prefix}label is {_shown(label)}; expected one of {', '.join(LABELS)}")
        return str(label)

    def _seconds(self, value: object, name: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0.0 <= value < LONGEST:
            raise self._error(f"{name} is {_shown(value)}; expected seconds, 0 or more")
        return float(value)

    def _audio(self) -> Path:
        value = self._text("audio")
        if not value:
            raise self._error("audio is empty; expected the path of a recording")
        path = self._path.parent / value
        if not os.path.isfile(path):
            raise self._error(f"audio {value}: no such file; expected a recording, from the manifest's folder")
        return path

    def _duration(self, audio: Path) -> float:
        try:
            with AudioFile(audio) as recording:
                return recording.duration
        except ProsodyGateError as error:
            raise self._error(str(error)) from error

    def _cut(self, audio: Path) -> tuple[float, float | None]:
        start, end = self._fields.get("start"), self._fields.get("end")
        if start is None and end is None:
            return 0.0, None
        duration = self._duration(audio)
        begins = 0.0 if start is None else self._seconds(start, "start")
        ends = None if end is None else self._seconds(end, "end")
        self._check_order(begins, duration if ends is None else ends, duration, "")
        return begins, ends

    def _check_order(self, start: float, end: float, duration: float, prefix: str) -> None:
        if start >= end:
            raise self._error(f"{prefix}start is {start:g} s, end is {end:g} s; expected start < end")
        if start >= duration or end > duration + 0.1:
            raise self._error(
                f"{prefix}start is {start:g} s, end is {end:g} s; expected them within the recording's {duration:.2f} s"
            )

    def _transcripts(self) -> tuple[Transcript, ...] | None:
        value = self._fields.get("transcripts")
        if value is None:
            return None
        if isinstance(value, str):
            try:
                return read_transcripts(self._path.parent / value)
            except ProsodyGateError as error:
                raise self._error(f"transcripts: {error}") from error
        if not isinstance(value, list):
            raise self._error(f"transcripts is {_shown(value)}; expected a list, or the path of a JSONL file")
        transcripts = [self._transcript(entry, place) for place, entry in enumerate(value, start=1)]
        return tuple(sorted(transcripts, key=lambda transcript: transcript.at))

    def _transcript(self, entry: Any, place: int) -> Transcript:
        where = f"transcripts, entry {place}"
        if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
            raise self._error(f'{where}: expected {{"at": seconds, "text": "...", "final": true or false}}')
        final = entry.get("final", False)
        if not isinstance(final, bool):
            raise self._error(f"{where}: final is {_shown(final)}; expected true or false")
        start, end = entry.get("start"), entry.get("end")
        try:
            return Transcript(
                at=self._seconds(entry.get("at"), f"{where}: at"),
                text=entry["text"],
                final=final,
                start=None if start is None else self._seconds(start, f"{where}: start"),
                end=None if end is None else self._seconds(end, f"{where}: end"),
            )
        except ValueError as error:
            raise self._error(f"{where}: {error}") from None

    def _learned(self) -> Learned | None:
        value = self._fields.get("learned")
        if value is None:
            return None
        try:
            return Learned.from_dict(value)
        except ValueError as error:
            raise self._error(f"learned is damaged ({error}); expected it as it was recorded") from None

    def _channel(self, name: str, default: int) -> int:
        value = self._fields.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST_CHANNELS:
            raise self._error(f"{name} is {_shown(value)}; expected a channel, from 0")
        return value

    def _agent(self) -> tuple[int | None, tuple[Span, ...]]:
        has_spans = self._fields.get("agent") is not None
        has_channel = self._fields.get("agent_channel") is not None
        if has_spans == has_channel:
            raise self._error("expected either agent_channel or agent (a list of [start, end] in seconds)")
        if has_channel:
            channel = self._channel("agent_channel", 0)
            if "user_channel" not in self._fields and channel > 1:
                raise self._error("user_channel is missing; expected a channel, from 0")
            return channel, ()
        spans = self._fields["agent"]
        if not isinstance(spans, list):
            raise self._error(f"agent is {_shown(spans)}; expected a list of [start, end] in seconds")
        try:
            return None, check_spans(spans, source="agent")
        except ProsodyGateError as error:
            raise self._error(str(error)) from error

    def _event(self, event: Any, place: int, duration: float) -> LabelledEvent:
        prefix = f"events, entry {place}: "
        if not isinstance(event, dict):
            raise self._error(f"{prefix}is {_shown(event)}; expected {EVENT_FORM}")
        label = self._label(event, prefix)
        start = self._seconds(event.get("start"), f"{prefix}start")
        end = self._seconds(event.get("end"), f"{prefix}end")
        self._check_order(start, end, duration, prefix)
        name, sound = event.get("set", label), event.get("kind") or ""
        for field, value in (("set", name), ("kind", sound)):
            if not isinstance(value, str):
                raise self._error(f"{prefix}{field} is {_shown(value)}; expected a string")
        return LabelledEvent(label, name, start, end, sound)

    def _words(self, value: Any) -> tuple[TimedWord, ...]:
        form = 'expected a list of ["word", start, end]'
        if not isinstance(value, list) or not value:
            raise self._error(f"words is {_shown(value)}; {form}")
        words: list[TimedWord] = []
        for place, entry in enumerate(value, start=1):
            where = f"words, entry {place}"
            if not isinstance(entry, list) or len(entry) != 3 or not isinstance(entry[0], str):
                raise self._error(f"{where}: is {_shown(entry)}; {form}")
            start, end = (self._seconds(time, where) for time in entry[1:])
            if end <= start:
                raise self._error(f"{where}: start is {start:g} s, end is {end:g} s; expected start < end")
            if words and start < words[-1].start:
                raise self._error(f"{where}: starts at {start:g} s, before the word before it")
            words.append(TimedWord(entry[0], start, end))
        return tuple(words)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


Kind = Literal["clips", "calls", "overlaps"]

KINDS: Final[tuple[str, ...]] = get_args(Kind)


@dataclass(frozen=True)
class SkippedLine:
    """A line that could not be used."""

    line: int
    """From 1."""
    problem: str
    """One line that says what was wrong and what was expected."""


@dataclass(frozen=True)
class Manifest:
    """All that can be used of one manifest."""

    path: Path
    """Where it was read from."""
    kind: Kind
    """What its lines are."""
    items: tuple[Item, ...]
    """The lines to be scored, in order."""
    skipped: tuple[SkippedLine, ...] = ()
    """The lines that could not be used."""
    ambiguous: int = 0
    """Events labelled ambiguous: not scored."""
    unlabelled: int = 0
    """Recorded overlaps that nobody has labelled: not scored."""


def read_manifest(path: Path | str, *, kind: str | None = None, strict: bool = False) -> Manifest:
    """Read a JSONL manifest, gzipped where its name ends in `.gz`.

    Args:
        path: The file.
        kind: clips, calls or overlaps; None goes by the first line's fields.
        strict: Whether a line that cannot be used is an error; otherwise it is skipped and listed.

    Raises:
        ManifestError: The file cannot be read, nothing in it can be used, or, with `strict`, a line cannot.
        OptionError: There is no such kind.
    """
    path = Path(path)
    if kind is not None and kind not in KINDS:
        raise OptionError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    items: list[Item] = []
    skipped: list[SkippedLine] = []
    ambiguous = unlabelled = 0
    for line_text in _lines(path):
        if not line_text.text.strip():
            continue
        number = line_text.number
        try:
            if line_text.path != path:
                read_line(line_text.path)  # says more exactly what is wrong with a recording
            line = ManifestLine(line_text.text, number=number, path=line_text.path, of_folder=line_text.path != path)
            if line.is_unlabelled:
                unlabelled += 1
                continue
            item = _item(line, kind or line.kind)
            kind = kind or line.kind
        except (ManifestError, RecordingError) as error:
            if strict:
                raise
            skipped.append(SkippedLine(number, str(error)))
            continue
        if isinstance(item, Call):
            ambiguous += sum(event.label == AMBIGUOUS and event.set != NEIGHBOUR for event in item.events)
        elif item.label == AMBIGUOUS:
            ambiguous += 1
            continue
        items.append(item)
    if not items:
        raise ManifestError(_nothing(path, skipped, ambiguous, unlabelled))
    return Manifest(path, kind, tuple(items), tuple(skipped), ambiguous, unlabelled)  # type: ignore[arg-type]


def _item(line: ManifestLine, kind: str) -> Item:
    if kind == "clips":
        return line.clip()
    return line.call() if kind == "calls" else line.overlap()


class _Line(NamedTuple):
    """One line of a manifest, or one file of a folder of recorded overlaps."""

    path: Path
    number: int
    text: str


def _lines(path: Path) -> list[_Line]:
    if path.is_dir():
        return [
            _Line(file, number, file.read_text(encoding="utf-8", errors="replace"))
            for number, file in enumerate(overlap_files(path), start=1)
        ]
    return [_Line(path, number, text) for number, text in enumerate(_texts(path), start=1)]


def _texts(path: Path) -> list[str]:
    expected = "expected a JSONL manifest of clips, calls or overlaps"
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return file.read().split("\n")
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: not UTF-8 text; {expected}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ManifestError(f"{path}: damaged ({error}); {expected}") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); {expected}") from None


def _nothing(path: Path, skipped: list[SkippedLine], ambiguous: int, unlabelled: int) -> str:
    if unlabelled:
        return (
            f"{path}: none of its {unlabelled + len(skipped)} recorded overlaps has a label; "
            f"prosody-gate label {path} --page asks for them"
        )
    if skipped:
        first = skipped[0].problem
        return f"{path}: none of its {len(skipped) + ambiguous} lines can be used; the first: {first}"
    if ambiguous:
        return f"{path}: all {ambiguous} lines are labelled ambiguous; expected some that can be scored"
    return f"{path}: is empty; expected one clip, call or overlap a line"

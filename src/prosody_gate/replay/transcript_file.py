"""Recorded transcripts: one JSON object a line, in the order they arrived."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import TranscriptError
from ..gate import Transcript
from .agent_speech import LONGEST

FORM = '{"at": seconds, "text": "...", "final": true or false, "start": seconds, "end": seconds}'
NUMBERS = ("at", "start", "end")


def read_transcripts(path: Path | str) -> tuple[Transcript, ...]:
    """Read a JSONL file of transcripts, sorted by arrival; `final`, `start` and `end` may be left out.

    Raises:
        TranscriptError: The file cannot be read, or a line is not a transcript; names the file and the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise TranscriptError(f"{path}: cannot be read ({error.strerror}); expected one {FORM} a line") from None
    except UnicodeDecodeError:
        raise TranscriptError(f"{path}: not UTF-8 text; expected one {FORM} a line") from None
    transcripts = [_parse(line, where=f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]
    return tuple(sorted(transcripts, key=lambda transcript: transcript.at))


def _parse(line: str, *, where: str) -> Transcript:
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise TranscriptError(f"{where}: not JSON; expected {FORM}") from None
    if not isinstance(fields, dict) or "at" not in fields or "text" not in fields:
        raise TranscriptError(f"{where}: expected {FORM}, at least with at and text")
    unknown = fields.keys() - {*NUMBERS, "text", "final"}
    if unknown:
        raise TranscriptError(f"{where}: unknown field {min(unknown)!r}; expected {FORM}")
    if not isinstance(fields["text"], str):
        raise TranscriptError(f"{where}: text is {fields['text']!r}; expected a string")
    if any("\ud800" <= letter <= "\udfff" for letter in fields["text"]):
        raise TranscriptError(f"{where}: text has half a surrogate pair, which is no letter; expected Unicode text")
    if not isinstance(fields.get("final", False), bool):
        raise TranscriptError(f"{where}: final is {fields['final']!r}; expected true or false")
    for name in NUMBERS:
        value = fields.get(name)
        if value is None and name != "at":
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < LONGEST:
            raise TranscriptError(f"{where}: {name} is {value!r}; expected seconds, 0 or more")
    try:
        return Transcript(**fields)
    except TranscriptError as error:
        raise TranscriptError(f"{where}: {error}") from None

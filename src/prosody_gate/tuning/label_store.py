"""The manifest that labelling writes: a line a call, made anew after each label."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..atomic_file import replacing
from ..bench import ManifestError
from ..bench.labels import LABELS


class LabelStore:
    """The labelled events of one call in a manifest that may hold others.

    Args:
        manifest: The file; made with the first label.
        call: The call's line without its events: audio, channels, when the agent speaks.

    Raises:
        ManifestError: The file is there and is no manifest of calls, or its name is that of a gzipped one.
    """

    def __init__(self, manifest: Path, call: dict[str, Any]) -> None:
        if manifest.suffix == ".gz":
            raise ManifestError(f"{manifest}: is read as gzipped, and labels are written as text; expected .jsonl")
        self._manifest = manifest
        self._call = call
        self._others: list[str] = []
        self._place = 0
        self.events: list[dict[str, Any]] = []
        """Labelled so far: label, start, end; in order of their start."""
        self._read()

    def label_of(self, start: float, end: float) -> str | None:
        """The label of a stretch that shares time with a labelled one; None where there is none."""
        for event in self.events:
            if min(end, event["end"]) > max(start, event["start"]):
                return str(event["label"])
        return None

    def put(self, label: str, start: float, end: float) -> None:
        """Label a stretch, and write the manifest whole or not at all.

        Args:
            label: One of `LABELS`.
            start: In seconds of the recording.
            end: In seconds of the recording.

        Raises:
            OptionError: The file cannot be written.
        """
        self._without(start, end)
        self.events.append({"label": label, "start": round(start, 3), "end": round(end, 3)})
        self.events.sort(key=lambda event: float(event["start"]))
        self._write()

    def remove(self, start: float, end: float) -> None:
        """Take a label back."""
        self._without(start, end)
        self._write()

    def _without(self, start: float, end: float) -> None:
        self.events = [event for event in self.events if min(end, event["end"]) <= max(start, event["start"])]

    def _read(self) -> None:
        if not os.path.exists(self._manifest):
            return
        try:
            lines = self._manifest.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError):
            raise ManifestError(f"{self._manifest}: cannot be read; expected a manifest of calls") from None
        self._place = len(lines)
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                fields = json.loads(text)
                events = fields["events"]
                mine = (fields["audio"], _user_channel(fields)) == (self._call["audio"], _user_channel(self._call))
                well_formed = all(
                    event["label"] in LABELS and float(event["start"]) < float(event["end"]) for event in events
                )
            except (ValueError, KeyError, TypeError):
                well_formed = mine = False
                events = []
            if not well_formed:
                raise ManifestError(f"{self._manifest}:{number}: is no labelled call; expected a manifest of calls")
            if mine:
                self._place = len(self._others)
                # When the agent speaks is told by its channel or in spans, never by both.
                told_anew = {"events", "agent", "agent_channel"}
                self._call = {**{name: value for name, value in fields.items() if name not in told_anew}, **self._call}
                self.events = list(events)
            else:
                self._others.append(text)

    def _write(self) -> None:
        lines = list(self._others)
        if self.events:
            lines.insert(self._place, json.dumps({**self._call, "events": self.events}, ensure_ascii=False))
        with replacing(self._manifest) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _user_channel(fields: dict[str, Any]) -> int:
    """The user's channel of a line, by the manifest's own rule where it is not said."""
    agent = fields.get("agent_channel")
    return int(fields.get("user_channel", 0 if agent is None else 1 - int(agent)))

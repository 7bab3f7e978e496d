"""Goes through the overlaps of a call and asks for a label for each at the keyboard."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..atomic_file import replacing
from ..audio import AudioFile
from ..bench import LABELS, ManifestError, speech_segments
from ..calibration import Player
from ..errors import ProsodyGateError
from ..gate import GateEventKind, GateOptions
from ..recording import RecordingError, label_of, overlap_files, read_line, set_label
from ..replay import ReplayResult


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
        """The label of a span that shares time with a labelled one; None where there is none."""
        for event in self.events:
            if min(end, event["end"]) > max(start, event["start"]):
                return str(event["label"])
        return None

    def put(self, label: str, start: float, end: float) -> None:
        """Label a span, and write the manifest whole or not at all.

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
        """Remove a label."""
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
                # When the agent speaks follows from its channel or from spans, never from both.
                given_anew = {"events", "agent", "agent_channel"}
                self._call = {**{name: value for name, value in fields.items() if name not in given_anew}, **self._call}
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


KEYS: Final = {
    "b": "backchannel",
    "i": "interruption",
    "n": "noise",
    "c": "nonspeech",
    "a": "ambiguous",
}
"""Key to label; c: a cough, a laugh, a sneeze."""

PLAY, SKIP, UNDO, QUIT = "p", "s", "u", "q"
HELP: Final = (
    "b backchannel · i interruption · n noise · c cough or laugh · a cannot be sure · "
    "p play again · s skip · u undo · q quit"
)

WOULD: Final = {
    GateEventKind.CONFIRM: "stop for it",
    GateEventKind.CANCEL: "talk on",
    GateEventKind.RELEASE: "hand over",
}

AROUND: Final = 0.5
"""Seconds played before and after an overlap."""


class Proposal(NamedTuple):
    """An overlap to be labelled."""

    start: float
    """In seconds of the recording."""
    end: float
    """In seconds of the recording."""
    recognised: str
    """What the on-device listener recognised."""
    decided: str
    """What the gate did."""
    file: Path | None = None
    """Of a recorded overlap; None for one in a call."""


def proposals_of(result: ReplayResult, options: GateOptions) -> tuple[Proposal, ...]:
    """The overlaps of a replay, each with the whole of its speech: a decision may come long before its end.

    Args:
        result: With its trace.
        options: Of the gate.
    """
    segments = speech_segments([point.speech_probability for point in result.trace], options)
    ends = {segment.start: segment.end for segment in segments}
    proposals: dict[float, Proposal] = {}
    for event in result.decisions:
        end = min(ends.get(event.onset, event.onset + event.speech_duration), result.duration)
        if end > event.onset:
            # The last decision about an overlap stands: a late transcript may turn it.
            proposals[event.onset] = Proposal(event.onset, end, event.recognised, WOULD[event.kind])
    return tuple(proposals.values())


class Sitting(ABC):
    """Goes through overlaps at the keyboard; where the labels are kept and the sound is, its kinds know.

    Args:
        proposals: In order.
        player: None where there is no sound device.
        key: Waits for a key and gives it.
        show: Prints a line.
    """

    def __init__(
        self,
        proposals: Sequence[Proposal],
        *,
        player: Player | None,
        key: Callable[[], str],
        show: Callable[[str], None],
    ) -> None:
        self._proposals = proposals
        self._player = player
        self._key = key
        self._show = show

    @property
    def count(self) -> int:
        """Overlaps in all."""
        return len(self._proposals)

    @abstractmethod
    def _label_of(self, proposal: Proposal) -> str | None:
        """Its label; None where it has none."""

    @abstractmethod
    def _put(self, label: str, proposal: Proposal) -> None:
        """Label it, and keep that for good."""

    @abstractmethod
    def _remove(self, proposal: Proposal) -> None:
        """Take its label away."""

    @abstractmethod
    def _sound(self, proposal: Proposal) -> tuple[npt.NDArray[np.float32], int]:
        """The recording that it is in, float32 mono, and its rate in Hz."""

    @property
    def left(self) -> int:
        """Overlaps without a label."""
        return sum(self._label_of(one) is None for one in self._proposals)

    def run(self) -> None:
        """Ask for a label for each overlap that has none, until all are through or the user quits.

        Raises:
            OptionError: The manifest cannot be written.
        """
        place = 0
        past: list[int] = []
        while place < len(self._proposals):
            proposal = self._proposals[place]
            if self._label_of(proposal) is not None:
                place += 1
                continue
            answer = self._ask(place, proposal)
            if answer == QUIT:
                return
            if answer == UNDO:
                if past:
                    place = past.pop()
                    self._remove(self._proposals[place])
                else:
                    self._show("  nothing to undo")
                continue
            if answer in KEYS:
                self._put(KEYS[answer], proposal)
                past.append(place)
                self._show(f"  {KEYS[answer]}")
            place += 1

    def _ask(self, place: int, proposal: Proposal) -> str:
        recognised = f", recognised: {proposal.recognised}" if proposal.recognised else ""
        self._show(
            f"{place + 1} of {len(self._proposals)}: {proposal.start:.2f} to {proposal.end:.2f} s, the gate would "
            f"{proposal.decided}{recognised}"
        )
        self._play(proposal)
        while True:
            answer = self._key().lower()
            if answer == PLAY:
                self._play(proposal)
            elif answer in KEYS or answer in (SKIP, UNDO, QUIT):
                return answer
            else:
                self._show(f"  {HELP}")

    def _play(self, proposal: Proposal) -> None:
        if self._player is None:
            return
        try:
            samples, rate = self._sound(proposal)
            first = max(round((proposal.start - AROUND) * rate), 0)
            self._player.play(samples[first : round((proposal.end + AROUND) * rate)], rate)
        except ProsodyGateError as error:
            self._show(f"  {error}")
            self._player = None


class Labelling(Sitting):
    """One sitting over the overlaps of a call.

    Args:
        proposals: In order of their start.
        store: What is labelled already, and where labels go.
        samples: The user's channel, float32 in [-1, 1], shape [n].
        sample_rate: Of the samples, in Hz.
        player: None where there is no sound device.
        key: Waits for a key and gives it.
        show: Prints a line.
    """

    def __init__(
        self,
        proposals: Sequence[Proposal],
        store: LabelStore,
        *,
        samples: npt.NDArray[np.float32],
        sample_rate: int,
        player: Player | None,
        key: Callable[[], str],
        show: Callable[[str], None],
    ) -> None:
        super().__init__(proposals, player=player, key=key, show=show)
        self._store = store
        self._samples = samples
        self._rate = sample_rate

    def _label_of(self, proposal: Proposal) -> str | None:
        return self._store.label_of(proposal.start, proposal.end)

    def _put(self, label: str, proposal: Proposal) -> None:
        self._store.put(label, proposal.start, proposal.end)

    def _remove(self, proposal: Proposal) -> None:
        self._store.remove(proposal.start, proposal.end)

    def _sound(self, proposal: Proposal) -> tuple[npt.NDArray[np.float32], int]:
        return self._samples, self._rate


class FolderLabelling(Sitting):
    """One sitting over a folder of recorded overlaps; each label goes into the overlap's own file.

    Args:
        folder: That a call was recorded in.
        player: None where there is no sound device.
        key: Waits for a key and gives it.
        show: Prints a line.

    Raises:
        RecordingError: The folder cannot be read, or has no recorded overlaps.
    """

    def __init__(
        self, folder: Path, *, player: Player | None, key: Callable[[], str], show: Callable[[str], None]
    ) -> None:
        self.problems: list[str] = []
        """What could not be read, a line each."""
        proposals = []
        self._labels: dict[Path, str | None] = {}
        for path in overlap_files(folder):
            try:
                fields = read_line(path)
                last = fields["decisions"][-1]
                decided = WOULD.get(last["kind"], "hold it")
                start, end = (float(time) for time in fields["overlap"])
                proposals.append(Proposal(start, end, str(last["recognised"]), decided, path))
                self._labels[path] = label_of(fields)
            except RecordingError as error:
                self.problems.append(str(error))
            except (KeyError, TypeError, ValueError, IndexError) as error:
                self.problems.append(f"{path}: is damaged ({error}); expected one recorded overlap")
        super().__init__(proposals, player=player, key=key, show=show)

    def _label_of(self, proposal: Proposal) -> str | None:
        return self._labels[self._path(proposal)]

    def _put(self, label: str, proposal: Proposal) -> None:
        self._labels[self._path(proposal)] = label_of(set_label(self._path(proposal), label))

    def _remove(self, proposal: Proposal) -> None:
        self._labels[self._path(proposal)] = label_of(set_label(self._path(proposal), None))

    def _sound(self, proposal: Proposal) -> tuple[npt.NDArray[np.float32], int]:
        path = self._path(proposal)
        with AudioFile(path.parent / str(read_line(path).get("audio", f"{path.stem}.flac"))) as recording:
            return recording.read(0), recording.sample_rate

    @staticmethod
    def _path(proposal: Proposal) -> Path:
        assert proposal.file is not None
        return proposal.file

"""Records a user at the microphone task by task, tries the profile on that, and keeps it for `bench` and `tune`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile

from ..atomic_file import check_writable, replacing
from ..bench import INTERRUPTION, ItemStreamReader
from ..errors import OptionError
from ..gate import GateEventKind
from ..gate_factory import GateFactory
from ..replay import Span
from .measured_sound import RecordedSound, Samples
from .sound_device import Recorder


@dataclass(frozen=True)
class Task:
    """One thing to do at the microphone."""

    name: str
    """What the recording is called; its file, where it is kept."""
    seconds: float
    """How long it takes."""
    says: str
    """What to do."""
    label: str | None = None
    """What each sound in it is, where it is one a gate decides about."""


TASKS: Final = (
    Task("room", 5.0, "Say nothing: this is for the sound of your room."),
    Task("speech", 15.0, "Speak as you do in a call: say what you did today, or read something aloud."),
    Task(
        "backchannels",
        10.0,
        "Listen to somebody in your mind: say mm-hm, yeah, okay and right, with a pause after each.",
        label="backchannel",
    ),
    Task(
        "stops",
        10.0,
        "Interrupt somebody in your mind: say stop, wait, no and hold on, with a pause after each.",
        label="interruption",
    ),
)


@dataclass(frozen=True)
class Recorded:
    """A task that was done."""

    task: Task
    samples: Samples
    """At the recorder's own rate."""
    sound: RecordedSound


def record_tasks(
    recorder: Recorder, *, ready: Callable[[Task], None], level: Callable[[Task], Callable[[Samples], None]]
) -> tuple[Recorded, ...]:
    """Go through all tasks.

    Args:
        recorder: The microphone.
        ready: Called before each; returns when the user is ready.
        level: Gives what is to be called with each block of a task.

    Raises:
        AudioError: A recording is digital silence; raised at once, not at the end.
        OptionError: The device fails.
    """
    done = []
    for task in TASKS:
        ready(task)
        samples = recorder.record(task.seconds, level=level(task))
        name = f"{task.name} from {recorder.name}"
        done.append(Recorded(task, samples, RecordedSound.of(samples, recorder.sample_rate, name=name)))
    return tuple(done)


@dataclass(frozen=True)
class Rehearsal:
    """What the gate decides on one recording, as if an agent spoke throughout."""

    label: str
    """What each sound in it is."""
    overlaps: tuple[Span, ...]
    """The sounds that were found, in seconds of the recording."""
    confirmed: int
    """Of these, confirmed."""

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        count = len(self.overlaps)
        if not count:
            return f"no speech was found in the recording of the {self.label}s"
        if self.label == INTERRUPTION:
            return f"{self.confirmed} of {count} stops would stop the agent"
        return f"{self.confirmed} of {count} backchannels would stop the agent by mistake"


def rehearse(recorded: Recorded, gates: GateFactory) -> Rehearsal:
    """Drive a gate over a recording of sounds that are all of one kind.

    Args:
        recorded: A task with a label.
        gates: With the profile to try.

    Raises:
        ModelError: A model is missing or damaged.
    """
    assert recorded.task.label is not None
    reader = ItemStreamReader(gates.options, input_gain_db=gates.input_gain_db)
    stream = reader.of_samples(recorded.sound.samples)
    confirmed = {event.onset for event in stream.drive(gates.gate()) if event.kind is GateEventKind.CONFIRM}
    return Rehearsal(recorded.task.label, tuple(stream.overlaps), len(confirmed))


MANIFEST: Final = "calibration.jsonl"


def check_keep_folder(folder: Path) -> None:
    """Find out before the recording whether it can be kept.

    Raises:
        OptionError: The folder, or the one it is to be made in, cannot be written to, or holds what was kept before.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--keep {folder}: is a file; expected a folder")
    for name in (MANIFEST, *map(_file_of, TASKS)):
        if (folder / name).exists():
            raise OptionError(f"--keep {folder}: holds a {name} already; expected a folder without, or a new one")
    check_writable(folder / MANIFEST if folder.is_dir() else folder)


def keep(folder: Path, recorded: Sequence[Recorded], rehearsals: Sequence[Rehearsal], *, sample_rate: int) -> Path:
    """Write the recordings as FLAC, and a manifest of those in which each sound has a label.

    The manifest names no speaker: each recording is a group of its own, so that a search can hold one out.

    Args:
        folder: Where to; made where it is missing.
        recorded: All recordings.
        rehearsals: Those of the recordings with a label, in the same order.
        sample_rate: Of the recordings, in Hz.

    Returns:
        The manifest.

    Raises:
        OptionError: The folder cannot be written to.
    """
    folder.mkdir(exist_ok=True)
    for one in recorded:
        with replacing(folder / _file_of(one.task)) as temporary:
            soundfile.write(temporary, one.samples, sample_rate, format="FLAC", subtype="PCM_16")
    lines = []
    labelled = [one for one in recorded if one.task.label is not None]
    for one, rehearsal in zip(labelled, rehearsals, strict=True):
        duration = one.sound.duration
        events = [
            {"label": rehearsal.label, "start": round(span.start, 3), "end": round(min(span.end, duration), 3)}
            for span in rehearsal.overlaps
        ]
        if events:
            line = {
                "audio": _file_of(one.task),
                "user_channel": 0,
                "agent": [[0.0, round(duration, 3)]],
                "events": events,
            }
            lines.append(json.dumps(line) + "\n")
    manifest = folder / MANIFEST
    with replacing(manifest) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return manifest


def _file_of(task: Task) -> str:
    return f"{task.name}.flac"

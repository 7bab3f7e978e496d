"""What the user is asked to say for a calibration, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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

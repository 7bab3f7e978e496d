"""Tries a profile on what the user said at the microphone."""

from __future__ import annotations

from dataclasses import dataclass

from ..bench import INTERRUPTION, ItemStreamReader
from ..gate import GateEventKind
from ..gate_factory import GateFactory
from ..replay import Span
from .guided_recording import Recorded


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

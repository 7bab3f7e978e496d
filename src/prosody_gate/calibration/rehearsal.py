"""Tries a profile on what the user said at the microphone."""

from __future__ import annotations

from dataclasses import dataclass

from ..bench import INTERRUPTION, ItemStreamReader
from ..gate import Gate, GateEventKind
from ..lexicon import Lexicon
from ..profile import Profile
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


def rehearse(recorded: Recorded, profile: Profile, lexicon: Lexicon) -> Rehearsal:
    """Drive a gate with a profile over a recording of sounds that are all of one kind.

    Raises:
        ModelError: A model is missing or damaged.
    """
    from ..listener import PocketSphinxListener

    assert recorded.task.label is not None
    options = profile.options()
    stream = ItemStreamReader(options, input_gain_db=profile.input_gain_db).of_samples(recorded.sound.samples)
    gate = Gate(options, lexicon=lexicon, listener=PocketSphinxListener(), analyzer=profile.analyzer())
    confirmed = {event.onset for event in stream.drive(gate) if event.kind is GateEventKind.CONFIRM}
    return Rehearsal(recorded.task.label, tuple(stream.overlaps), len(confirmed))

"""Tries a profile on what the user said at the microphone."""

from __future__ import annotations

from dataclasses import dataclass

from ..audio import FRAME_SAMPLES, amplified
from ..bench import INTERRUPTION, Heard
from ..gate import Gate, GateEventKind
from ..lexicon import Lexicon
from ..profile import Profile
from ..replay import ALWAYS, Span
from ..vad import SileroDetector
from .guided_recording import Recorded


@dataclass(frozen=True)
class Rehearsal:
    """What the gate made of one recording while an agent would have spoken throughout."""

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
        if self.label == INTERRUPTION:
            return f"of {count} stops that were heard, {self.confirmed} would stop the agent"
        return f"of {count} backchannels that were heard, {self.confirmed} would stop the agent by mistake"


def rehearse(recorded: Recorded, profile: Profile, lexicon: Lexicon) -> Rehearsal:
    """Drive a gate with a profile over a recording of sounds that are all of one kind.

    Raises:
        ModelError: A model is missing or damaged.
    """
    from ..listener import PhonemeListener

    assert recorded.task.label is not None
    samples = amplified(recorded.sound.samples, profile.input_gain_db)
    count = len(samples) // FRAME_SAMPLES
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    detector, options = SileroDetector(), profile.options()
    probabilities = [detector.frame_probability(frame) for frame in frames]
    heard = Heard.of(probabilities, (ALWAYS,), None, options)
    gate = Gate(options, lexicon=lexicon, listener=PhonemeListener(lexicon), analyzer=profile.analyzer())
    confirmed = {event.onset for event in heard.drive(gate, frames) if event.kind is GateEventKind.CONFIRM}
    return Rehearsal(recorded.task.label, tuple(heard.overlaps), len(confirmed))

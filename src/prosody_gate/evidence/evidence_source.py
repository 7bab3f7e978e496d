"""What every source of evidence offers, and what it gets to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..lexicon import LexiconMatch
from ..listener import Hypothesis
from ..prosody import ProsodyFrame

NOTHING_SAID = LexiconMatch(interrupt=None, ignore_only=False, tokens=(), interrupt_index=None)


@dataclass(slots=True)
class Observation:
    """One overlap as seen at `time`. The gate fills it in; a source only reads it. Times are stream seconds."""

    onset: float
    """Start of the first speech frame."""
    time: float
    """Now."""
    speech_end: float
    """End of the last speech frame so far."""
    ended: bool = False
    """Whether the speech has ended: it was followed by `min_silence_duration` of silence."""
    agent_started: float = 0.0
    """When the agent began to speak."""
    transcript: LexiconMatch = NOTHING_SAID
    """What the transcript says so far, with the words before it in the same utterance; nothing while this overlap has
    no words of its own."""
    awaits_words: bool = False
    """Whether transcripts come in this stream, so that having none yet says something."""
    words: int = 0
    """Words of the transcript that belong to this overlap, without those before it."""
    words_end: float = 0.0
    """Where in the stream the last of these words ended; the onset while there are none."""
    recognised: Hypothesis | None = None
    """What the listener has recognised so far."""
    recognised_match: LexiconMatch = NOTHING_SAID
    """The listener's words as the lexicon reads them."""
    frames: list[ProsodyFrame] = field(default_factory=list)
    """The measurements, from `lead_frames` before the onset; empty when there is no audio."""
    lead_frames: int = 0
    """How many of `frames` lie before the onset."""
    newest: ProsodyFrame | None = None
    """The newest measurement, which `frames` no longer has after 5 s; None at the onset and without audio."""
    own_level_dbfs: float | None = None
    """How loud the loud parts of the user's own turns were, in dBFS; None where nothing may be concluded from it."""
    own_level_unknown: str = ""
    """Why that is None, for people."""
    audio: list[npt.NDArray[np.float32]] = field(default_factory=list)
    """The samples, [512] float32 a frame, from `audio_lead_frames` before the onset; the first moments only
    (`AUDIO_FRAMES` of the gate), empty when there is no audio."""
    audio_lead_frames: int = 0
    """How many frames of `audio` lie before the onset."""

    @property
    def speech_duration(self) -> float:
        """From the onset to the end of the last speech frame, in seconds."""
        return self.speech_end - self.onset


@runtime_checkable
class EvidenceSource(Protocol):
    """One reason to believe that an overlap is an interruption, or that it is not.

    A source is asked on every frame of an overlap and on every transcript. It must not block, and it must give
    the same nats for the same observations. Two attributes are read where a source has them: `note`, what it says
    beside its number (why it has no say, for example; it goes into `GateEvent.notes`), and `background_until`, the
    stream time up to which the speech is taken to be somebody else's: `max_hold` counts from there.

    Example:
        >>> class LongTalkersInterrupt:
        ...     name = "long_talk"
        ...     def reset(self) -> None: ...
        ...     def update(self, observation):
        ...         return 2.0 if observation.speech_duration > 1.5 else 0.0
    """

    @property
    def name(self) -> str:
        """The name under which its share appears in events."""
        ...

    def reset(self) -> None:
        """A new overlap begins."""
        ...

    def update(self, observation: Observation) -> float:
        """ln p(seen | interruption) / p(seen | not), of all that was seen so far, in nats."""
        ...

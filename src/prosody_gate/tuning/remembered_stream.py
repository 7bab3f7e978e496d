"""One recording as a gate gets it, with everything remembered that no option of the gate changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..bench import Heard
from ..gate import Gate, GateEvent, GateOptions, Transcript
from ..listener.remembered_listener import HeardSteps, RememberedListener, frames_then_silence
from ..prosody import ProsodyAnalyzer
from ..replay import Span
from .remembered_analyzer import MeasuredFrames, RememberedAnalyzer
from .remembered_voice import VoiceRuns

if TYPE_CHECKING:
    from .front_end import FrontEnd


class RememberedStream:
    """A stream that gates with any options can be driven over, each with the events that it would give live.

    The gate itself runs anew for each set of options; speech probabilities, measured frames, the voice network's
    output and the listener's words come from memory. What an option does change (where an overlap begins, when the
    listener is told to stop) is computed when it first occurs.

    Args:
        front_end: Of this process.
        frames: [n, 512] float32 at 16 kHz; kept.
        probabilities: The VAD's, one a frame.
        agent: When the agent speaks.
        transcripts: Recorded speech-to-text; None where none ran.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        frames: npt.NDArray[np.float32],
        probabilities: Sequence[float],
        agent: tuple[Span, ...],
        transcripts: Sequence[Transcript] | None,
    ) -> None:
        self._front_end = front_end
        self.frames = frames
        ordered = tuple(sorted(transcripts or (), key=lambda transcript: transcript.at))
        self.heard = Heard(probabilities, agent, ordered, transcribed=transcripts is not None)
        self._analyzer = _analyzer_of(front_end)
        self._voice = VoiceRuns()
        self._listened = HeardSteps()
        self._frame_at = frames_then_silence(frames)

    def play(self, options: GateOptions) -> list[GateEvent]:
        """The events of a gate with these options.

        Raises:
            Exception: Whatever made the gate fail.
        """
        front_end = self._front_end
        self._analyzer.reset()
        front_end.voice.runs = self._voice
        decoder = front_end.decoder
        gate = Gate(
            options,
            lexicon=front_end.settings.lexicon,
            listener=None if decoder is None else RememberedListener(self._listened, decoder, self._frame_at),
            sources=front_end.sources,
            analyzer=self._analyzer,
            expects_transcripts=self.heard.transcribed,
        )
        return self.heard.drive(gate, self.frames)

    def overlaps(self, options: GateOptions) -> list[Span]:
        """User speech that begins while the agent speaks, as these options find it."""
        return Heard.of(self.heard.probabilities, self.heard.agent, None, options).overlaps


def _analyzer_of(front_end: FrontEnd) -> ProsodyAnalyzer:
    profile = front_end.settings.profile
    make = partial(RememberedAnalyzer, MeasuredFrames())
    return make() if profile is None else profile.analyzer(make)

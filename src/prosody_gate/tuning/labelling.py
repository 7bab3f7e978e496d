"""Goes through the overlaps of a call and takes a label for each from the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..bench.heard import speech_stretches
from ..errors import OptionError
from ..gate import GateEventKind, GateOptions
from ..replay import ReplayResult
from ..vad import SpeechSegmenter
from .label_store import LabelStore
from .sound_device import Player

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
    "b backchannel · i interruption · n noise · c cough or laugh · a cannot tell · "
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
    text: str
    """What was heard, as far as the gate knew."""
    decided: str
    """What the gate did."""


def proposals_of(result: ReplayResult, options: GateOptions) -> tuple[Proposal, ...]:
    """The overlaps of a replay, each with the whole of its speech: a decision may come long before its end.

    Args:
        result: With its trace.
        options: Of the gate.
    """
    segmenter = SpeechSegmenter(
        activation_threshold=options.activation_threshold,
        deactivation_threshold=options.deactivation_threshold,
        min_speech_duration=options.min_speech_duration,
        min_silence_duration=options.min_silence_duration,
    )
    stretches = speech_stretches([point.speech_probability for point in result.trace], segmenter)
    ends = {stretch.start: stretch.end for stretch in stretches}
    proposals: dict[float, Proposal] = {}
    for event in result.decisions:
        end = min(ends.get(event.onset, event.onset + event.speech_duration), result.duration)
        if end > event.onset:
            # The last decision about an overlap stands: a late transcript may turn it.
            proposals[event.onset] = Proposal(event.onset, end, event.text, WOULD[event.kind])
    return tuple(proposals.values())


class Labelling:
    """One sitting.

    Args:
        proposals: In order of their start.
        store: What is labelled already, and where labels go.
        samples: The user's channel, float32 in [-1, 1], shape [n].
        sample_rate: Of the samples, in Hz.
        player: None where there is no sound device.
        key: Waits for a key and gives it.
        tell: Prints a line.
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
        tell: Callable[[str], None],
    ) -> None:
        self._proposals = proposals
        self._store = store
        self._samples = samples
        self._rate = sample_rate
        self._player = player
        self._key = key
        self._tell = tell

    @property
    def left(self) -> int:
        """Overlaps without a label."""
        return sum(self._store.label_of(one.start, one.end) is None for one in self._proposals)

    def run(self) -> None:
        """Ask for a label for each overlap that has none, until all are through or the user quits.

        Raises:
            OptionError: The manifest cannot be written.
        """
        place = 0
        past: list[int] = []
        while place < len(self._proposals):
            proposal = self._proposals[place]
            if self._store.label_of(proposal.start, proposal.end) is not None:
                place += 1
                continue
            answer = self._ask(place, proposal)
            if answer == QUIT:
                return
            if answer == UNDO:
                if past:
                    place = past.pop()
                    self._store.remove(self._proposals[place].start, self._proposals[place].end)
                else:
                    self._tell("  nothing to undo")
                continue
            if answer in KEYS:
                self._store.put(KEYS[answer], proposal.start, proposal.end)
                past.append(place)
                self._tell(f"  {KEYS[answer]}")
            place += 1

    def _ask(self, place: int, proposal: Proposal) -> str:
        said = f", heard: {proposal.text}" if proposal.text else ""
        self._tell(
            f"{place + 1} of {len(self._proposals)}: {proposal.start:.2f} to {proposal.end:.2f} s, the gate would "
            f"{proposal.decided}{said}"
        )
        self._play(proposal)
        while True:
            answer = self._key().lower()
            if answer == PLAY:
                self._play(proposal)
            elif answer in KEYS or answer in (SKIP, UNDO, QUIT):
                return answer
            else:
                self._tell(f"  {HELP}")

    def _play(self, proposal: Proposal) -> None:
        if self._player is None:
            return
        first = max(round((proposal.start - AROUND) * self._rate), 0)
        try:
            self._player.play(self._samples[first : round((proposal.end + AROUND) * self._rate)], self._rate)
        except OptionError as error:
            self._tell(f"  {error}")
            self._player = None

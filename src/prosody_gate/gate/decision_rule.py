"""The decision rule: adds up what the evidence says of an overlap, and says whether that is enough, and why."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence

from ..errors import ModelError, OptionError
from ..evidence import EvidenceSource
from ..lexicon import Lexicon
from ..listener import STEADY
from .gate_event import probability_of
from .gate_options import GateOptions
from .overlap import Overlap

logger = logging.getLogger("prosody_gate")


class DecisionRule:
    """Weighs an overlap and says why it is to be confirmed or cancelled; it changes no overlap's state.

    Args:
        options: Thresholds and prior; may be replaced in mid-stream.
        lexicon: Ignore and interrupt phrases.
        sources: Evidence sources; each overlap gets copies of its own.

    Raises:
        OptionError: Two sources have the same name, or one is called "prior".
    """

    def __init__(self, options: GateOptions, lexicon: Lexicon, sources: Sequence[EvidenceSource]) -> None:
        self.options = options
        self._lexicon = lexicon
        self._sources = tuple(sources)
        check_sources(self._sources)

    def fresh_sources(self) -> tuple[EvidenceSource, ...]:
        """Copies of the sources for a new overlap."""
        sources = tuple(copy.copy(source) for source in self._sources)
        for source in sources:
            source.reset()
        return sources

    def weigh(self, overlap: Overlap) -> None:
        """Ask each source for its share, and add them up.

        Raises:
            OptionError: A source gave no finite number.
        """
        evidence = {"prior": self.options.prior}
        total = self.options.prior
        for source in overlap.sources:
            nats = self._share_of(source, overlap)
            if not math.isfinite(nats):
                raise OptionError(f"evidence source {source.name!r} gave {nats}; expected a finite number of nats")
            evidence[source.name] = nats
            total += nats
        overlap.evidence = evidence
        notes = ((source.name, getattr(source, "note", "")) for source in overlap.sources)
        overlap.notes = {name: note for name, note in notes if note}
        overlap.log_odds = total

    def _share_of(self, source: EvidenceSource, overlap: Overlap) -> float:
        """A source's share; one whose model fails is left out from here on, and says nothing."""
        try:
            return source.update(overlap.observation)
        except ModelError as error:
            logger.warning("the gate goes on without the evidence %r: %s", source.name, error)
            self._sources = tuple(one for one in self._sources if one.name != source.name)
            overlap.sources = tuple(one for one in overlap.sources if one is not source)
            return 0.0

    def reason_to_confirm(self, overlap: Overlap) -> str | None:
        """Why a held or pending overlap is to be confirmed now; None while it is not."""
        if self._has_interrupt_phrase(overlap):
            return "phrase"
        if self._recognises_interrupt_phrase(overlap):
            return "heard_phrase"
        if overlap.log_odds >= self.options.confirm_log_odds:
            return "evidence"
        if self._unexplained(overlap) >= self.options.max_hold:
            return "max_hold"
        return None

    def reason_to_reopen(self, overlap: Overlap) -> str | None:
        """Why a cancelled overlap was an interruption after all, by a transcript that came late; None if it was not."""
        if self._has_interrupt_phrase(overlap):
            return "phrase"
        return "evidence" if overlap.log_odds >= self.options.confirm_log_odds else None

    def reason_to_cancel(self, overlap: Overlap) -> str:
        """Why an overlap that nothing has confirmed is cancelled."""
        return "ignore_phrase" if overlap.text and self._lexicon.match(overlap.text).ignore_only else "evidence"

    def is_more_than_a_backchannel(self, overlap: Overlap) -> bool:
        """Whether an undecided overlap says something: by its words, else by its evidence."""
        if overlap.text:
            return not self._lexicon.match(overlap.text).ignore_only
        return overlap.log_odds >= 0.0

    @staticmethod
    def _unexplained(overlap: Overlap) -> float:
        """Seconds of speech that still goes on and that neither the transcript has shown to be ignore phrases nor a
        source to be somebody else's."""
        observation = overlap.observation
        if observation.ended:
            return 0.0
        known = [observation.words_end if observation.transcript.ignore_only else observation.onset]
        known += [source.background_until for source in overlap.sources if hasattr(source, "background_until")]
        return observation.speech_end - max(known)

    def _has_interrupt_phrase(self, overlap: Overlap) -> bool:
        """Whether the transcript has an interrupt phrase, in this overlap's words or running into them."""
        if overlap.own_match.interrupt is not None:
            return True
        if overlap.observation.transcript.interrupt is None:
            return False
        # A phrase in the words before this overlap was decided upon already.
        return self._lexicon.match(overlap.earlier_text).interrupt is None

    def _recognises_interrupt_phrase(self, overlap: Overlap) -> bool:
        """Whether the listener recognises an interrupt phrase, and what is known on the device makes it sure enough."""
        observation = overlap.observation
        recognised = observation.recognised
        if observation.words or recognised is None or observation.recognised_match.interrupt is None:
            return False
        # A first guess is often taken back.
        if recognised.standing(observation.time) < STEADY:
            return False
        nats = sum(overlap.evidence[source.name] for source in overlap.sources if getattr(source, "on_device", False))
        return probability_of(nats) >= self.options.listener_confidence


def check_sources(sources: Sequence[EvidenceSource]) -> None:
    """Find out whether sources can be told apart in an event.

    Raises:
        OptionError: Two have the same name, or one is called "prior".
    """
    names = ["prior", *(source.name for source in sources)]
    if len(set(names)) < len(names):
        raise OptionError(f"sources: expected names that differ, also from 'prior', got {', '.join(names[1:])}")

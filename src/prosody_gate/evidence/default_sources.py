"""The evidence sources that a gate uses when it is not told otherwise."""

from __future__ import annotations

from ..lexicon import Lexicon
from .context_evidence import ContextEvidence
from .evidence_source import EvidenceSource
from .listener_evidence import ListenerEvidence
from .time_evidence import TimeEvidence
from .voice_evidence import VoiceEvidence
from .weights import EvidenceWeights
from .words_evidence import WordsEvidence


def default_sources(lexicon: Lexicon) -> tuple[EvidenceSource, ...]:
    """Words, time, voice, listener and context, with the shipped weights.

    Raises:
        ModelError: The shipped weights are missing or damaged.
    """
    weights = EvidenceWeights.load()
    return (
        WordsEvidence(lexicon, weights),
        TimeEvidence(lexicon, weights),
        VoiceEvidence(weights),
        ListenerEvidence(lexicon, weights),
        ContextEvidence(),
    )

"""The evidence sources that a gate uses by itself."""

from __future__ import annotations

from ..lexicon import Lexicon
from .context_evidence import ContextEvidence
from .evidence_source import EvidenceSource
from .level_evidence import LevelEvidence
from .listener_evidence import ListenerEvidence
from .time_evidence import TimeEvidence
from .voice_evidence import VoiceEvidence
from .weights import EvidenceWeights
from .words_evidence import WordsEvidence


def default_sources(lexicon: Lexicon, weights: EvidenceWeights | None = None) -> tuple[EvidenceSource, ...]:
    """Words, time, voice, level, listener and context.

    Args:
        lexicon: Knows the ignore phrases.
        weights: Fitted weights; those that ship with the package when None.

    Raises:
        ModelError: The shipped weights are missing or damaged.
    """
    weights = weights or EvidenceWeights.load()
    return (
        WordsEvidence(lexicon, weights),
        TimeEvidence(lexicon, weights),
        VoiceEvidence(weights),
        LevelEvidence(),
        ListenerEvidence(lexicon, weights),
        ContextEvidence(),
    )

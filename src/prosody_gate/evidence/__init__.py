"""Log-likelihood ratios from what was seen so far, one source a file."""

from .context_evidence import ContextEvidence
from .default_sources import default_sources
from .evidence_source import NOTHING_SAID, EvidenceSource, Observation
from .listener_evidence import ListenerEvidence, PhraseOdds, listener_features
from .time_evidence import TimeEvidence, time_features, words_kind
from .voice_evidence import FEATURES, GruNetwork, VoiceEvidence, VoiceFeatures
from .weights import DATA_FOLDER, EvidenceWeights
from .words_evidence import WordFeatures, WordsEvidence, ignorable_tokens

__all__ = [
    "DATA_FOLDER",
    "FEATURES",
    "NOTHING_SAID",
    "ContextEvidence",
    "EvidenceSource",
    "EvidenceWeights",
    "GruNetwork",
    "ListenerEvidence",
    "Observation",
    "PhraseOdds",
    "TimeEvidence",
    "VoiceEvidence",
    "VoiceFeatures",
    "WordFeatures",
    "WordsEvidence",
    "default_sources",
    "ignorable_tokens",
    "listener_features",
    "time_features",
    "words_kind",
]

"""Log-likelihood ratios from what was seen so far, one source a file."""

from .context_evidence import ContextEvidence
from .default_sources import default_sources
from .evidence_source import NOTHING_SAID, EvidenceSource, Observation
from .level_evidence import LevelEvidence
from .listener_evidence import ListenerEvidence, PhraseOdds, listener_features, look_of
from .speech_embedding import EMBEDDING_SIZE, SpeechEmbedding
from .time_evidence import TimeEvidence, time_features, words_kind
from .voice_evidence import (
    FEATURES,
    LAST_FRAME,
    LIMIT_NATS,
    PATIENCE_TIMES,
    GruNetwork,
    VoiceEvidence,
    VoiceInputs,
    VoiceReading,
    bounded,
)
from .weights import DATA_FOLDER, EvidenceWeights
from .words_evidence import WordFeatures, WordsEvidence, ignorable_tokens

__all__ = [
    "DATA_FOLDER",
    "EMBEDDING_SIZE",
    "FEATURES",
    "LAST_FRAME",
    "LIMIT_NATS",
    "NOTHING_SAID",
    "PATIENCE_TIMES",
    "ContextEvidence",
    "EvidenceSource",
    "EvidenceWeights",
    "GruNetwork",
    "LevelEvidence",
    "ListenerEvidence",
    "Observation",
    "PhraseOdds",
    "SpeechEmbedding",
    "TimeEvidence",
    "VoiceEvidence",
    "VoiceInputs",
    "VoiceReading",
    "WordFeatures",
    "WordsEvidence",
    "bounded",
    "default_sources",
    "ignorable_tokens",
    "listener_features",
    "look_of",
    "time_features",
    "words_kind",
]

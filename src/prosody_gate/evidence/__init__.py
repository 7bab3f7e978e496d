"""Log-likelihood ratios from what was heard so far, one source a file."""

from .context_evidence import ContextEvidence
from .default_sources import default_sources
from .evidence_source import EvidenceSource
from .listener_evidence import ListenerEvidence
from .observation import Observation
from .time_evidence import TimeEvidence
from .voice_evidence import VoiceEvidence
from .weights import EvidenceWeights
from .words_evidence import WordsEvidence

__all__ = [
    "ContextEvidence",
    "EvidenceSource",
    "EvidenceWeights",
    "ListenerEvidence",
    "Observation",
    "TimeEvidence",
    "VoiceEvidence",
    "WordsEvidence",
    "default_sources",
]

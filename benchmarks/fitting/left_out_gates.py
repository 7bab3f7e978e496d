"""Gates whose evidence was fitted without the speaker or meeting that they judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prosody_gate.bench import Item, WordOverlap
from prosody_gate.evidence import EvidenceWeights, default_sources
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import PhonemeListener

from .overlap_corpus import fold_of

FOLDS = 5


@dataclass(frozen=True)
class LeftOutGates:
    """Makes the gate of each item from the weights of the fold that the item is in."""

    lexicon: Lexicon
    cache: Path
    """Folder with the weights of each fold."""
    sources: tuple[str, ...] | None = None
    """Names of the evidence sources to use; all when None. Without "listener" nothing is heard on the device."""

    def __call__(self, item: Item, options: GateOptions, *, expects_transcripts: bool = False) -> Gate:
        weights = EvidenceWeights.load(self.cache / f"fold{fold_of(item.group, FOLDS)}")
        sources = default_sources(self.lexicon, weights)
        if self.sources is not None:
            sources = tuple(source for source in sources if source.name in self.sources)
        listens = not isinstance(item, WordOverlap) and (self.sources is None or "listener" in self.sources)
        listener = PhonemeListener(self.lexicon) if listens else None
        return Gate(
            options, lexicon=self.lexicon, listener=listener, sources=sources, expects_transcripts=expects_transcripts
        )

"""Gates whose evidence was fitted without the speaker or meeting that they decide about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prosody_gate import GateFactory, Lexicon, default_sources
from prosody_gate.bench import Item
from prosody_gate.evidence import EvidenceWeights

from .overlap_corpus import fold_of

FOLDS = 5


@dataclass(frozen=True)
class LeftOutGates:
    """Makes the gates of each item from the weights of the fold that the item is in."""

    lexicon: Lexicon
    cache: Path
    """Folder with the weights of each fold."""
    sources: tuple[str, ...] | None = None
    """Names of the evidence sources to use; all when None. Without "listener" gates do not listen on the device."""

    def __call__(self, item: Item) -> GateFactory:
        """Gates with the weights of the item's fold."""
        weights = EvidenceWeights.load(self.cache / f"fold{fold_of(item.group, FOLDS)}")
        sources = default_sources(self.lexicon, weights)
        if self.sources is not None:
            sources = tuple(source for source in sources if source.name in self.sources)
        listens = self.sources is None or "listener" in self.sources
        return GateFactory(lexicon=self.lexicon, listener=listens, sources=sources)

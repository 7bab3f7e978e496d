"""Makes the gate for each item of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ..gate import Gate, GateOptions
from ..lexicon import Lexicon
from ..profile import Profile
from .items import WordOverlap
from .manifest import Item


class GateFactory(Protocol):
    """Makes one fresh gate an item, in the process that judges it; it must be possible to pickle.

    Cross-validation gives each item a gate whose evidence was fitted without the item's `group`.
    """

    def __call__(self, item: Item, options: GateOptions, *, expects_transcripts: bool = False) -> Gate:
        """A gate that has heard nothing yet.

        Args:
            item: What it will judge.
            options: Options to use; a sweep changes their sensitivity.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ShippedGates:
    """Gates as they ship."""

    lexicon: Lexicon = field(default_factory=Lexicon.load)
    """Phrases."""
    listener: bool = True
    """Whether gates listen on the device; where there is no audio they never do."""
    profile: Profile | None = None
    """Where noise floor and speaker norms start from."""

    def __call__(self, item: Item, options: GateOptions, *, expects_transcripts: bool = False) -> Gate:
        """A gate with the shipped evidence; with a listener of its own.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        listener = None
        if self.listener and not isinstance(item, WordOverlap):
            from ..listener import PhonemeListener

            listener = PhonemeListener(self.lexicon)
        return Gate(
            options,
            lexicon=self.lexicon,
            listener=listener,
            analyzer=None if self.profile is None else self.profile.analyzer(),
            expects_transcripts=expects_transcripts,
        )

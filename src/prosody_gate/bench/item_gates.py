"""Makes the gates for each item of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ..gate import Gate, GateOptions
from ..lexicon import Lexicon
from ..listener import Listener
from ..profile import Profile
from .items import Item


class ItemGates(Protocol):
    """Makes fresh gates for each item, in the process that evaluates it; it must be possible to pickle.

    Cross-validation gives each item a gate whose evidence was fitted without the item's `group`.
    """

    def make_listener(self, item: Item) -> Listener | None:
        """A fresh listener for the gates of one item with audio; None where they use none.

        Args:
            item: What it is for.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        ...

    def make_gate(
        self, item: Item, options: GateOptions, *, listener: Listener | None, expects_transcripts: bool
    ) -> Gate:
        """A fresh gate.

        Args:
            item: What it is for.
            options: Options to use; a sweep changes their sensitivity.
            listener: What `make_listener` gave for the item, or what stands in for it; None for none.
            expects_transcripts: Whether speech-to-text ran.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ShippedGates:
    """Gates as they ship."""

    lexicon: Lexicon = field(default_factory=Lexicon.load)
    """Phrases."""
    listener: bool = True
    """Whether gates listen on the device."""
    profile: Profile | None = None
    """Where noise floor and speaker norms start from."""

    def make_listener(self, _item: Item) -> Listener | None:
        """A fresh listener where gates listen."""
        if not self.listener:
            return None
        from ..listener import PocketSphinxListener

        return PocketSphinxListener()

    def make_gate(
        self, _item: Item, options: GateOptions, *, listener: Listener | None, expects_transcripts: bool
    ) -> Gate:
        """A gate with the shipped evidence."""
        return Gate(
            options,
            lexicon=self.lexicon,
            listener=listener,
            analyzer=None if self.profile is None else self.profile.analyzer(),
            expects_transcripts=expects_transcripts,
        )

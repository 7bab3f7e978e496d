"""Makes the gate for each item of a benchmark."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..gate import Gate, GateOptions
from ..lexicon import Lexicon
from ..profile import Profile
from .items import WordOverlap
from .manifest import Item

if TYPE_CHECKING:
    from ..listener import Listener, PocketSphinxListener


_of_thread = threading.local()


def fresh_listener() -> Listener:
    """The thread's own listener, as if it had heard nothing; the gate that had it before must be done with it.

    Raises:
        ModelError: A model that it needs is missing or damaged.
    """
    listener: PocketSphinxListener | None = getattr(_of_thread, "listener", None)
    if listener is None:
        from ..listener import PocketSphinxListener

        listener = _of_thread.listener = PocketSphinxListener()
    listener.reset()
    return listener


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
        """A gate with the shipped evidence; the listener is the one of the thread's gate before, and fresh again.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        listener = None
        if self.listener and not isinstance(item, WordOverlap):
            listener = fresh_listener()
        return Gate(
            options,
            lexicon=self.lexicon,
            listener=listener,
            analyzer=None if self.profile is None else self.profile.analyzer(),
            expects_transcripts=expects_transcripts,
        )

"""What the gate asks of a source of evidence, the user's own included."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .observation import Observation


@runtime_checkable
class EvidenceSource(Protocol):
    """One reason to believe that an overlap is an interruption, or that it is not.

    A source is asked on every frame of an overlap and on every transcript. It must not block, and it must give
    the same nats for the same observations.

    Example:
        >>> class LongTalkersInterrupt:
        ...     name = "long_talk"
        ...     def reset(self) -> None: ...
        ...     def update(self, observation):
        ...         return 2.0 if observation.speech_duration > 1.5 else 0.0
    """

    @property
    def name(self) -> str:
        """The name under which its share appears in events."""
        ...

    def reset(self) -> None:
        """A new overlap begins."""
        ...

    def update(self, observation: Observation) -> float:
        """ln p(seen | interruption) / p(seen | not), of all that was seen so far, in nats."""
        ...

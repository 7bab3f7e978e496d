"""What the lexicon found in one text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LexiconMatch:
    """The verdict of the phrase lists on one text."""

    interrupt: str | None
    """The first interrupt phrase in the text, as it stands in the list; None when there is none."""

    ignore_only: bool
    """Whether there is at least one token and ignore phrases cover every one."""

    tokens: tuple[str, ...]
    """The text's tokens, each spelling variant replaced by its canonical form ("mhm" by "mm-hm")."""

    interrupt_index: int | None
    """Where in `tokens` the interrupt phrase begins; None when there is none."""

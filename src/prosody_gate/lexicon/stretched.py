"""Stretched words ("yeahhh", "okaaay") brought back to the word they stretch."""

from __future__ import annotations

import re
from collections.abc import Set
from itertools import product

_RUN = re.compile(r"([^\W\d_])\1{2,}")

# Beyond this many stretched letters in one word the text is noise, and the product below would grow.
_MAX_RUNS = 4


def is_stretched(text: str) -> bool:
    """Whether some letter stands three or more times in a row."""
    return _RUN.search(text) is not None


def unstretched(word: str, known: Set[str]) -> str:
    """Return the known word that this one stretches, or else the word with each run of 3 or more cut to 1.

    Args:
        word: A normalised token.
        known: Words to prefer: "cooool" is "cool" where that is known, "col" otherwise.
    """
    if word in known:
        return word
    pieces = _RUN.split(word)
    letters = pieces[1::2]
    if len(letters) <= _MAX_RUNS:
        for lengths in product((2, 1), repeat=len(letters)):
            pieces[1::2] = [letter * length for letter, length in zip(letters, lengths, strict=True)]
            candidate = "".join(pieces)
            if candidate in known:
                return candidate
    return _RUN.sub(r"\1", word)

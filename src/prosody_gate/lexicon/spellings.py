"""Spelling variants of the same sound, and what each one stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from itertools import product

from .normalise import tokenize

Tokens = tuple[str, ...]


class Spellings:
    """Maps runs of tokens as written to the canonical tokens they stand for.

    A hyphenated word is one canonical token, and is known hyphenated, apart and together: "uh-huh", "uh huh",
    "uhhuh".
    Spellings of several languages live side by side: the same letters may stand for more than one word.
    """

    def __init__(self) -> None:
        self._by_first: dict[str, list[tuple[Tokens, Tokens]]] = {}

    def add(self, variants: Mapping[str, Iterable[str]]) -> None:
        """Add a table of canonical phrase to its other spellings."""
        for canonical, others in variants.items():
            target = self._hyphenated(canonical)
            for spelling in (canonical, *others):
                for written in _forms(spelling):
                    self._put(written, target)

    def add_phrase(self, phrase: str) -> None:
        """Make the hyphenated words of a phrase known in all their forms."""
        for word in phrase.split():
            target = self._hyphenated(word)
            for written in _forms(word):
                if not self.at(written, 0):
                    self._put(written, target)

    def copy(self) -> Spellings:
        """Return spellings that can be added to without changing these."""
        copied = Spellings()
        copied._by_first = {first: list(rows) for first, rows in self._by_first.items()}
        return copied

    def merge(self, other: Spellings) -> None:
        """Add all spellings of another table."""
        for rows in other._by_first.values():
            for written, target in rows:
                self._put(written, target)

    def at(self, tokens: Tokens, position: int) -> list[tuple[int, Tokens]]:
        """Return what may be spelled from a position on, longest first.

        Returns:
            Pairs of (position after the spelling, canonical tokens).
        """
        found: list[tuple[int, Tokens]] = []
        for written, target in self._by_first.get(tokens[position], ()):
            end = position + len(written)
            if tokens[position:end] == written:
                found.append((end, target))
        return found

    def canonical(self, phrase: str) -> Tokens:
        """Return the canonical tokens of a phrase, the longest spelling first at each position."""
        tokens = tokenize(phrase)
        result: list[str] = []
        position = 0
        while position < len(tokens):
            found = self.at(tokens, position)
            position, target = found[0] if found else (position + 1, tokens[position : position + 1])
            result.extend(target)
        return tuple(result)

    def words(self) -> set[str]:
        """Return every token that some spelling, or what it stands for, is written with."""
        return {token for rows in self._by_first.values() for written, target in rows for token in (*written, *target)}

    def first_words(self) -> Set[str]:
        """Return the tokens that spellings begin with; the set follows later additions."""
        return self._by_first.keys()

    def _put(self, written: Tokens, target: Tokens) -> None:
        # Longer ones are kept, so that no part of them is taken for another spelling.
        if written == target and len(written) == 1:
            return
        rows = self._by_first.setdefault(written[0], [])
        if (written, target) not in rows:
            rows.append((written, target))
            rows.sort(key=lambda row: -len(row[0]))

    @staticmethod
    def _hyphenated(phrase: str) -> Tokens:
        target: list[str] = []
        for word in phrase.split():
            target.extend(["-".join(tokenize(word))] if "-" in word and tokenize(word) else tokenize(word))
        return tuple(target)


def _forms(phrase: str) -> set[Tokens]:
    """All the ways to write a phrase whose hyphenated words may stand apart or together."""
    choices: list[set[Tokens]] = []
    for word in phrase.split():
        parts = tokenize(word)
        choices.append({parts, ("".join(parts),)} if "-" in word and parts else {parts})
    return {tuple(token for parts in combination for token in parts) for combination in product(*choices)}

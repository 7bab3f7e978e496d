"""Turns text in any script into the plain tokens that phrases are compared by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Set
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


# What stands in for an apostrophe; mapped before NFKC, which tears the acute accent apart.
_APOSTROPHES = str.maketrans(dict.fromkeys("`´‘’‛ʹʼʽˈ′＇ꞌ", "'"))

_ZERO_WIDTH_SPACE = 0x200B
_PROLONGED_SOUNDS = re.compile("ー{2,}")

# Han, Hiragana and Katakana are written without spaces between words.
_UNSPACED_BLOCKS = (
    (0x3005, 0x3007),
    (0x3041, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_VARIATION_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))


def _within(codepoint: int, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= codepoint <= last for first, last in blocks)


class _CharacterTable(dict[int, str]):
    """What `str.translate` puts for each character; filled as characters are met."""

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = replacement = self._replacement(codepoint)
        return replacement

    @staticmethod
    def _replacement(codepoint: int) -> str:
        character = chr(codepoint)
        category = unicodedata.category(character)
        if character == "'":
            return character
        if codepoint == _ZERO_WIDTH_SPACE:
            return " "
        # Joiners, soft hyphens, emoji selectors and keycaps change the look of a word, not the word.
        if category in ("Cf", "Me") or _within(codepoint, _VARIATION_SELECTORS):
            return ""
        if _within(codepoint, _UNSPACED_BLOCKS):
            return f" {character} "
        # Marks are kept: the vowel signs of Devanagari and Telugu are marks, which `\w` leaves out.
        return character if category[0] in "LMN" else " "


_CHARACTERS = _CharacterTable()


def tokenize(text: str) -> tuple[str, ...]:
    """Split text into comparable tokens, with case, punctuation and typography taken off.

    Words are split at everything that is not a letter, mark or digit, hyphens too ("uh-huh" gives "uh",
    "huh"); an apostrophe within a word stays ("don't"). Han, Hiragana and Katakana are split per character.

    Args:
        text: Any text, in any script; may be empty.

    Returns:
        The tokens in order, NFKC-normalised and casefolded; none is empty.
    """
    if text.isascii():
        text = text.lower().replace("`", "'")
    else:
        text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
        text = unicodedata.normalize("NFKC", text.casefold())
        text = _PROLONGED_SOUNDS.sub("ー", text)
    words = text.translate(_CHARACTERS).split()
    if "'" in text:
        words = [word.strip("'") for word in words]
    return tuple([word for word in words if word.isalnum() or _has_letter(word)])


def ends_within_word(text: str) -> bool:
    """Whether the last character of the text belongs to a word, so that the word may still go on."""
    return bool(text) and not text[-1].isspace() and bool(tokenize(text[-1]) or text[-1] == "'" or _is_mark(text[-1]))


def _has_letter(word: str) -> bool:
    # A mark or an apostrophe with no letter is what is left of an emoji or of stray punctuation.
    return any(map(str.isalnum, word))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"

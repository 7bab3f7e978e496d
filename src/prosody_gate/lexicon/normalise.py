"""Turns text in any script into the plain tokens that phrases are compared by."""

from __future__ import annotations

import re
import unicodedata

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

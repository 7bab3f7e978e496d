"""One phrase file (TOML), read and checked: a language of the package or a user's own changes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import LexiconError
from .normalise import tokenize
from .sounds import sounds_of

_LISTS = ("ignore", "interrupt", "add_ignore", "remove_ignore", "add_interrupt", "remove_interrupt")
_KEYS = ("language", *_LISTS, "variants", "pronunciations")
_OPPOSITES = (("ignore", "interrupt"), ("add_ignore", "add_interrupt"))


@dataclass(frozen=True, kw_only=True)
class PhraseFile:
    """The content of one phrase file; a list that the file does not have is None or empty."""

    language: str | None = None
    """Language code ("en"), or None for a file that belongs to no one language."""

    ignore: tuple[str, ...] | None = None
    """The whole ignore list; None leaves the list as it is."""

    interrupt: tuple[str, ...] | None = None
    """The whole interrupt list; None leaves the list as it is."""

    add_ignore: tuple[str, ...] = ()
    """Phrases to put on the ignore list."""

    remove_ignore: tuple[str, ...] = ()
    """Phrases to take off the ignore list."""

    add_interrupt: tuple[str, ...] = ()
    """Phrases to put on the interrupt list."""

    remove_interrupt: tuple[str, ...] = ()
    """Phrases to take off the interrupt list."""

    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical phrase to its other spellings."""

    pronunciations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Phrase to the ways it is said, in the International Phonetic Alphabet."""

    @classmethod
    def read(cls, path: Path) -> PhraseFile:
        """Read and check a phrase file.

        Args:
            path: A TOML file with any of the keys that this class has as fields.

        Raises:
            LexiconError: The file is missing or unreadable, is not TOML, or has a key or value that cannot be
                used.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LexiconError(f"{path}: cannot read this phrase file: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise LexiconError(f"{path}: not UTF-8 text (byte {error.start}); a phrase file is UTF-8 TOML") from error
        except tomllib.TOMLDecodeError as error:
            raise LexiconError(f"{path}: not valid TOML: {error}") from error

        for key in content:
            if key not in _KEYS:
                raise LexiconError(f"{path}: unknown key {key!r}; expected one of {', '.join(_KEYS)}")
        language = content.get("language")
        if language is not None and not (isinstance(language, str) and language.strip()):
            raise LexiconError(f'{path}: language: expected a code such as "en", got {language!r}')
        variants = content.get("variants", {})
        if not isinstance(variants, dict):
            raise LexiconError(f"{path}: variants: expected a table of phrase = [spellings], got {variants!r}")
        pronunciations = content.get("pronunciations", {})
        if not isinstance(pronunciations, dict):
            raise LexiconError(f"{path}: pronunciations: expected a table of phrase = [IPA], got {pronunciations!r}")

        lists = {key: check_phrases(content[key], where=f"{path}: {key}") for key in _LISTS if key in content}
        for first, second in _OPPOSITES:
            second_tokens = {tokenize(phrase) for phrase in lists.get(second, ())}
            for phrase in lists.get(first, ()):
                if tokenize(phrase) in second_tokens:
                    raise LexiconError(f"{path}: {phrase!r} is in both {first} and {second}; keep it in one")
        return cls(
            language=language,
            ignore=lists.get("ignore"),
            interrupt=lists.get("interrupt"),
            add_ignore=lists.get("add_ignore", ()),
            remove_ignore=lists.get("remove_ignore", ()),
            add_interrupt=lists.get("add_interrupt", ()),
            remove_interrupt=lists.get("remove_interrupt", ()),
            variants=check_variants(variants, where=f"{path}: variants"),
            pronunciations=check_pronunciations(pronunciations, where=f"{path}: pronunciations"),
        )


def check_phrases(phrases: object, *, where: str) -> tuple[str, ...]:
    """Return the phrases as a tuple, each with at least one word.

    Args:
        phrases: What a file or a caller gave as a list of phrases.
        where: What to name in an error.

    Raises:
        LexiconError: Not a list of strings, or a phrase without a letter or digit.
    """
    # A lone string would pass for a list of one-letter phrases.
    if isinstance(phrases, str | bytes) or not hasattr(phrases, "__iter__"):
        raise LexiconError(f"{where}: expected a list of phrases, got {phrases!r}")
    checked = tuple(phrases)
    for phrase in checked:
        if not isinstance(phrase, str):
            raise LexiconError(f"{where}: expected phrases in quotes, got {phrase!r}")
        if not tokenize(phrase):
            raise LexiconError(f"{where}: the phrase {phrase!r} has no word in it")
    return checked


def check_variants(variants: Mapping[str, object], *, where: str) -> dict[str, tuple[str, ...]]:
    """Return the table of spellings with each row checked.

    Args:
        variants: Canonical phrase to a list of its other spellings.
        where: What to name in an error.

    Raises:
        LexiconError: A phrase or spelling without a word, a row that is no list, a spelling of two phrases.
    """
    checked: dict[str, tuple[str, ...]] = {}
    owners: dict[tuple[str, ...], str] = {}
    for canonical, spellings in variants.items():
        check_phrases([canonical], where=where)
        checked[canonical] = check_phrases(spellings, where=f"{where}.{canonical}")
        for spelling in (canonical, *checked[canonical]):
            owner = owners.setdefault(tokenize(spelling), canonical)
            if owner != canonical:
                raise LexiconError(f"{where}: {spelling!r} is a spelling of both {owner!r} and {canonical!r}")
    return checked


def check_pronunciations(pronunciations: Mapping[str, object], *, where: str) -> dict[str, tuple[str, ...]]:
    """Return the table of pronunciations with each row checked.

    Args:
        pronunciations: Phrase to a list of the ways it is said, in the International Phonetic Alphabet.
        where: What to name in an error.

    Raises:
        LexiconError: A phrase without a word, a row that is no list, or a sign that is not of the alphabet.
    """
    checked: dict[str, tuple[str, ...]] = {}
    for phrase, ways in pronunciations.items():
        check_phrases([phrase], where=where)
        if isinstance(ways, str | bytes) or not hasattr(ways, "__iter__"):
            raise LexiconError(f"{where}.{phrase}: expected a list of pronunciations, got {ways!r}")
        checked[phrase] = tuple(ways)
        for ipa in checked[phrase]:
            if not isinstance(ipa, str):
                raise LexiconError(f"{where}.{phrase}: expected pronunciations in quotes, got {ipa!r}")
            try:
                sounds_of(ipa)
            except ValueError as error:
                raise LexiconError(f"{where}.{phrase}: {error}") from None
    return checked

"""One phrase file (TOML), read and checked: a language of the package or a user's own changes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ..errors import LexiconError
from .normalise import tokenize
from .sounds import sounds_of

_IGNORE_LISTS = ("ignore", "replace_ignore", "remove_ignore", "add_ignore")
_INTERRUPT_LISTS = ("interrupt", "replace_interrupt", "remove_interrupt", "add_interrupt")
_LISTS = tuple(chain.from_iterable(zip(_IGNORE_LISTS, _INTERRUPT_LISTS, strict=True)))
_KEYS = ("language", *_LISTS, "variants", "pronunciations")

_LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})*", re.IGNORECASE)
_SAME_LANGUAGE = {"cmn": "zh"}
"""Codes that recognisers use for a language of the package: Mandarin is `cmn` to some, `zh` to others."""


@dataclass(frozen=True, kw_only=True)
class PhraseFile:
    """The content of one phrase file; a list that the file does not have is None or empty."""

    language: str | None = None
    """Language code ("en"), or None for a file that belongs to no one language."""

    ignore: tuple[str, ...] = ()
    """Phrases to put on the ignore list."""

    interrupt: tuple[str, ...] = ()
    """Phrases to put on the interrupt list."""

    replace_ignore: tuple[str, ...] | None = None
    """The whole ignore list; None keeps the list, an empty one clears it."""

    replace_interrupt: tuple[str, ...] | None = None
    """The whole interrupt list; None keeps the list, an empty one clears it."""

    remove_ignore: tuple[str, ...] = ()
    """Phrases to take off the ignore list, whatever language they came with."""

    remove_interrupt: tuple[str, ...] = ()
    """Phrases to take off the interrupt list, whatever language they came with."""

    add_ignore: tuple[str, ...] = ()
    """Phrases to put on the ignore list of all languages together: other languages do not outvote them."""

    add_interrupt: tuple[str, ...] = ()
    """Phrases to put on the interrupt list of all languages together."""

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
        pronunciations = content.get("pronunciations", {})
        if not isinstance(pronunciations, dict):
            raise LexiconError(f"{path}: pronunciations: expected a table of phrase = [IPA], got {pronunciations!r}")
        lists = {key: check_phrases(content[key], where=f"{path}: {key}") for key in _LISTS if key in content}
        _check_opposites(lists, where=str(path))
        return cls(
            language=_file_language(content.get("language"), where=f"{path}: language"),
            ignore=lists.get("ignore", ()),
            interrupt=lists.get("interrupt", ()),
            replace_ignore=lists.get("replace_ignore"),
            replace_interrupt=lists.get("replace_interrupt"),
            remove_ignore=lists.get("remove_ignore", ()),
            remove_interrupt=lists.get("remove_interrupt", ()),
            add_ignore=lists.get("add_ignore", ()),
            add_interrupt=lists.get("add_interrupt", ()),
            variants=check_variants(_file_variants(content.get("variants", {}), path), where=f"{path}: variants"),
            pronunciations=check_pronunciations(pronunciations, where=f"{path}: pronunciations"),
        )


def language_code(tag: object) -> str | None:
    """Return the language of a BCP-47 tag: "en" for "en", "en-US" and "EN_gb"; None for what is no such tag.

    Script, region and all else are left out: the phrases of a language serve all its countries.
    """
    found = _LANGUAGE_TAG.fullmatch(tag.strip()) if isinstance(tag, str) else None
    if found is None:
        return None
    code = found[1].lower()
    return _SAME_LANGUAGE.get(code, code)


def _file_language(value: object, *, where: str) -> str | None:
    if value is None:
        return None
    code = language_code(value)
    if code is None:
        raise LexiconError(f'{where}: expected a code such as "en" or "pt-BR", got {_shown(value)}')
    return code


def _file_variants(value: object, path: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise LexiconError(f"{path}: variants: expected a table of phrase = [spellings], got {_shown(value)}")
    for key in value:
        # TOML puts every line after [variants] into that table, also one that was meant for the whole file.
        if key in _KEYS:
            raise LexiconError(f"{path}: variants.{key}: expected {key} above the line [variants], not below it")
    return value


def _check_opposites(lists: Mapping[str, tuple[str, ...]], *, where: str) -> None:
    """Refuse a phrase that the same file puts on both lists."""
    places: dict[tuple[str, ...], tuple[str, str]] = {}
    for names in (_IGNORE_LISTS, _INTERRUPT_LISTS):
        for name in names:
            if name.startswith("remove_"):
                continue
            for phrase in lists.get(name, ()):
                first, written = places.setdefault(tokenize(phrase), (name, phrase))
                if first in _IGNORE_LISTS and name in _INTERRUPT_LISTS:
                    raise LexiconError(f"{where}: {written!r} is in both {first} and {name}; keep it in one")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check_phrases(phrases: object, *, where: str) -> tuple[str, ...]:
    """Return the phrases as a tuple, each with at least one word.

    Args:
        phrases: What a file or a caller gave as a list of phrases.
        where: What to name in an error.

    Raises:
        LexiconError: Not a list of strings, or a phrase without a letter or digit.
    """
    # A lone string would pass for a list of one-letter phrases, a table for a list of its keys.
    if isinstance(phrases, str | bytes | Mapping) or not isinstance(phrases, Iterable):
        raise LexiconError(f"{where}: expected a list of phrases, got {_shown(phrases)}")
    checked = tuple(phrases)
    for phrase in checked:
        if not isinstance(phrase, str):
            raise LexiconError(f"{where}: expected phrases in quotes, got {_shown(phrase)}")
        if not tokenize(phrase):
            raise LexiconError(f"{where}: the phrase {phrase!r} has no word in it")
    return checked


def check_variants(variants: object, *, where: str) -> dict[str, tuple[str, ...]]:
    """Return the table of spellings with each row checked.

    Args:
        variants: Canonical phrase to a list of its other spellings.
        where: What to name in an error.

    Raises:
        LexiconError: No table, a phrase or spelling without a word, a row that is no list, a spelling of two
            phrases.
    """
    if not isinstance(variants, Mapping):
        raise LexiconError(f"{where}: expected a table of phrase to list of spellings, got {_shown(variants)}")
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

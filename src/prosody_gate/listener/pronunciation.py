"""How phrases are pronounced: the phrase file's own pronunciations, the package's dictionary, else a guess."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from ..errors import ModelError
from ..lexicon import SOUNDS, sounds_of, tokenize

MODEL_FOLDER: Final = Path(__file__).with_name("model")
"""The listener's own files in the package (benchmarks/fit_listener.py makes them)."""

DICTIONARY_FILE: Final = "english.json"

MOST_READINGS: Final = 6
"""Ways to say one phrase that are followed; the dictionary gives the commonest first."""

Pronunciation = tuple[int, ...]
"""Sounds by their places in `SOUNDS`."""


class Pronunciations:
    """Finds the sounds of phrases.

    A phrase with pronunciations of its own in the lexicon has those. Else its words are looked up in the package's
    dictionary of English; a word that is not in there is sounded out by the letter-to-sound model of the package
    `hama`, which knows English spelling. A phrase in other letters needs pronunciations of its own.

    Args:
        own: Tokens of a phrase to its own pronunciations, as `Lexicon.pronunciations` gives them.

    Raises:
        ModelError: The dictionary is missing or damaged.
    """

    def __init__(self, own: Mapping[tuple[str, ...], tuple[str, ...]]) -> None:
        self._own = own
        self._dictionary = english_dictionary()

    def of(self, phrase: str) -> tuple[Pronunciation, ...]:
        """The ways to say a phrase; none when nobody knows how it sounds.

        Raises:
            ModelError: A word has to be sounded out, and `hama` is not there or fails.
        """
        own = self._own.get(tokenize(phrase))
        if own:
            return tuple(dict.fromkeys(_numbers(ipa) for ipa in own))
        words = [self._word(word) for word in _words(phrase)]
        if not words or not all(words):
            return ()
        readings: dict[Pronunciation, None] = {}
        for reading in product(*words):
            readings[tuple(sound for word in reading for sound in word)] = None
            if len(readings) == MOST_READINGS:
                break
        return tuple(readings)

    def _word(self, word: str) -> tuple[Pronunciation, ...]:
        known = self._dictionary.get(word)
        if known is None and "-" in word:
            parts = [self._word(part) for part in word.split("-") if part]
            return (tuple(sound for part in parts for sound in part[0]),) if parts and all(parts) else ()
        return known if known is not None else _sounded_out(word)


@cache
def english_dictionary() -> Mapping[str, tuple[Pronunciation, ...]]:
    """The package's dictionary: word to its pronunciations, commonest first.

    Raises:
        ModelError: It is missing or damaged.
    """
    table = read_model_file(DICTIONARY_FILE)
    try:
        return {word: tuple(_numbers(ipa) for ipa in forms) for word, forms in table.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{MODEL_FOLDER / DICTIONARY_FILE}: expected words with their pronunciations ({error})"
        ) from error


def read_model_file(name: str) -> Any:
    """One of the listener's own JSON files.

    Raises:
        ModelError: It is missing or no JSON.
    """
    path = MODEL_FOLDER / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read this file of the listener; reinstall the package ({error})") from error


@cache
def _sounded_out(word: str) -> tuple[Pronunciation, ...]:
    if not word.replace("'", "").isalpha() or not word.isascii():
        return ()  # the letter-to-sound model knows English spelling only
    try:
        return (_numbers(_letters_to_sounds()(word).ipa),)
    except ValueError:
        return ()


@cache
def _letters_to_sounds() -> Any:
    try:
        from hama import G2PModel

        return G2PModel()
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(
            f"the listener cannot sound out words: the package 'hama' is missing or fails ({error})"
        ) from error


def _words(phrase: str) -> list[str]:
    """The words as the dictionary spells them: hyphens kept."""
    words = (
        "-".join(part for part in tokenize(word)) if "-" in word else " ".join(tokenize(word))
        for word in phrase.split()
    )
    return [part for word in words for part in word.split()]


def _numbers(ipa: str) -> Pronunciation:
    return tuple(SOUNDS.index(sound) for sound in sounds_of(ipa))

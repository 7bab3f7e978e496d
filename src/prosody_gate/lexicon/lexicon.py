"""The ignore and interrupt phrases of one or more languages, and how they are found in text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from ..errors import LexiconError
from .normalise import Spellings, ends_within_word, is_stretched, tokenize, unstretched
from .phrase_file import PhraseFile, check_phrases, check_pronunciations, check_variants, language_code


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


@dataclass(slots=True)
class PhraseTrie:
    """A node of the tree; the root stands for no token yet."""

    edges: dict[str, PhraseTrie] = field(default_factory=dict)
    """Next canonical token to the node after it."""

    tokens: tuple[str, ...] = ()
    """The canonical tokens from the root to here."""

    phrase: str | None = None
    """The phrase that ends here, as it stands in its list; None when none does."""

    is_interrupt: bool = False
    """Which list the phrase is on."""

    def put(self, tokens: tuple[str, ...], phrase: str, *, is_interrupt: bool) -> None:
        """Add a phrase by its canonical tokens."""
        node = self
        for token in tokens:
            if token not in node.edges:
                node.edges[token] = PhraseTrie(tokens=(*node.tokens, token))
            node = node.edges[token]
        node.phrase = phrase
        node.is_interrupt = is_interrupt

    def walk(self, tokens: tuple[str, ...]) -> PhraseTrie | None:
        """Return the node that the tokens lead to from here, or None."""
        node: PhraseTrie | None = self
        for token in tokens:
            node = node.edges.get(token) if node is not None else None
        return node

    def leads_to_ignore(self, partial: str) -> bool:
        """Whether a word that begins with `partial`, and is longer, goes on towards an ignore phrase."""
        return any(
            token != partial and token.startswith(partial) and node._holds_ignore()
            for token, node in self.edges.items()
        )

    def _holds_ignore(self) -> bool:
        if self.phrase is not None and not self.is_interrupt:
            return True
        return any(node._holds_ignore() for node in self.edges.values())


_PHRASES_FOLDER = Path(__file__).parent / "phrases"

_Phrases = dict[tuple[str, ...], str]
"""Canonical tokens to the phrase as it stands in its list."""


class Lexicon:
    """Phrases that never stop the agent (ignore) and phrases that stop it at once (interrupt).

    A lexicon does not change: `add`, `remove` and `replace` return a new one. Phrases are compared by what
    they sound like, not by how they are written: "OK", "okay" and "o.k." are one phrase. No phrase is on
    both lists.

    A user's TOML file can hold any of these keys (docs/phrases.md has examples); they are applied in this order:

    - `[variants]`: canonical phrase = list of other spellings, added to those known.
    - `[pronunciations]`: phrase = list of ways it is said, in the International Phonetic Alphabet, for the listener.
    - `replace_ignore`, `replace_interrupt`: these phrases instead of all that were on the list.
    - `remove_ignore`, `remove_interrupt`: take phrases off the list.
    - `ignore`, `interrupt`: put phrases on the list; a phrase on the other list moves.

    With `language` a file belongs to one language, which need not be in the package: `ignore`, `interrupt`,
    `replace_ignore` and `replace_interrupt` then change the lists of that language alone. `add_ignore` and
    `add_interrupt` put phrases on the lists of all languages together; without `language` they do the same as
    `ignore` and `interrupt`.

    Example:
        >>> lexicon = Lexicon.load(["en"]).add(ignore=["roger"], interrupt=["computer"])
        >>> lexicon.match("okay, roger").ignore_only
        True
        >>> lexicon.match("yeah but computer").interrupt
        'but'
    """

    def __init__(
        self,
        *,
        ignore: Iterable[str] = (),
        interrupt: Iterable[str] = (),
        variants: Mapping[str, Iterable[str]] = {},
        pronunciations: Mapping[str, Iterable[str]] = {},
    ) -> None:
        """Make a lexicon from phrases alone; `Lexicon.load` is the way to the packaged ones.

        Args:
            ignore: Phrases of the ignore list.
            interrupt: Phrases of the interrupt list.
            variants: Canonical phrase to its other spellings.
            pronunciations: Phrase to the ways it is said, in the International Phonetic Alphabet.

        Raises:
            LexiconError: A phrase has no word in it, or is given for both lists; a sign is not of the alphabet.
        """
        self._languages: tuple[str, ...] = ()
        self._spellings = Spellings()
        # Text that is no phrase is respelled by the main language only: "do" is a Hindi word too.
        self._main_spellings = Spellings()
        self._add_variants(variants)
        self._ignore: _Phrases = {}
        self._interrupt: _Phrases = {}
        self._pronunciations: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._add_pronunciations(pronunciations)
        self._put(ignore, interrupt)

    @classmethod
    def load(cls, languages: Sequence[str] = ("en",), *, files: Sequence[Path | str] = ()) -> Lexicon:
        """Load the packaged phrases of some languages, then a user's own files in order.

        Args:
            languages: Languages of the package or of `files`, by their BCP-47 tags ("en", "en-US"; only the
                language counts, not the country), the user's main language first: where one language ignores
                what another interrupts on, the one named first wins. May be empty.
            files: TOML files that add, remove or replace phrases; see the class for their keys.

        Raises:
            LexiconError: A language is neither in the package nor in a file, or a file cannot be read or used.
        """
        if isinstance(languages, str):
            raise LexiconError(f"languages: expected a list of language codes, got the string {languages!r}")
        if isinstance(files, str | Path):
            raise LexiconError(f"files: expected a list of paths, got the one path {str(files)!r}")
        changes = [(path, PhraseFile.read(path)) for path in map(Path, files)]
        packaged = cls.available_languages()
        available = sorted({*packaged, *(content.language for _, content in changes if content.language)})
        sources: dict[str, Lexicon] = {}
        for tag in languages:
            language = language_code(tag)
            if language not in available:
                raise LexiconError(f"unknown language {tag!r}; available: {', '.join(available)}")
            path = _PHRASES_FOLDER / f"{language}.toml"
            is_packaged = language in packaged
            sources[language] = cls()._changed_by(PhraseFile.read(path), source=path) if is_packaged else cls()

        for path, content in changes:
            if content.language is not None:
                # Within its own language, so that changing one language's lists leaves the others alone.
                own = replace(content, remove_ignore=(), remove_interrupt=(), add_ignore=(), add_interrupt=())
                before = sources.get(content.language, cls())
                sources[content.language] = before._changed_by(own, source=path)

        lexicon = cls()
        for source in sources.values():
            lexicon._take_in(source)
        lexicon._languages = tuple(sources)
        for path, content in changes:
            if content.language is not None:
                content = replace(content, ignore=(), interrupt=(), replace_ignore=None, replace_interrupt=None)
            lexicon = lexicon._changed_by(content, source=path)
        return lexicon

    @staticmethod
    def available_languages() -> tuple[str, ...]:
        """Return the codes of the languages in the package, in alphabetical order."""
        return tuple(sorted(path.stem for path in _PHRASES_FOLDER.glob("*.toml")))

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the languages loaded, in the order they were named."""
        return self._languages

    @property
    def ignore(self) -> tuple[str, ...]:
        """The phrases that are no claim to the floor, each in one spelling."""
        return tuple(self._ignore.values())

    @property
    def interrupt(self) -> tuple[str, ...]:
        """The phrases that stop the agent at once, each in one spelling."""
        return tuple(self._interrupt.values())

    @property
    def pronunciations(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Tokens of a phrase to the ways it is said, where a phrase file tells, in the phonetic alphabet."""
        return MappingProxyType(self._pronunciations)

    def add(
        self,
        *,
        ignore: Iterable[str] = (),
        interrupt: Iterable[str] = (),
        variants: Mapping[str, Iterable[str]] = {},
        pronunciations: Mapping[str, Iterable[str]] = {},
    ) -> Lexicon:
        """Return a lexicon with more phrases; one that is on the other list moves.

        Args:
            ignore: Phrases for the ignore list.
            interrupt: Phrases for the interrupt list.
            variants: Canonical phrase to more spellings of it.
            pronunciations: Phrase to the ways it is said, in the International Phonetic Alphabet.

        Raises:
            LexiconError: A phrase has no word in it, or is given for both lists; a sign is not of the alphabet.
        """
        changed = self._copy()
        changed._add_variants(variants)
        changed._add_pronunciations(pronunciations)
        changed._put(ignore, interrupt)
        return changed

    def remove(self, *, ignore: Iterable[str] = (), interrupt: Iterable[str] = ()) -> Lexicon:
        """Return a lexicon without some phrases, in whatever spelling they are given.

        Raises:
            LexiconError: A phrase is not on the list it should be taken off.
        """
        changed = self._copy()
        for name, gone, phrases in (
            ("ignore", ignore, changed._ignore),
            ("interrupt", interrupt, changed._interrupt),
        ):
            for phrase in check_phrases(gone, where=f"remove {name}"):
                found = [phrases.pop(tokens, None) for tokens in self._readings(phrase)]
                if not any(found):
                    raise LexiconError(f"cannot remove {phrase!r}: it is not on the {name} list")
        return changed

    def replace(self, *, ignore: Iterable[str] | None = None, interrupt: Iterable[str] | None = None) -> Lexicon:
        """Return a lexicon with a whole list replaced; None keeps a list, an empty list clears it.

        Raises:
            LexiconError: A phrase has no word in it, or is given for both lists.
        """
        changed = self._copy()
        if ignore is not None:
            changed._ignore.clear()
        if interrupt is not None:
            changed._interrupt.clear()
        changed._put(() if ignore is None else ignore, () if interrupt is None else interrupt)
        return changed

    def match(self, text: str, *, final: bool = True) -> LexiconMatch:
        """Find the phrases in a text: from left to right, the longest of both lists at each place.

        So "no problem" hides the "no" in it. Words match whole: "sto" is not "stop", "yeah b" is not only
        "yeah".

        Args:
            text: A transcript, in any case and punctuation; may be empty.
            final: False when the last word may still grow (interim text). A last word that is a whole phrase
                counts all the same, but an interrupt phrase that may be growing into an ignore phrase
                ("no prob") is not yet reported.
        """
        tokens = tokenize(text)
        if is_stretched(text):
            tokens = tuple(unstretched(token, self._known_words) for token in tokens)
        partial = not final and ends_within_word(text)
        canonical: list[str] = []
        covered = True
        interrupt: str | None = None
        interrupt_index: int | None = None
        position = 0
        first_words = self._first_words
        while position < len(tokens):
            if tokens[position] not in first_words:
                covered = False
                canonical.append(tokens[position])
                position += 1
                continue
            found, end = self._longest(tokens, position, partial)
            if found is None:
                covered = False
                respelled = self._main_spellings.at(tokens, position)
                end, target = respelled[0] if respelled else (position + 1, (tokens[position],))
                canonical.extend(target)
            else:
                if found.is_interrupt:
                    covered = False
                    if interrupt is None:
                        interrupt, interrupt_index = found.phrase, len(canonical)
                canonical.extend(found.tokens)
            position = end
        return LexiconMatch(
            interrupt=interrupt,
            ignore_only=covered and position > 0,
            tokens=tuple(canonical),
            interrupt_index=interrupt_index,
        )

    def __repr__(self) -> str:
        return (
            f"Lexicon(languages={list(self._languages)}, {len(self._ignore)} ignore phrases, "
            f"{len(self._interrupt)} interrupt phrases)"
        )

    def _longest(self, tokens: tuple[str, ...], start: int, partial: bool) -> tuple[PhraseTrie | None, int]:
        """Return the longest phrase that begins at `start`, and the position after it."""
        paths = self._paths(tokens, start)
        best: PhraseTrie | None = None
        end = start
        for position, node in paths:
            if position > end and node.phrase is not None:
                best, end = node, position
        last = len(tokens) - 1
        if partial and best is not None and best.is_interrupt and end == last:
            for position, node in paths:
                if position == last and node.leads_to_ignore(tokens[last]):
                    return None, start
        return best, end

    def _paths(self, tokens: tuple[str, ...], start: int) -> list[tuple[int, PhraseTrie]]:
        """Return every place in the tree of phrases that the tokens from `start` on can be read to."""
        paths = [(start, self._trie)]
        count = len(tokens)
        respelled = self._spellings.first_words()
        for position, node in paths:
            edges = node.edges
            if position == count or not edges:
                continue
            token = tokens[position]
            if token in edges:
                paths.append((position + 1, edges[token]))
            if token in respelled:
                for end, target in self._spellings.at(tokens, position):
                    spelled = node.walk(target)
                    if spelled is not None:
                        paths.append((end, spelled))
        return paths

    def _readings(self, phrase: str) -> set[tuple[str, ...]]:
        """Return the canonical tokens of every listed phrase that this one is a spelling of."""
        tokens = tokenize(phrase)
        return {
            node.tokens
            for position, node in self._paths(tokens, 0)
            if position == len(tokens) and node.phrase is not None
        }

    @cached_property
    def _trie(self) -> PhraseTrie:
        root = PhraseTrie()
        for tokens, phrase in self._ignore.items():
            root.put(tokens, phrase, is_interrupt=False)
        for tokens, phrase in self._interrupt.items():
            root.put(tokens, phrase, is_interrupt=True)
        return root

    @cached_property
    def _first_words(self) -> frozenset[str]:
        """The words that a phrase or a spelling can begin with; no others need a look."""
        return frozenset(self._trie.edges.keys() | self._spellings.first_words())

    @cached_property
    def _known_words(self) -> frozenset[str]:
        phrases = (token for phrases in (self._ignore, self._interrupt) for tokens in phrases for token in tokens)
        return frozenset(self._spellings.words().union(phrases))

    def _copy(self) -> Lexicon:
        copied = Lexicon.__new__(Lexicon)
        copied._languages = self._languages
        copied._spellings = self._spellings.copy()
        copied._main_spellings = self._main_spellings.copy()
        copied._ignore = dict(self._ignore)
        copied._interrupt = dict(self._interrupt)
        copied._pronunciations = dict(self._pronunciations)
        return copied

    def _add_variants(self, variants: Mapping[str, Iterable[str]]) -> None:
        checked = check_variants(variants, where="variants")
        self._spellings.add(checked)
        self._main_spellings.add(checked)

    def _add_pronunciations(self, pronunciations: Mapping[str, Iterable[str]]) -> None:
        for phrase, ways in check_pronunciations(pronunciations, where="pronunciations").items():
            self._pronunciations[tokenize(phrase)] = ways

    def _put(self, ignore: Iterable[str], interrupt: Iterable[str]) -> None:
        """Put phrases on the lists of a lexicon that has not been used yet."""
        checked_ignore = check_phrases(ignore, where="ignore")
        checked_interrupt = check_phrases(interrupt, where="interrupt")
        for phrase in (*checked_ignore, *checked_interrupt):
            self._spellings.add_phrase(phrase)
            self._main_spellings.add_phrase(phrase)
        both = {self._main_spellings.canonical(phrase) for phrase in checked_ignore}
        for phrase in checked_interrupt:
            if self._main_spellings.canonical(phrase) in both:
                raise LexiconError(f"{phrase!r} is given both to ignore and to interrupt on; keep one")
        before = self._copy()
        for phrases, target, other in (
            (checked_ignore, self._ignore, self._interrupt),
            (checked_interrupt, self._interrupt, self._ignore),
        ):
            for phrase in phrases:
                for tokens in before._readings(phrase):
                    other.pop(tokens, None)
                target.setdefault(self._main_spellings.canonical(phrase), phrase)

    def _take_in(self, other: Lexicon) -> None:
        """Add another language's phrases where this lexicon does not have them on either list."""
        if not (self._ignore or self._interrupt):
            self._main_spellings.merge(other._spellings)
        self._spellings.merge(other._spellings)
        self._pronunciations = {**other._pronunciations, **self._pronunciations}
        taken = self._ignore.keys() | self._interrupt.keys()
        self._ignore.update({tokens: text for tokens, text in other._ignore.items() if tokens not in taken})
        self._interrupt.update({tokens: text for tokens, text in other._interrupt.items() if tokens not in taken})

    def _changed_by(self, file: PhraseFile, *, source: Path) -> Lexicon:
        try:
            changed = self.add(variants=file.variants, pronunciations=file.pronunciations)
            changed = changed.replace(ignore=file.replace_ignore, interrupt=file.replace_interrupt)
            changed = changed.remove(ignore=file.remove_ignore, interrupt=file.remove_interrupt)
            return changed.add(
                ignore=(*file.ignore, *file.add_ignore),
                interrupt=(*file.interrupt, *file.add_interrupt),
            )
        except LexiconError as error:
            raise LexiconError(f"{source}: {error}") from error

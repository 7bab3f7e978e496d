"""The embedded listener: phonemes, matched to the phrases that decide an overlap."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, SAMPLE_RATE
from ..errors import ModelError
from ..lexicon import SOUNDS, Lexicon, tokenize
from .listener import LISTENER_LANGUAGE, Hypothesis, PhraseLikelihood, RecognisedWord
from .phoneme_recogniser import SoundReader, heard_sounds, shared_recogniser, sounds_text
from .phrase_tree import PhraseTree, SoundModel
from .pronunciation import Pronunciations, english_dictionary, read_model_file

logger = logging.getLogger("prosody_gate")

LOOKS: Final = (0.22, 0.35, 0.51, 0.8)
"""Seconds after the onset at which the listener looks: each look reads everything anew, at 50 ms a second of sound."""

LOOK_BACK: Final = 0.25
"""Seconds before the onset that are read along: the VAD is late for soft consonants."""

OPENINGS_FILE: Final = "openings.json"
SOUND_MODEL_FILE: Final = "sounds.json"

NEW_PHRASE: Final = 0.004
"""Share of overlaps that a phrase is taken to open where nobody has counted."""

SHOWN_PHRASES: Final = 24
SHOWN_FROM: Final = 0.002
"""Probability below which a phrase is not handed on."""

TEXT_FROM: Final = 0.5
"""Probability from which a phrase counts as recognised."""

INCOMPLETE: Final = 0.3
"""How much less a phrase counts whose last sounds have not been heard: often enough they never are ("sto(p)")."""


@dataclass(frozen=True)
class FollowedPhrases:
    """What all listeners of one lexicon share: the tree of its phrases, with how often each opens an overlap."""

    texts: tuple[str, ...]
    """The phrase of each pronunciation."""
    priors: npt.NDArray[np.float32]
    """Share of overlaps that each pronunciation opens, [pronunciations]."""
    listed: npt.NDArray[np.bool_]
    """Whether the phrase is on a list of the lexicon, or only a common opening, [pronunciations]."""
    nothing: float
    something_else: float
    """Shares of overlaps with no word, and with other words."""
    tree: PhraseTree
    unheard: tuple[str, ...]
    """Phrases of the lexicon that have no pronunciation and are left to transcripts."""
    alike: tuple[tuple[str, str], ...]
    """Phrases that sound like one of the other list, each with that one: both are left to transcripts."""


class PhonemeListener:
    """Follows the phrases of a lexicon in the sounds of an overlap.

    The recogniser's model is shared by all listeners of a process, and the tree of phrases by all listeners of one
    lexicon; a further listener costs its own audio only. Looks are taken at `LOOKS` after the onset. It keeps nothing
    from one overlap to the next.

    Args:
        lexicon: Its phrases are followed; English when None.
        recogniser: Reads the sounds; the process's own when None.

    Raises:
        ModelError: The recogniser or a file of the listener is missing or damaged.
    """

    def __init__(self, lexicon: Lexicon | None = None, *, recogniser: SoundReader | None = None) -> None:
        self._recogniser = shared_recogniser() if recogniser is None else recogniser
        self._phrases = follow(lexicon if lexicon is not None else Lexicon.load())
        self._open = False
        self._clear()

    @property
    def unheard(self) -> tuple[str, ...]:
        """Phrases of the lexicon that it has no pronunciation of, and leaves to transcripts."""
        return self._phrases.unheard

    @property
    def alike(self) -> tuple[tuple[str, str], ...]:
        """Phrases that it cannot tell from one of the other list, each with that one; it leaves them to transcripts."""
        return self._phrases.alike

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap; one still open is finished first.

        Args:
            pre_roll: Samples from 0.25 s before the onset up to the first frame that will be pushed, float32 mono in
                [-1, 1] at 16 kHz; may be shorter or empty.
            onset: Stream time of the first speech frame, in seconds.
        """
        self._clear()
        self._open = True
        self._onset = onset
        self._audio.append(np.array(pre_roll, np.float32))

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Hear one frame.

        Args:
            frame: 512 samples that follow what was heard last, float32 mono in [-1, 1] at 16 kHz.
            time: Stream time of the frame's last sample, in seconds.

        Returns:
            A hypothesis at each look, otherwise None.

        Raises:
            ModelError: No overlap is open, or the recogniser failed.
        """
        if not self._open:
            raise ModelError("push: no overlap is open; call start first")
        if self._looks == len(LOOKS):
            return None
        self._audio.append(frame)
        # Half a frame of tolerance: stream times are sums of frames.
        if time - self._onset < LOOKS[self._looks] - FRAME_DURATION / 2:
            return None
        while self._looks < len(LOOKS) and time - self._onset >= LOOKS[self._looks] - FRAME_DURATION / 2:
            self._looks += 1
        return self._look(time)

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap.

        Args:
            time: Stream time of the last sample heard, in seconds.

        Returns:
            The last hypothesis, or None when nothing was heard or no overlap is open.
        """
        if not self._open:
            return None
        self._open = False
        self._audio.clear()
        return self._newest if self._newest is not None and self._newest.words else None

    def reset(self) -> None:
        """Drop an open overlap and forget the call: back to the state of a new listener."""
        self._open = False
        self._clear()

    def _clear(self) -> None:
        self._audio: list[npt.NDArray[np.float32]] = []
        self._looks = 0
        self._onset = 0.0
        self._newest: Hypothesis | None = None

    def _look(self, time: float) -> Hypothesis:
        samples = np.concatenate(self._audio)
        wanted = round((time - self._onset + LOOK_BACK) * SAMPLE_RATE)
        frames = self._recogniser.look(samples[-wanted:])
        phrases = self._phrases
        said, begun, silence, unknown = phrases.tree.follow(frames)
        likelihoods = np.concatenate([said + begun, [silence, unknown]]).astype(np.float64)
        shares = likelihoods * np.concatenate([phrases.priors, [phrases.nothing, phrases.something_else]])
        shares /= max(float(shares.sum()), 1e-300)
        whole = said / np.maximum(said + begun, 1e-30)
        found: dict[str, list[float]] = {}
        for at in np.flatnonzero(shares[:-2] >= SHOWN_FROM / 8):
            entry = found.setdefault(phrases.texts[at], [0.0, 0.0])
            entry[0] += float(shares[at] * whole[at])
            entry[1] += float(shares[at] * (1.0 - whole[at]))
        ranked = sorted(
            (PhraseLikelihood(text, *both) for text, both in found.items() if sum(both) >= SHOWN_FROM),
            key=lambda phrase: (-phrase.said - phrase.begun, phrase.text),
        )[:SHOWN_PHRASES]
        text = _text(found)
        self._newest = Hypothesis(
            text=text,
            time=time,
            words=self._words(text, time),
            sounds=sounds_text(frames),
            heard=heard_sounds(frames),
            phrases=tuple(ranked),
            nothing=float(shares[-2]),
            something_else=float(shares[-1]),
        )
        return self._newest

    def _words(self, text: str, time: float) -> tuple[RecognisedWord, ...]:
        words = text.split()
        if not words:
            return ()
        before = {} if self._newest is None else {word.text: word.since for word in self._newest.words}
        same = self._newest is not None and self._newest.text == text
        step = max(time - self._onset, FRAME_DURATION) / len(words)
        return tuple(
            RecognisedWord(
                text=word,
                start=self._onset + number * step,
                end=self._onset + (number + 1) * step,
                since=before[word] if same and word in before else time,
                score=0.0,
            )
            for number, word in enumerate(words)
        )


def _text(found: Mapping[str, Sequence[float]]) -> str:
    """The longest phrase that was likelier than not said, alone or as a beginning: "no" of "no problem"."""
    together: dict[str, float] = {}
    for text, both in found.items():
        words = text.split()
        for length in range(1, len(words) + 1):
            beginning = " ".join(words[:length])
            together[beginning] = together.get(beginning, 0.0) + sum(both)
    best = ""
    for text, (said, begun) in found.items():
        complete = said / max(said + begun, 1e-30)
        likely = together[text] * (1.0 - INCOMPLETE * (1.0 - complete)) >= TEXT_FROM
        if likely and len(text.split()) > len(best.split()):
            best = text
    return best


@cache
def is_listener_usable() -> bool:
    """Whether the recogniser and the listener's files are there; where not, says so once in the log."""
    try:
        shared_recogniser()
        english_dictionary()
        sound_model()
        _openings()
    except ModelError as error:
        logger.warning("%s; the gate goes on without a listener", error)
        return False
    return True


def knows_sounds_of(lexicon: Lexicon) -> bool:
    """Whether the listener knows how phrases of a lexicon are said: English, or with pronunciations of their own."""
    languages = lexicon.languages
    if not languages or LISTENER_LANGUAGE in languages:
        return True
    return any(tokenize(phrase) in lexicon.pronunciations for phrase in (*lexicon.ignore, *lexicon.interrupt))


def follow(lexicon: Lexicon) -> FollowedPhrases:
    """The phrases of a lexicon and the common openings, as a tree; made once for lexicons with the same phrases.

    Raises:
        ModelError: A file of the listener is missing or damaged.
    """
    languages = lexicon.languages
    english = not languages or LISTENER_LANGUAGE in languages
    return _follow(lexicon.ignore, lexicon.interrupt, tuple(lexicon.pronunciations.items()), english)


@cache
def sound_model() -> SoundModel:
    """The confusions that ship with the package.

    Raises:
        ModelError: The file is missing or damaged.
    """
    table = read_model_file(SOUND_MODEL_FILE)
    try:
        confusion = np.array(table["confusion"], np.float32)
        missed = np.array(table["missed"], np.float32)
        if confusion.shape != (len(SOUNDS), len(SOUNDS)) or missed.shape != (len(SOUNDS),):
            raise ValueError(f"expected {len(SOUNDS)} sounds")
        return SoundModel(confusion, missed, inserted=float(table["inserted"]), other=float(table["other"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{SOUND_MODEL_FILE}: expected the confusions of the sounds ({error})") from error


@cache
def _openings() -> tuple[Mapping[str, float], float, float]:
    """How often each phrase opens an overlap, and how often no word and other words do."""
    table = read_model_file(OPENINGS_FILE)
    try:
        counted = {str(text): float(share) for text, share in table["openings"].items()}
        return counted, float(table["nothing"]), float(table["something_else"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{OPENINGS_FILE}: expected the shares of the openings ({error})") from error


@lru_cache(maxsize=8)
def _follow(
    ignore: tuple[str, ...],
    interrupt: tuple[str, ...],
    pronunciations: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
    english: bool,
) -> FollowedPhrases:
    counted, nothing, something_else = _openings()
    source = Pronunciations(dict(pronunciations))
    listed = dict.fromkeys((*ignore, *interrupt))
    alike = _alike(ignore, interrupt, source)
    left_out = {phrase for pair in alike for phrase in pair} - set(counted)
    texts: list[str] = []
    rows: list[tuple[int, ...]] = []
    priors: list[float] = []
    unheard: list[str] = []
    # The openings were counted in English; another language has its phrases alone.
    for text in dict.fromkeys((*listed, *(counted if english else ()))):
        ways = source.of(text)
        if not ways and text in listed:
            unheard.append(text)
        if text in left_out:
            continue
        for row in ways:
            texts.append(text)
            rows.append(row)
            priors.append(counted.get(text, NEW_PHRASE) / len(ways))
    if unheard:
        shown = ", ".join(unheard[:5]) + (", ..." if len(unheard) > 5 else "")
        logger.warning(
            "the listener does not know how %d of the phrases are said and leaves them to transcripts (%s); "
            "give them [pronunciations] in a phrase file",
            len(unheard),
            shown,
        )
    if left_out:
        shown = ", ".join(f"{one!r} and {other!r}" for one, other in alike[:5]) + (", ..." if len(alike) > 5 else "")
        logger.warning(
            "the listener cannot tell %d of the phrases from one of the other list and leaves them to transcripts (%s)",
            len(left_out),
            shown,
        )
    if not rows:
        raise ModelError("listener: does not know how any of the phrases is said; expected [pronunciations] for some")
    return FollowedPhrases(
        texts=tuple(texts),
        priors=np.array(priors, np.float32),
        listed=np.array([text in listed for text in texts]),
        nothing=nothing,
        something_else=something_else,
        tree=PhraseTree(rows, sound_model()),
        unheard=tuple(unheard),
        alike=alike,
    )


def _alike(ignore: tuple[str, ...], interrupt: tuple[str, ...], source: Pronunciations) -> tuple[tuple[str, str], ...]:
    """Ignore phrases with the interrupt phrases that have the same sounds."""
    by_sounds = {row: phrase for phrase in interrupt for row in source.of(phrase)}
    pairs = ((phrase, by_sounds[row]) for phrase in ignore for row in source.of(phrase) if row in by_sounds)
    return tuple(dict.fromkeys(pairs))

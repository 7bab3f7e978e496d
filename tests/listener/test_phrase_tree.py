from __future__ import annotations

import numpy as np
import numpy.typing as npt

from prosody_gate.lexicon import SOUNDS, sounds_of
from prosody_gate.listener import PhraseTree, SoundModel

PERFECT = SoundModel(
    np.eye(len(SOUNDS), dtype=np.float32), np.full(len(SOUNDS), 0.01, np.float32), inserted=0.001, other=0.01
)


def numbers(ipa: str) -> tuple[int, ...]:
    return tuple(SOUNDS.index(sound) for sound in sounds_of(ipa))


def heard(ipa: str) -> npt.NDArray[np.float32]:
    """Frames of a recogniser that is sure: nothing, then each sound in a frame with nothing after it, then nothing."""
    frames = np.zeros((3 + 2 * len(sounds_of(ipa)) if ipa else 6, 1 + len(SOUNDS)), np.float32)
    frames[:, 0] = 1.0
    for place, number in enumerate(numbers(ipa) if ipa else ()):
        frames[2 + 2 * place, [0, 1 + number]] = 0.02, 0.98
    return frames


def test_a_phrase_that_was_said_is_likelier_than_another() -> None:
    tree = PhraseTree([numbers("stɑp"), numbers("noʊ")], PERFECT)

    said, _, nothing, other = tree.follow(heard("stɑp"))

    assert said[0] > 100 * max(said[1], nothing, other)


def test_the_beginning_of_a_phrase_has_begun_it_and_not_said_it() -> None:
    tree = PhraseTree([numbers("stɑp"), numbers("noʊ")], PERFECT)

    said, begun, _, _ = tree.follow(heard("stɑ"))

    assert begun[0] > 10 * said[0]
    assert begun[0] > 100 * (begun[1] + said[1])


def test_after_a_phrase_anything_may_follow() -> None:
    tree = PhraseTree([numbers("noʊ"), numbers("jæ")], PERFECT)

    said, _, _, _ = tree.follow(heard("noʊðæts"))

    assert said[0] > 100 * said[1]


def test_silence_begins_every_phrase_alike_and_says_none() -> None:
    tree = PhraseTree([numbers("stɑp"), numbers("noʊ")], PERFECT)

    said, begun, nothing, _ = tree.follow(heard(""))

    assert begun[0] == begun[1]
    assert nothing > 10 * said.max()


def test_a_measured_confusion_makes_the_wrong_sound_count_for_the_right_one() -> None:
    confusion = np.eye(len(SOUNDS), dtype=np.float32)
    confusion[SOUNDS.index("æ"), SOUNDS.index("æ")] = 0.4
    confusion[SOUNDS.index("æ"), SOUNDS.index("oʊ")] = 0.6
    confused = SoundModel(confusion, PERFECT.missed, inserted=0.001, other=0.01)
    rows = [numbers("jæ"), numbers("jɛs")]

    before, _, _, other_before = PhraseTree(rows, PERFECT).follow(heard("joʊ"))
    after, _, _, other_after = PhraseTree(rows, confused).follow(heard("joʊ"))

    assert before[0] < 10 * other_before
    assert after[0] > 100 * max(after[1], other_after)


def test_no_frames_tell_nothing() -> None:
    said, begun, nothing, other = PhraseTree([numbers("stɑp")], PERFECT).follow(np.zeros((0, 41), np.float32))

    assert (said[0], begun[0], nothing, other) == (0.0, 1.0, 1.0, 0.0)

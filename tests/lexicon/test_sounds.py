from __future__ import annotations

from pathlib import Path

import pytest

from prosody_gate.errors import LexiconError
from prosody_gate.lexicon import SOUNDS, Lexicon, sounds_of


def test_stress_length_tone_and_ties_are_left_out() -> None:
    assert sounds_of("ˈpaːɾa") == ("p", "ɑ", "d", "ɑ")
    assert sounds_of("t͡ʃiz") == ("tʃ", "i", "z")
    assert sounds_of("ma˥˩") == ("m", "ɑ")


def test_a_sound_of_another_language_counts_as_the_nearest() -> None:
    assert sounds_of("ʁy") == ("ɹ", "u")
    assert sounds_of("ɲ") == ("n", "j")


def test_every_sound_is_read_as_itself() -> None:
    assert [sounds_of(sound) for sound in SOUNDS] == [(sound,) for sound in SOUNDS]


def test_an_unknown_sign_is_named() -> None:
    with pytest.raises(ValueError, match="the sign '5' of 'st5p' is not one of the phonetic alphabet"):
        sounds_of("st5p")


def test_a_pronunciation_without_a_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="has no sound in it"):
        sounds_of("ˈ")


def test_a_phrase_file_brings_pronunciations(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('add_interrupt = ["para"]\n[pronunciations]\npara = ["paɾa"]\n', encoding="utf-8")

    lexicon = Lexicon.load(["en"], files=[file])

    assert lexicon.pronunciations[("para",)] == ("paɾa",)
    assert Lexicon.load(["en"]).add(pronunciations={"Para!": ["paɾa"]}).pronunciations[("para",)] == ("paɾa",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('para = ["p4ra"]', "mine.toml: pronunciations.para: the sign '4' of 'p4ra' is not"),
        ('para = "para"', "mine.toml: pronunciations.para: expected a list of pronunciations, got 'para'"),
        ("para = [1]", "mine.toml: pronunciations.para: expected pronunciations in quotes, got 1"),
    ],
)
def test_a_pronunciation_that_cannot_be_read_is_one_clear_line(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"[pronunciations]\n{row}\n", encoding="utf-8")

    with pytest.raises(LexiconError) as error:
        Lexicon.load(["en"], files=[file])

    assert message in str(error.value)
    assert "\n" not in str(error.value)

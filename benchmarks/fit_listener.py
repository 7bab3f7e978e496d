"""Makes the listener's own files: the dictionary, the openings of overlaps, and the recogniser's confusions.

    python benchmarks/fit_listener.py --data ../shared/data --dictionary cmudict.dict --phrases benchmarks/cache/phrases

The dictionary comes from the CMU Pronouncing Dictionary (BSD licence): its file `cmudict.dict`. The openings are those
of the AMI overlaps, the phrase lists, and the words with which people call or steer a machine. The confusions are
measured on the recorded clips whose words are known, and on neural voices where a folder of theirs is given.
`fit_evidence.py` takes the odds of the openings from here.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from fitting.overlap_corpus import LabelledOverlap, fold_of, read_overlaps
from fitting.sound_model import KnownSound, fit_sound_model
from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.bench import read_at_analysis_rate, speech_segments
from prosody_gate.gate import GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import MODEL_FOLDER, PhonemeRecogniser, Pronunciations, SoundModel
from prosody_gate.vad import SileroDetector

ARPABET = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ",
    "ER": "ɚ", "EY": "eɪ", "F": "f", "G": "g", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k", "L": "l",
    "M": "m", "N": "n",
    "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ",
    "UW": "u",
    "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip

SPOKEN: dict[str, tuple[str, ...]] = {
    "mm-hm": ("mhm", "ʌmhʌm", "əmhəm"), "mm-hmm": ("mhm", "ʌmhʌm", "əmhəm"), "um-hum": ("ʌmhʌm",),
    "mm-mm": ("mm", "ʌmʌm"),
    "mhm": ("ʌmhʌm", "mhm"), "uh-huh": ("ʌhʌ", "ɑhɑ"), "uh-uh": ("ʌʌ",), "uh-oh": ("ʌoʊ",), "hmm": ("hm", "hʌm", "m"),
    "hm": ("hm", "hʌm", "m"), "mm": ("m", "ʌm"), "mmm": ("m", "ʌm"), "yeah": ("jæ", "jɛ", "jæə"), "yep": ("jɛp",),
    "yup": ("jʌp",), "erm": ("ɚm", "ʌm"), "haha": ("hɑhɑ", "həhə"), "kay": ("keɪ",), "okay": ("oʊkeɪ", "əkeɪ", "keɪ"),
    "geez": ("dʒiz",), "gotcha": ("gɑtʃʌ",), "okey": ("oʊki",), "dokey": ("doʊki",), "huh": ("hʌ", "hʌn"),
}  # fmt: skip
"""Sounds that the dictionary lacks, or gives a form of that people rarely say."""

AGENT_WORDS = (
    "alexa", "computer", "jarvis", "assistant", "robot", "agent", "operator", "repeat", "louder", "slower",
    "quiet", "cancel", "change", "go", "up", "down", "left", "on", "off", "start", "again", "next",
    "back", "skip", "enough", "sorry", "please", "hello", "hey", "help", "what", "why", "who",
    "when", "where", "how",
)  # fmt: skip
"""Words people call or steer a machine with, alone or as an opening."""

AGENT_OPENINGS = (
    "can i", "can i get", "can i have", "can you", "could i", "could i get", "could you", "could you please",
    "i would like", "i'd like", "i'd like a", "i want", "i want a", "i need", "i'll have", "i'll take",
    "give me", "get me", "make me", "let me", "may i", "may i have", "please", "tell me", "show me",
    "do you", "do you have", "what about", "how about", "that's not", "that's wrong", "i have a question",
    "my name is",
)  # fmt: skip
"""How requests to an agent begin."""

SHARES = {"meetings": 0.55, "lists": 0.3, "agent": 0.15}
"""Of the interruptions; the ignore list has the agent's share of the backchannels too."""

FEWEST = 6
"""Overlaps that an opening must be found in."""

CONTEXT_WORDS = 3
DICTIONARY_WORDS = 4000
NOTHING, SOMETHING_ELSE = 0.15, 0.05
FOLDS = 5
MOST_CLIPS = 70
"""Recordings of one word: some words have hundreds."""

SYNTHETIC_WEIGHT = 0.7
"""Of a synthetic voice beside a recorded one."""

MOST_WORDS = 6
LOOK_BACK = 4000
LONGEST = 20000
KNOWN_SETS = ("read_affirmative", "command_word", "content_word", "called_name", "bank_turn", "bank_acknowledgement")


class Spoken(NamedTuple):
    """What the recogniser made of one recording."""

    text: str
    whole: bool
    """Whether all of the text is in it."""
    frames: npt.NDArray[np.float32]


def clean(text: str) -> list[str]:
    """Lower-case words with inner apostrophes and hyphens only."""
    words = re.findall(r"[a-z][a-z'\-]*", text.lower().replace("\u2019", "'"))
    return [word.strip("-'") for word in words if word.strip("-'")]


def read_dictionary(path: Path) -> dict[str, list[str]]:
    """Pronunciations by word, in the phonetic alphabet."""
    dictionary: dict[str, list[str]] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        head, _, phones = line.partition("#")[0].strip().partition(" ")
        signs = re.findall(r"[A-Z]+", phones)
        if signs and all(sign in ARPABET for sign in signs):
            dictionary.setdefault(re.sub(r"\(\d+\)$", "", head.lower()), []).append(
                "".join(map(ARPABET.__getitem__, signs))
            )
    return {**dictionary, **{word: list(ways) for word, ways in SPOKEN.items()}}


def count_openings(overlaps: Sequence[LabelledOverlap]) -> dict[bool, dict[str, float]]:
    """The share of interruptions, and of backchannels, that each opening begins; the longest one counts."""
    shares: dict[bool, dict[str, float]] = {}
    both: Counter[tuple[str, ...]] = Counter()
    openings: dict[bool, list[list[str]]] = {True: [], False: []}
    for overlap in overlaps:
        words = clean(" ".join(word.text for word in overlap.words[:CONTEXT_WORDS]))[:CONTEXT_WORDS]
        openings[overlap.interruption].append(words)
        both.update(tuple(words[:length]) for length in range(1, len(words) + 1))
    for label, found in openings.items():
        counts: Counter[str] = Counter()
        for words in found:
            length = len(words)
            while length and both[tuple(words[:length])] < FEWEST:
                length -= 1
            if length:
                counts[" ".join(words[:length])] += 1
        shares[label] = {text: count / len(found) for text, count in counts.items()}
    return shares


def make_openings(overlaps: Sequence[LabelledOverlap], lexicon: Lexicon) -> dict[str, tuple[float, float]]:
    """Each opening's share of the interruptions of an agent, and of all else."""
    shares = count_openings(overlaps)
    table: dict[str, list[float]] = {}

    def add(texts: Mapping[str, float], column: int, share: float) -> None:
        total = sum(texts.values())
        for text, value in texts.items():
            table.setdefault(" ".join(clean(text)), [0.0, 0.0])[column] += share * value / total

    by_length = {True: lexicon.interrupt, False: lexicon.ignore}
    listed = {label: {text: len(text.split()) ** -2.0 for text in texts} for label, texts in by_length.items()}
    agent = {text: len(text.split()) ** -1.0 for text in (*AGENT_WORDS, *AGENT_OPENINGS)}
    add(shares[True], 0, SHARES["meetings"])
    add(listed[True], 0, SHARES["lists"])
    add(agent, 0, SHARES["agent"])
    add(shares[False], 1, SHARES["meetings"])
    add(listed[False], 1, 1.0 - SHARES["meetings"])
    return {text: (both[0], both[1]) for text, both in sorted(table.items()) if text}


def log_odds(both: tuple[float, float]) -> float:
    """ln P(opening | interruption) / P(opening | not), with a little of either everywhere."""
    return math.log((both[0] + 2e-4) / (both[1] + 2e-4))


def orders_alone(overlaps: Sequence[LabelledOverlap], lexicon: Lexicon) -> dict[str, float]:
    """What each of `AGENT_WORDS` says for an interruption where it is the only word, by `alone=` and the word: log-odds
    with the prior of the meetings in, in nats.

    The agent's share of the interruptions is such words, each as often as the others; the rest, and the backchannels,
    are as often one of them as the overlaps of the meetings are.
    """
    alone: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    totals: Counter[bool] = Counter()
    for overlap in overlaps:
        tokens = lexicon.match(" ".join(word.text for word in overlap.words)).tokens
        totals[overlap.interruption] += 1
        if len(tokens) == 1:
            alone[overlap.interruption][tokens[0]] += 1
    matches = [lexicon.match(word) for word in AGENT_WORDS]
    orders = sorted({match.tokens[0] for match in matches if not match.ignore_only})
    found = {}
    for word in orders:
        share = SHARES["agent"] / len(orders) + (1.0 - SHARES["agent"]) * alone[True][word] / totals[True]
        odds = math.log(share * totals[False] / (alone[False][word] + 0.5)) + math.log(totals[True] / totals[False])
        found[f"alone={word}"] = round(odds, 3)
    return found


def known_sounds(recordings: Iterable[Spoken], pronunciations: Pronunciations) -> Iterator[KnownSound]:
    """What the recogniser made of each recording whose words can be pronounced."""
    for recording in recordings:
        words = clean(recording.text)
        ways = pronunciations.of(" ".join(words[:MOST_WORDS])) if words else ()
        if ways and len(recording.frames):
            yield KnownSound(recording.frames, ways[:3], whole=recording.whole and len(words) <= MOST_WORDS)


def write_dictionary(path: Path, dictionary: Mapping[str, Sequence[str]], data: Path, phrases: Iterable[str]) -> None:
    """The commonest words, those of the phrases, and those of the overlaps, with their pronunciations."""
    counts: Counter[str] = Counter()
    with gzip.open(data / "text" / "ami_utterances.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            counts.update(clean(line))
    common = [word for word, _ in counts.most_common() if word in dictionary][:DICTIONARY_WORDS]
    needed = {word for phrase in phrases for word in clean(phrase) if word in dictionary}
    words = sorted({*common, *needed, *SPOKEN})
    path.write_text(
        json.dumps({word: list(dict.fromkeys(dictionary[word]))[:3] for word in words}, ensure_ascii=False, indent=0)
        + "\n",
        encoding="utf-8",
    )


def write_sound_model(path: Path, model: SoundModel) -> None:
    """The confusions, rounded to four places."""
    table = {
        "confusion": [[round(float(value), 4) for value in row] for row in model.confusion],
        "missed": [round(float(value), 4) for value in model.missed],
        "inserted": model.inserted,
        "other": model.other,
    }
    path.write_text(json.dumps(table) + "\n", encoding="utf-8")


def write_openings(path: Path, openings: Mapping[str, tuple[float, float]]) -> None:
    """How often each opening begins an overlap, under a prior of one interruption to one that is none."""
    known = 1.0 - NOTHING - SOMETHING_ELSE
    table = {
        "nothing": NOTHING,
        "something_else": SOMETHING_ELSE,
        "openings": {text: round(known * (both[0] + both[1]) / 2.0, 6) for text, both in openings.items()},
    }
    path.write_text(json.dumps(table, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def recorded(data: Path, recogniser: PhonemeRecogniser, fold: int | None) -> Iterator[Spoken]:
    """The recordings whose words are known, as the listener hears them: from a little before the VAD's onset on.

    Args:
        data: Folder with recordings.jsonl.
        recogniser: Reads the sounds.
        fold: Speakers to leave out; None for none.
    """
    seen: Counter[tuple[str, str]] = Counter()
    detector = SileroDetector()
    for line in (data / "recordings.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        key = (row["set"], row["text"])
        if row["set"] not in KNOWN_SETS or seen[key] >= MOST_CLIPS:
            continue
        if fold is not None and fold_of(row["speaker"] or row["audio"], FOLDS) == fold:
            continue
        seen[key] += 1
        samples = read_at_analysis_rate(data / row["audio"])
        detector.reset()
        whole_frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        found = speech_segments([detector.frame_probability(frame) for frame in whole_frames], GateOptions())
        if not found:
            continue
        first, last = round(found[0].start * SAMPLE_RATE), round(found[-1].end * SAMPLE_RATE)
        start = max(first - LOOK_BACK, 0)
        end = min(last + LOOK_BACK, first + LONGEST, len(samples))
        whole = end > last
        yield Spoken(row["text"], whole, recogniser.look(samples[start:end]))


def synthesised(folder: Path, recogniser: PhonemeRecogniser) -> Iterator[Spoken]:
    """What neural voices said, as `neural_phrases.py` left it, without the laughs; in faint noise."""
    rng = np.random.default_rng(0)
    for manifest in sorted(folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            if row["text"].startswith("("):
                continue
            samples, _ = soundfile.read(folder / row["audio"], dtype="float32")
            loud = np.flatnonzero(np.abs(samples) > 0.02)
            start = max(int(loud[0]) - LOOK_BACK, 0)
            end = min(int(loud[-1]) + LOOK_BACK, start + LOOK_BACK + LONGEST, len(samples))
            noise = rng.normal(0.0, 1e-3, end - start).astype(np.float32)
            yield Spoken(row["text"], end > loud[-1], recogniser.look(samples[start:end] + noise))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl, overlaps/ and text/")
    parser.add_argument("--dictionary", type=Path, required=True, help="the file cmudict.dict of the CMU dictionary")
    parser.add_argument("--phrases", type=Path, help="folder of benchmarks/neural_phrases.py; none when left out")
    parser.add_argument("--output", type=Path, default=MODEL_FOLDER, help="where the listener's files go")
    parser.add_argument("--leave-out", type=int, choices=range(FOLDS), help="a fold of speakers that is left out")
    arguments = parser.parse_args()
    lexicon = Lexicon.load()
    openings = make_openings(read_overlaps(arguments.data / "overlaps" / "ami.jsonl.gz"), lexicon)
    phrases = (*lexicon.ignore, *lexicon.interrupt, *openings)
    arguments.output.mkdir(parents=True, exist_ok=True)
    dictionary = read_dictionary(arguments.dictionary)
    write_dictionary(arguments.output / "english.json", dictionary, arguments.data, phrases)
    write_openings(arguments.output / "openings.json", openings)
    recogniser = PhonemeRecogniser()
    spoken = recorded(arguments.data, recogniser, arguments.leave_out)
    pronunciations = Pronunciations({})
    known = list(known_sounds(spoken, pronunciations))
    if arguments.phrases is not None:
        synthetic = known_sounds(synthesised(arguments.phrases, recogniser), pronunciations)
        known += [replace(sound, weight=SYNTHETIC_WEIGHT) for sound in synthetic]
    model = fit_sound_model(known)
    write_sound_model(arguments.output / "sounds.json", model)
    print(f"{len(openings)} openings; written to {arguments.output.name}/")


if __name__ == "__main__":
    main()

"""Sounds and manifests for the tests of the benchmark; the word timings are invented."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

RATE = 16_000
DEMO_EVENTS = Path(__file__).resolve().parents[2] / "examples" / "demo_events.jsonl"

OVERLAPS: list[dict[str, Any]] = [
    {"id": "b1", "conversation": "a", "label": "backchannel", "words": [["yeah", 0.0, 0.3]]},
    {"id": "b2", "conversation": "a", "label": "backchannel", "words": [["mm-hmm", 0.0, 0.4]]},
    {"id": "b3", "conversation": "b", "label": "backchannel", "words": [["uh-huh", 0.0, 0.35]]},
    {"id": "b4", "conversation": "b", "label": "backchannel", "words": [["okay", 0.0, 0.3], ["right", 0.34, 0.6]]},
    {
        "id": "i1",
        "conversation": "a",
        "label": "interruption",
        "words": [["wait", 0.0, 0.3], ["a", 0.3, 0.36], ["second", 0.36, 0.8]],
    },
    {
        "id": "i2",
        "conversation": "b",
        "label": "interruption",
        "words": [["but", 0.0, 0.15], ["I", 0.15, 0.22], ["thought", 0.22, 0.5], ["it", 0.5, 0.6], ["was", 0.6, 0.8]],
    },
    {
        "id": "i3",
        "conversation": "b",
        "label": "interruption",
        "words": [["yeah", 0.0, 0.2], ["but", 0.22, 0.4], ["what", 0.4, 0.6], ["about", 0.6, 0.9], ["me", 0.9, 1.2]],
    },
    {"id": "a1", "conversation": "b", "label": "ambiguous", "words": [["well", 0.0, 0.3]]},
]
"""Invented overlaps of a kind that leaves no doubt."""


def voice(seconds: float, *, pitch: float = 120.0, level: float = 0.3) -> npt.NDArray[np.float32]:
    """A buzz with two resonances: speech enough for a VAD."""
    times = np.arange(round(seconds * RATE)) / RATE
    harmonics = np.arange(1, 30) * pitch
    weights = 1.0 / (1.0 + ((harmonics - 600.0) / 200.0) ** 2)
    weights += 0.5 / (1.0 + ((harmonics - 1700.0) / 300.0) ** 2)
    sound = (weights[:, None] * np.sin(2 * np.pi * harmonics[:, None] * times)).sum(axis=0)
    return np.asarray(level * sound / np.abs(sound).max() * np.hanning(times.size) ** 0.25, np.float32)


def babble(seconds: float, *, pitch: float = 120.0) -> npt.NDArray[np.float32]:
    """Four syllables a second, each a burst and a vowel, where `voice` is one long hum."""
    sound, rng = np.zeros(round(seconds * RATE)), np.random.default_rng(0)
    times, bursts = np.arange(round(0.2 * RATE)) / RATE, round(0.03 * RATE)
    vowels = ((700, 1200), (300, 2200), (500, 1000), (600, 1700))
    count = int(4 * seconds)
    for place in range(count):
        first, second = vowels[place % 4]
        harmonics = np.arange(1, 30) * pitch * (1.1 - 0.2 * place / count)
        weights = 1.0 / (1.0 + ((harmonics - first) / 150.0) ** 2) + 0.6 / (1.0 + ((harmonics - second) / 250.0) ** 2)
        start = round(place * 0.25 * RATE)
        vowel = (weights[:, None] * np.sin(2 * np.pi * harmonics[:, None] * times)).sum(axis=0)
        sound[start : start + times.size] = vowel * np.hanning(times.size) ** 0.5
        before = max(start - bursts // 2, 0)
        sound[before : before + bursts] += rng.normal(0.0, 0.5, bursts)
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def noisy(sound: npt.NDArray[np.float32], *, before: float, after: float, seed: int = 1) -> npt.NDArray[np.float32]:
    """A sound in a quiet room, at -66 dBFS."""
    sound = np.concatenate(
        (np.zeros(round(before * RATE), np.float32), sound, np.zeros(round(after * RATE), np.float32))
    )
    return sound + np.random.default_rng(seed).normal(0.0, 5e-4, sound.size).astype(np.float32)


def write_lines(path: Path, lines: Iterable[Mapping[str, Any] | str]) -> Path:
    """A JSONL file; strings go in as they are."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def clips_manifest(folder: Path, count: int = 4) -> Path:
    """So many short and long voices, and a manifest of them."""
    lines = []
    for index in range(count):
        long = index % 2 == 0
        sound = noisy(voice(1.6 if long else 0.3, pitch=110.0 + 7.0 * index), before=0.2, after=0.2, seed=index)
        soundfile.write(folder / f"clip{index}.wav", sound, RATE)
        label = "interruption" if long else "backchannel"
        lines.append({"audio": f"clip{index}.wav", "label": label, "set": "long" if long else "short"})
    return write_lines(folder / "clips.jsonl", lines)

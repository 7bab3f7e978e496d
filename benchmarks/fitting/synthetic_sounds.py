"""Sounds that the shared recordings lack: coughs, thumps and espeak-ng voices.

Real coughs are for evaluation only (their licence), and there is no open recording of isolated "mm-hm"s. A
network that never met such sounds would guess, so it is shown synthetic ones; what that is worth on real ones is
measured on the real ones.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile

RATE = 16_000
Samples = npt.NDArray[np.float32]

VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
VARIANTS = ("", *(f"+m{n}" for n in range(1, 9)), *(f"+f{n}" for n in range(1, 6)))


@dataclass(frozen=True)
class SpokenPhrase:
    """A phrase that espeak-ng said."""

    text: str
    interruption: bool
    voice: str
    samples: Samples


def cough(rng: np.random.Generator, vowels: Sequence[Samples]) -> Samples:
    """One to three bursts of noise through a vocal tract, the last with a little voice at its end.

    A cough is a closed glottis that bursts open: noise, shaped by the same resonances as a vowel, falling off
    within 50 to 200 ms. The resonances are taken from `vowels` by linear prediction.
    """
    total = np.zeros(int(RATE * 1.4), np.float32)
    position = 0
    bursts = int(rng.integers(1, 4))
    strength = 1.0
    for _ in range(bursts):
        vowel = vowels[int(rng.integers(len(vowels)))]
        shape = librosa.lpc(vowel + rng.normal(0.0, 1e-3, len(vowel)), order=14)
        # Wider resonances: keeps the filter well inside stability.
        shape = shape * 0.98 ** np.arange(len(shape))
        length = int(RATE * rng.uniform(0.12, 0.4))
        time = np.arange(length) / RATE
        rise, fall = rng.uniform(0.002, 0.02), rng.uniform(0.03, 0.14)
        envelope = (1.0 - np.exp(-time / rise)) * np.exp(-time / fall)
        noise = rng.normal(0.0, 1.0, length)
        breath = rng.uniform(0.0, 1.0)
        source = noise * envelope
        if rng.random() < 0.4:
            pitch = rng.uniform(110, 380) * (1.0 + np.cumsum(rng.normal(0, 0.004, length)))
            pulses = scipy.signal.sawtooth(2 * np.pi * np.cumsum(pitch) / RATE)
            late = np.clip((time - rng.uniform(0.04, 0.2)) / 0.05, 0.0, 1.0)
            source = source + pulses * envelope * late * rng.uniform(0.1, 0.6)
        sound = scipy.signal.lfilter([1.0], shape, source)
        sound = sound / (np.abs(sound).max() + 1e-9)
        tilt = scipy.signal.lfilter([1.0, -rng.uniform(0.0, 0.95)], [1.0], noise * envelope)
        sound = strength * (sound + breath * tilt / (np.abs(tilt).max() + 1e-9))
        end = min(position + length, len(total))
        total[position:end] += sound[: end - position].astype(np.float32)
        position += int(RATE * rng.uniform(0.18, 0.5))
        strength *= rng.uniform(0.4, 1.1)
        if position >= len(total):
            break
    return total / np.float32(np.abs(total).max() + 1e-9)


def thump(rng: np.random.Generator) -> Samples:
    """A door, a click, a cup: a few decaying resonances and a burst of noise."""
    length = int(RATE * rng.uniform(0.08, 0.6))
    time = np.arange(length) / RATE
    sound = np.zeros(length)
    for _ in range(int(rng.integers(1, 6))):
        frequency, fall = rng.uniform(60, 4000), rng.uniform(0.005, 0.12)
        sound += rng.uniform(0.2, 1.0) * np.sin(2 * np.pi * frequency * time) * np.exp(-time / fall)
    noise = rng.normal(0.0, 1.0, length) * np.exp(-time / rng.uniform(0.003, 0.08))
    sound += rng.uniform(0.1, 1.5) * noise
    return np.asarray(sound / (np.abs(sound).max() + 1e-9), np.float32)


def spoken_phrases(
    backchannels: Sequence[str], interruptions: Sequence[str], *, count: int, seed: int
) -> list[SpokenPhrase]:
    """Phrases in many espeak-ng voices; an empty list where espeak-ng is not installed."""
    if shutil.which("espeak-ng") is None:
        return []
    choice = random.Random(seed)
    phrases = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phrase.wav"
        for index in range(count):
            interruption = index % 2 == 1
            text = choice.choice(interruptions if interruption else backchannels)
            voice = choice.choice(VOICES) + choice.choice(VARIANTS)
            command = ["espeak-ng", "-v", voice, "-p", str(choice.randint(15, 85))]
            command += [
                "-s",
                str(choice.randint(120, 210)),
                "-w",
                str(path),
                text + choice.choice(["", ".", "!", "?"]),
            ]
            subprocess.run(command, check=True, capture_output=True)
            samples, rate = soundfile.read(path, dtype="float32")
            if len(samples) < 0.1 * rate:
                continue
            samples = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
            phrases.append(SpokenPhrase(text, interruption, voice, samples.astype(np.float32)))
    return phrases

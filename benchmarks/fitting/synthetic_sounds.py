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


def cough(rng: np.random.Generator, speech: Sequence[Samples]) -> Samples:
    """One to four bursts of breath and rough voice through a vocal tract that moves.

    A cough is a closed glottis that bursts open: noise, and in some coughs a rough, falling voice, shaped by the same
    resonances as speech. The envelope rises within milliseconds and falls off within 30 to 180 ms; some bursts end in
    a second, voiced one. The resonances are taken from pieces of `speech` by linear prediction.
    """
    total = np.zeros(int(RATE * 1.5))
    position, strength = 0, 1.0
    for _ in range(int(rng.integers(1, 5))):
        burst = strength * _burst(rng, speech[int(rng.integers(len(speech)))])
        end = min(position + len(burst), len(total))
        total[position:end] += burst[: end - position]
        position += int(RATE * rng.uniform(0.15, 0.5))
        strength *= rng.uniform(0.3, 1.2)
        if position >= len(total):
            break
    return np.asarray(total / (np.abs(total).max() + 1e-9), np.float32)


def _burst(rng: np.random.Generator, speech: Samples) -> npt.NDArray[np.float64]:
    """One burst, its peak at 1."""
    length = int(RATE * rng.uniform(0.1, 0.45))
    time = np.arange(length) / RATE
    envelope = (1.0 - np.exp(-time / rng.uniform(0.001, 0.03))) * np.exp(-time / rng.uniform(0.03, 0.18))
    if rng.random() < 0.4:
        middle, width = time[-1] * rng.uniform(0.5, 0.9), rng.uniform(0.02, 0.06)
        envelope += rng.uniform(0.2, 1.0) * np.exp(-(((time - middle) / width) ** 2))
    glide = np.linspace(rng.uniform(-0.3, 0.6), rng.uniform(-0.8, 0.2), length)
    roughness = 1.0 + 0.02 * np.cumsum(rng.normal(0.0, 0.02, length)).clip(-3.0, 3.0)
    hz = rng.uniform(80.0, 450.0) * 2.0**glide * roughness
    voice = scipy.signal.sawtooth(2 * np.pi * np.cumsum(hz) / RATE, width=rng.uniform(0.05, 0.4))
    voiced = float(rng.choice([0.0, rng.uniform(0.0, 0.5), rng.uniform(0.5, 3.0)]))
    breath = rng.normal(0.0, 1.0, length) * envelope
    source = breath + voiced * voice * envelope * np.clip((time - rng.uniform(0.0, 0.12)) / 0.03, 0.0, 1.0)
    sound = np.zeros(length)
    start = int(rng.integers(max(1, len(speech) - 3 * 512)))
    for part in np.array_split(np.arange(length), 4):
        piece = speech[start : start + 512]
        start += int(rng.integers(0, 400)) if start + 912 < len(speech) else 0
        shaped = scipy.signal.lfilter([1.0], _resonances(rng, piece), source)
        sound[part] = shaped[part] / (np.abs(shaped).max() + 1e-9)
    air = scipy.signal.lfilter([1.0, -rng.uniform(-0.5, 0.95)], [1.0], breath)
    sound = sound * envelope ** rng.uniform(0.0, 0.5) + rng.uniform(0.0, 0.8) * air / (np.abs(air).max() + 1e-9)
    return np.asarray(sound / (np.abs(sound).max() + 1e-9))


def phased_cough(rng: np.random.Generator, speech: Sequence[Samples]) -> Samples:
    """One to three bursts with the phases of a cough: an explosion, breath, and in half of them a voiced end.

    The phases and their lengths follow Korpas, Sadlonova and Vrabec, "Analysis of the cough sound: an overview",
    Pulmonary Pharmacology 9 (1996). What `cough` lacks is the explosion: some 50 ms of noise over the whole band, with
    a blow of the lips' and throat's resonance in it, that drops to breath at once.
    """
    total = np.zeros(int(RATE * 1.6))
    position, strength = 0, 1.0
    for _ in range(int(rng.integers(1, 4))):
        burst = strength * _phased_burst(rng, speech[int(rng.integers(len(speech)))])
        end = min(position + len(burst), len(total))
        total[position:end] += burst[: end - position]
        position += int(RATE * rng.uniform(0.2, 0.55))
        strength *= rng.uniform(0.3, 1.2)
        if position >= len(total):
            break
    return np.asarray(total / (np.abs(total).max() + 1e-9), np.float32)


def _phased_burst(rng: np.random.Generator, speech: Samples) -> npt.NDArray[np.float64]:
    """One burst of a phased cough, its peak at 1."""
    explosion, breath = rng.uniform(0.015, 0.07), rng.uniform(0.05, 0.3)
    voiced = rng.uniform(0.04, 0.2) if rng.random() < 0.5 else 0.0
    length = int(RATE * (explosion + breath + voiced))
    time = np.arange(length) / RATE
    fall = rng.uniform(0.1, 0.6) * np.exp(-(time - explosion) / rng.uniform(0.05, 0.25))
    envelope = (1.0 - np.exp(-time / rng.uniform(0.0005, 0.012))) * np.where(time < explosion, 1.0, fall)
    noise = rng.normal(0.0, 1.0, length)
    start = int(rng.integers(max(1, len(speech) - 1100)))
    shapes = [_resonances(rng, speech[first : first + 512]) for first in (start, min(start + 500, len(speech) - 513))]
    before, after = (_unit(scipy.signal.lfilter([1.0], shape, noise)) for shape in shapes)
    glide = np.linspace(0.0, 1.0, length)
    air = _unit(scipy.signal.lfilter([1.0, -rng.uniform(-0.6, 0.95)], [1.0], noise))
    share = rng.uniform(0.0, 1.0)
    sound = ((1.0 - share) * ((1.0 - glide) * before + glide * after) + share * air) * envelope
    if rng.random() < 0.6:
        blow = np.sin(2 * np.pi * rng.uniform(150.0, 900.0) * time) * np.exp(-time / rng.uniform(0.004, 0.03))
        sound += rng.uniform(0.3, 2.0) * blow
    if voiced:
        roughness = 1.0 + 0.03 * np.cumsum(rng.normal(0.0, 0.02, length)).clip(-3.0, 3.0)
        bend = np.linspace(rng.uniform(-0.2, 0.5), rng.uniform(-0.8, 0.1), length)
        hz = rng.uniform(90.0, 420.0) * 2.0**bend * roughness
        buzz = scipy.signal.sawtooth(2 * np.pi * np.cumsum(hz) / RATE, width=rng.uniform(0.05, 0.4))
        since = time - (explosion + breath)
        swell = np.clip(since / 0.03, 0.0, 1.0) * np.exp(-since.clip(0.0) / rng.uniform(0.03, 0.12))
        sound += rng.uniform(0.15, 1.0) * _unit(scipy.signal.lfilter([1.0], shapes[0], buzz)) * swell
    fade = int(0.01 * RATE)
    sound[-fade:] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(sound / (np.abs(sound).max() + 1e-9))


def _unit(sound: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(sound / (sound.std() + 1e-9))


def _resonances(rng: np.random.Generator, piece: Samples) -> npt.NDArray[np.float64]:
    """All-pole filter of a piece of speech, its resonances widened to keep it well inside stability."""
    poles = librosa.lpc(piece.astype(np.float64) + rng.normal(0.0, 1e-4, len(piece)), order=16)
    return np.asarray(poles * 0.985 ** np.arange(17))


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

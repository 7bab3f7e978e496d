"""Hums, laughs, sighs and throat-clearing from a source and a vocal tract: what no open recording has in number.

A formant synthesiser (Klatt 1980, "Software for a cascade/parallel formant synthesizer", reduced to what a hum
needs): a glottal source with a pitch contour, breath, and four resonances that glide. Every number is drawn from wide
ranges, so that no two are alike and none is a caricature that a network could learn instead of hums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.signal

RATE = 16_000
Samples = npt.NDArray[np.float32]

VOWELS: dict[str, tuple[float, float, float, float]] = {
    "nasal": (270.0, 1050.0, 2200.0, 3200.0),
    "uh": (640.0, 1190.0, 2390.0, 3400.0),
    "er": (490.0, 1400.0, 2300.0, 3300.0),
    "ah": (730.0, 1090.0, 2440.0, 3400.0),
    "oh": (500.0, 850.0, 2400.0, 3300.0),
    "ee": (300.0, 2250.0, 3000.0, 3600.0),
    "eh": (550.0, 1800.0, 2500.0, 3500.0),
}
"""Formants in Hz of a middle-sized voice (Peterson and Barney 1952; nasal murmur after Fujimura 1962)."""

HUMS = (
    ("nasal",), ("nasal", "nasal"), ("uh", "nasal"), ("uh", "uh"), ("er", "er"), ("uh",), ("ah",), ("oh",),
    ("uh", "nasal", "uh", "nasal"), ("er", "nasal"), ("eh",), ("ee", "eh"), ("oh", "nasal"), ("nasal", "uh"),
)  # fmt: skip


@dataclass(frozen=True)
class _Voice:
    """Who hums: drawn once a sound."""

    hz: float
    tract: float
    """Factor on all formants."""
    breath: float
    roughness: float
    tilt: float
    """Coefficient of the one-pole low-pass of the glottal source."""


def _voice(rng: np.random.Generator) -> _Voice:
    hz = float(2.0 ** rng.uniform(np.log2(80.0), np.log2(290.0)))
    tract = (0.9 + 0.1 * np.log2(hz / 80.0) + rng.uniform(-0.07, 0.07)).item()
    return _Voice(
        hz, tract, float(10 ** rng.uniform(-2.5, -0.7)), float(rng.uniform(0.0, 0.04)), rng.uniform(0.6, 0.97)
    )


def hum(rng: np.random.Generator) -> Samples:
    """A hum of one to four syllables: "mm", "mm-hmm", "uh-huh", "um-hum", "ah", rising, falling or level."""
    voice = _voice(rng)
    parts = HUMS[int(rng.integers(len(HUMS)))]
    aspirated = len(parts) > 1 and rng.random() < 0.75
    sound, steps = [], rng.uniform(-4.0, 5.0, len(parts) + 1)
    for index, vowel in enumerate(parts):
        length = rng.uniform(0.08, 0.3 if len(parts) > 1 else 0.55)
        before = parts[index - 1] if index and rng.random() < 0.7 else vowel
        sound.append(_syllable(rng, voice, (before, vowel), length, (steps[index], steps[index + 1])))
        if aspirated and index < len(parts) - 1 and rng.random() < 0.85:
            sound.append(_breath(rng, voice, parts[index + 1], rng.uniform(0.02, 0.12), rng.uniform(0.02, 0.3)))
    return _finished(rng, sound)


def laugh(rng: np.random.Generator) -> Samples:
    """Two to six bursts of breath and vowel, four to seven a second, mostly falling in pitch and level."""
    voice = _voice(rng)
    vowel = str(rng.choice(["uh", "ah", "eh", "er", "ee", "oh"]))
    rate, pitch, level = rng.uniform(3.5, 7.0), rng.uniform(0.0, 12.0), 1.0
    sound = []
    for _ in range(int(rng.integers(2, 7))):
        share = rng.uniform(0.3, 0.6)
        sound.append(level * _breath(rng, voice, vowel, share / rate, rng.uniform(0.1, 0.8)))
        if rng.random() < 0.9:
            bend = (pitch, pitch + rng.uniform(-3.0, 1.0))
            sound.append(level * _syllable(rng, voice, (vowel, vowel), (1.0 - share) / rate, bend))
        pitch += rng.uniform(-3.0, 0.7)
        level *= rng.uniform(0.65, 1.1)
    return _finished(rng, sound)


def throat(rng: np.random.Generator) -> Samples:
    """A throat cleared: rough, low, tense voice with breath, in one to three bursts."""
    voice = _voice(rng)
    voice = _Voice(voice.hz * 0.7, voice.tract, rng.uniform(0.1, 0.6), rng.uniform(0.05, 0.25), rng.uniform(0.3, 0.8))
    sound = []
    for _ in range(int(rng.integers(1, 4))):
        vowel = str(rng.choice(["uh", "er", "eh", "nasal"]))
        sound.append(_breath(rng, voice, vowel, rng.uniform(0.02, 0.1), rng.uniform(0.2, 1.0)))
        bend = tuple(rng.uniform(-6.0, 2.0, 2))
        sound.append(_syllable(rng, voice, ("uh", vowel), rng.uniform(0.1, 0.35), (bend[0], bend[1])))
        sound.append(np.zeros(int(RATE * rng.uniform(0.0, 0.15))))
    return _finished(rng, sound)


def sigh(rng: np.random.Generator) -> Samples:
    """Breath in or out, shaped by an open mouth or a nose, sometimes with voice at its end."""
    voice = _voice(rng)
    vowel = str(rng.choice(["uh", "ah", "er", "nasal", "oh"]))
    sound = [_breath(rng, voice, vowel, rng.uniform(0.25, 0.9), 1.0)]
    if rng.random() < 0.35:
        sound.append(0.5 * _syllable(rng, voice, (vowel, vowel), rng.uniform(0.1, 0.4), (0.0, rng.uniform(-5.0, 0.0))))
    return _finished(rng, sound)


def _syllable(
    rng: np.random.Generator,
    voice: _Voice,
    vowels: tuple[str, str],
    duration: float,
    semitones: tuple[float, float],
) -> npt.NDArray[np.float64]:
    """One voiced stretch that glides from one vowel and pitch to another."""
    length = max(int(RATE * duration), 320)
    time = np.linspace(0.0, 1.0, length)
    bend = np.interp(
        time,
        [0.0, rng.uniform(0.3, 0.7), 1.0],
        [semitones[0], rng.uniform(min(semitones), max(semitones)), semitones[1]],
    )
    drift = voice.roughness * np.cumsum(rng.normal(0.0, 0.15, length)).clip(-3.0, 3.0) * 0.1
    phase = np.cumsum(voice.hz * 2.0 ** (bend / 12.0) * (1.0 + drift)) / RATE
    jitter = voice.roughness * rng.normal(0.0, 1.0, int(phase[-1]) + 2)
    pulse = (phase % 1.0) ** rng.uniform(1.5, 4.0) * (1.0 + 4.0 * jitter[phase.astype(int)])
    source = np.diff(pulse, prepend=0.0)
    source = scipy.signal.lfilter([1.0 - voice.tilt], [1.0, -voice.tilt], source)
    source = source / (source.std() + 1e-9) + voice.breath * rng.normal(0.0, 1.0, length)
    attack, fall = rng.uniform(0.03, 0.3), rng.uniform(0.1, 0.6)
    envelope = np.minimum(time / attack, 1.0) * np.minimum((1.0 - time) / fall, 1.0)
    return _through(rng, voice, vowels, source) * envelope ** rng.uniform(0.5, 1.5)


def _breath(
    rng: np.random.Generator, voice: _Voice, vowel: str, duration: float, level: float
) -> npt.NDArray[np.float64]:
    length = max(int(RATE * duration), 160)
    time = np.linspace(0.0, 1.0, length)
    envelope = np.sin(np.pi * time ** rng.uniform(0.5, 1.6))
    return level * rng.uniform(0.2, 1.0) * _through(rng, voice, (vowel, vowel), rng.normal(0.0, 1.0, length)) * envelope


def _through(
    rng: np.random.Generator, voice: _Voice, vowels: tuple[str, str], source: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A source through the gliding resonances, its RMS at 1."""
    first, last = (np.array(VOWELS[vowel]) * voice.tract * rng.uniform(0.93, 1.07, 4) for vowel in vowels)
    widths = np.array([60.0, 90.0, 150.0, 220.0]) * rng.uniform(0.8, 2.0, 4)
    parts = np.array_split(np.arange(len(source)), 5)
    sound = np.zeros(len(source))
    states = [np.zeros(2) for _ in range(4)]
    for index, part in enumerate(parts):
        piece = source[part]
        for formant, hz in enumerate(first + (last - first) * index / 4.0):
            radius = np.exp(-np.pi * widths[formant] / RATE)
            poles = [1.0, -2.0 * radius * np.cos(2.0 * np.pi * min(hz, 7500.0) / RATE), radius**2]
            piece, states[formant] = scipy.signal.lfilter([sum(poles)], poles, piece, zi=states[formant])
        sound[part] = piece
    return np.asarray(sound / (sound.std() + 1e-9))


def _finished(rng: np.random.Generator, parts: list[npt.NDArray[np.float64]]) -> Samples:
    """The parts joined with short cross-fades, brightened at random (lips' radiation), their peak at 1."""
    fade = int(0.008 * RATE)
    joined = parts[0]
    for part in parts[1:]:
        if len(part) <= fade or len(joined) <= fade:
            joined = np.concatenate([joined, part])
            continue
        ramp = np.linspace(0.0, 1.0, fade)
        middle = joined[-fade:] * (1.0 - ramp) + part[:fade] * ramp
        joined = np.concatenate([joined[:-fade], middle, part[fade:]])
    joined = scipy.signal.lfilter([1.0, -rng.uniform(0.3, 0.97)], [1.0], joined)
    return np.asarray(joined / (np.abs(joined).max() + 1e-9), np.float32)

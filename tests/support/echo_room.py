"""A made-up agent's voice, and a made-up room that it comes back from."""

from __future__ import annotations

import numpy as np

RATE = 16_000


def voice(seconds: float, *, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Something like speech: syllables of noise, four a second, int16."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate)
    syllables = np.abs(np.sin(2 * np.pi * 2 * np.arange(count) / rate)) ** 3
    noise = np.convolve(random.normal(0.0, 1.0, count), np.hanning(rate // 2_000 + 2), "same")
    return (4_000 * syllables * noise / np.abs(noise).max()).astype(np.int16)


def room(played: np.ndarray, *, delay: float = 0.0, rate: int = RATE, gain: float = 0.3, seed: int = 9) -> np.ndarray:
    """What a microphone hears of it: later, with 60 ms of reverberation, over a quiet room; as long as it."""
    random = np.random.default_rng(seed)
    taps = random.normal(0.0, 1.0, round(0.06 * rate)) * np.exp(-np.arange(round(0.06 * rate)) / (0.01 * rate))
    taps[0] = 3.0
    echo = np.convolve(played.astype(np.float64), gain * taps / np.sqrt(np.sum(taps**2)))
    heard = np.concatenate((np.zeros(round(delay * rate)), echo))[: len(played)]
    return np.clip(heard + random.normal(0.0, 8.0, len(played)), -32_768, 32_767).astype(np.int16)


def level(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))

"""Finds what was played in a microphone, and how much later it is there."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .echo_canceller import CANCELLER_BLOCK, REFERENCE_RATE, Samples

TRANSFORM: Final = 2.0
"""Seconds of a transform, the zeros after the window included: bins of 0.5 Hz at any rate."""

WINDOW: Final = 1.3
"""Seconds of sound in it; the rest keeps lags apart that would fall on each other."""

HOP: Final = 0.5
"""Seconds from one measurement to the next."""

BAND_HZ: Final = (150.0, 3_400.0)
"""Where a voice and any line have power."""

LAG_RATE: Final = 8_000
"""Lags a second, and about the rate that both sides are brought to."""

MAX_DELAY: Final = 0.65
"""Longest delay (s) that is found."""

EARLIEST: Final = -0.02
"""And the shortest: by so much the reference may be placed too late."""

MEMORY: Final = 0.7
"""Weight of what was measured before, at each measurement."""

STANDS_OUT: Final = 9.0
"""Peak over the root mean square of all lags from which it is an echo. Without one, on speech over speech, 7.5 is the
most that was seen; with one, 13 to 68."""

STEADY: Final = 0.01
"""Seconds by which two measurements one after the other may differ."""

LOUD_ENOUGH: Final = 30.0
"""Root mean square (of 32768) of what was played in the newest hop from which there is something to be found."""


@dataclass(frozen=True, slots=True)
class EchoFinding:
    """The agent's voice in the microphone."""

    delay: float
    """From play-out to microphone, in seconds; below 0 where the play-out was placed too late."""
    strength: float
    """How far the correlation stands out from that of all other delays; 9 or more."""


class EchoDelay:
    """Correlates microphone and reference as they come.

    GCC-PHAT (Knapp and Carter, 1976: the cross-spectrum with its magnitude taken out), over windows of 1.3 s, averaged
    over the last few of them: rooms and loudspeakers that colour the sound do not matter, only when it comes.

    Args:
        sample_rate: Of the microphone, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._thinning = max(sample_rate // LAG_RATE, 1)
        self._reference_thinning = REFERENCE_RATE // LAG_RATE
        self._transform = round(TRANSFORM * sample_rate / self._thinning)
        self._reference_transform = round(TRANSFORM * LAG_RATE)
        hertz = np.arange(round(LAG_RATE * TRANSFORM) // 2 + 1) / TRANSFORM
        self._bins = len(hertz)
        self._in_band = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
        blocks = round(WINDOW / CANCELLER_BLOCK)
        self._microphone: deque[Samples] = deque(maxlen=blocks)
        self._reference: deque[Samples] = deque(maxlen=blocks)
        self._hop = round(HOP / CANCELLER_BLOCK)
        self._cross: npt.NDArray[np.complex128] = np.zeros(self._bins, np.complex128)
        self._since = 0
        self._candidate: float | None = None
        self.newest: EchoFinding | None = None
        """The newest that two measurements one after the other agreed on."""

    def push(self, microphone: Samples, reference: Samples) -> EchoFinding | None:
        """Take the next 10 ms of both.

        Args:
            microphone: Int16 at the microphone's rate.
            reference: Int16 at 16 kHz, what was played in these 10 ms.

        Returns:
            A finding where this block completed one.
        """
        self._microphone.append(microphone)
        self._reference.append(reference)
        self._since += 1
        if self._since < self._hop:
            return None
        self._since = 0
        return self._measure()

    def restart(self) -> None:
        """The two are about to be aligned anew: forget the sound so far; the newest finding stays."""
        self._microphone.clear()
        self._reference.clear()
        self._cross[:] = 0.0
        self._since = 0
        self._candidate = None

    def _measure(self) -> EchoFinding | None:
        far = np.concatenate(self._reference).astype(np.float32)
        newest = far[-round(HOP * REFERENCE_RATE) :]
        if float(np.sqrt(np.mean(newest * newest))) < LOUD_ENOUGH:
            return None
        far = _thinned(far, self._reference_thinning)
        near = _thinned(np.concatenate(self._microphone).astype(np.float32), self._thinning)
        cross = self._spectrum(near, self._transform) * np.conj(self._spectrum(far, self._reference_transform))
        magnitude = np.abs(cross)
        # A silent microphone has no phase to go by.
        phase = np.divide(cross, magnitude, out=np.zeros_like(cross), where=self._in_band & (magnitude > 0.0))
        self._cross *= MEMORY
        self._cross += phase
        correlation = np.abs(np.fft.irfft(self._cross))
        first = round(EARLIEST * LAG_RATE)
        lags = np.concatenate((correlation[first:], correlation[: round(MAX_DELAY * LAG_RATE)]))
        usual = float(np.sqrt(np.mean(lags * lags)))
        peak = int(np.argmax(lags))
        strength = float(lags[peak]) / usual if usual > 0.0 else 0.0
        if strength < STANDS_OUT:
            self._candidate = None
            return None
        delay = (peak + first) / LAG_RATE
        agreed = self._candidate is not None and abs(delay - self._candidate) <= STEADY
        self._candidate = delay
        if not agreed:
            return None
        self.newest = EchoFinding(delay, strength)
        return self.newest

    def _spectrum(self, samples: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.complex128]:
        # Bins are as far apart at any rate, so that those up to 4 kHz are the same ones.
        return np.asarray(np.fft.rfft(samples, length)[: self._bins], np.complex128)


def _thinned(samples: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """The means of `count` neighbours each: fast, and what folds down to the band is weaker than the voice in it."""
    whole = samples[: len(samples) - len(samples) % count]
    return np.asarray(whole.reshape(-1, count).mean(axis=1), np.float32)


def find_echo(microphone: Samples, played: Samples, sample_rate: int) -> EchoFinding | None:
    """Look for what was played in a recording of the same time.

    Args:
        microphone: Int16 mono, shape [n].
        played: What was played from the same moment on, int16 mono at 16 kHz.
        sample_rate: Of the microphone, in Hz.

    Returns:
        The strongest finding, None where it is not there.
    """
    delay = EchoDelay(sample_rate)
    step, reference_step = round(CANCELLER_BLOCK * sample_rate), round(CANCELLER_BLOCK * REFERENCE_RATE)
    found = [
        finding
        for index in range(min(len(microphone) // step, len(played) // reference_step))
        if (
            finding := delay.push(
                microphone[index * step : (index + 1) * step],
                played[index * reference_step : (index + 1) * reference_step],
            )
        )
        is not None
    ]
    return max(found, key=lambda finding: finding.strength, default=None)

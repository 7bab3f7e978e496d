"""The echo guard: cancels what the agent plays out of the user's microphone, however late it comes back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from ..audio import check_rate
from .echo_canceller import REFERENCE_RATE, EchoCanceller, Samples, make_webrtc_canceller
from .echo_delay import MAX_DELAY, EchoDelay, EchoFinding

REFERENCE_BLOCK: Final = REFERENCE_RATE // 100
"""Samples of the reference that go with 10 ms of the microphone."""

LATE_SHIFT: Final = 0.3
"""Of the two cancellers that run until the delay is known, one has the reference as early as it is known, the other
these seconds later: each finds delays of some 0.4 s by itself, so that together they have an echo cancelled before
anybody has measured where it is."""

AHEAD: Final = (0.03, 0.08, 0.13)
"""Seconds by which the references of the cancellers are ahead of the echo once it is found. AEC3 loses an echo for some
tenths of a second now and then; three that differ hardly ever do so together (benchmarks/echo.py)."""

APART: Final = 0.004
"""Seconds between references where the echo comes too early for that."""

FOLLOWS: Final = 0.02
"""Seconds by which the echo may move before the references do."""

WARM: Final = 100
"""Blocks (1 s) with something played after which a canceller has adapted to the room."""

OUTGOING: Final = 1
"""Cancellers, those that leave least, which go on beside those that are to take their place."""

MAKING: Final = 10
"""Blocks from one new canceller to the next: each takes more than half a millisecond to make."""

WARM_UP: Final = 150
"""Blocks (1.5 s) of what is played first of all, in which the cancellers adapt and nothing else is to be heard."""

ECHO_LASTS: Final = 60
"""Blocks (0.6 s) after the newest one with something played in which it may still come back, for the warm-up."""

FALLBACK: Final = 2_000
"""Blocks (20 s) with something played and no echo found, after which one canceller is enough."""

ROOM_RISE: Final = 1.01
"""Growth of the room's power with each block (4 dB/s); it falls at once."""

ALIGNED: Final = 0.02
"""Seconds by which microphone and reference may have come apart before they are aligned anew."""

HISTORY: Final = 4.0
"""Seconds of the reference that are kept."""

AUDIBLE: Final = 30.0
"""Root mean square (of 32768) of 10 ms from which something is played."""

RINGS_ON: Final = round((MAX_DELAY + 0.85) * 100)
"""Blocks (1.5 s) for which what was played may come back: the longest delay and the reverberation of a room."""

SMOOTHING: Final = 0.8
"""Weight of the past in the power by which cancellers are compared."""


class EchoGuard:
    """Cancels an echo in one microphone, given what was played and when.

    Call `played` with what is played, then `clean` with the microphone of the same time; both on one clock, which may
    begin anywhere. The reference is moved to where the echo is: delays of up to 0.65 s are measured and followed.
    While nothing is played, and from 1.5 s after it, the microphone passes as it is, bit for bit.

    The first 1.5 s that are played at all are the warm-up: the cancellers adapt to the room, and `clean` gives noise of
    the room's level for what comes during them.

    A part that fails raises: whoever drives the guard goes on without it.

    Example:
        guard = EchoGuard(48_000)
        guard.played(agent_samples, at=12.34)  # 16 kHz
        heard = guard.clean(microphone_samples, at=12.35)  # 48 kHz

    Args:
        sample_rate: Of the microphone, in Hz, 8000 to 48000.
        lead: Seconds by which `played` is told of sound before `clean` is asked about that time. Some are needed where
            an echo comes at once: a canceller finds none that is not later than its reference.
        only_when_found: Whether the microphone passes as it is until what was played is found in it; there is no
            warm-up then.
        make_canceller: Makes a canceller for a rate; WebRTC's when not given.

    Raises:
        AudioError: The rate is out of range.
        ModelError: There is no canceller in the installed `livekit` package.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        lead: float = 0.0,
        only_when_found: bool = False,
        make_canceller: Callable[[int], EchoCanceller] = make_webrtc_canceller,
    ) -> None:
        check_rate(sample_rate, source="echo guard: microphone")
        self._rate = sample_rate
        self._only_when_found = only_when_found
        self._make_canceller = make_canceller
        self._block = sample_rate // 100
        self._reference = _Reference(round(HISTORY * REFERENCE_RATE))
        self._delay = EchoDelay(sample_rate)
        self._lead = lead
        self._cancellers = [self._canceller(-lead), self._canceller(LATE_SHIFT)]
        self._outgoing: list[_ShiftedCanceller] = []
        self._wanted: list[float] = []
        self._made_before = 0
        self._settled_at: float | None = None
        self._has_begun = False
        self._next: int | None = None
        self._silent = RINGS_ON + 1
        self._audible = 0
        self._is_warm = only_when_found
        self._room_power = np.inf
        self._noise = np.random.default_rng(0)
        self._waiting: Samples = np.zeros(0, np.int16)
        self._ready: Samples = np.zeros(0, np.int16)

    @property
    def sample_rate(self) -> int:
        """Of the microphone, in Hz."""
        return self._rate

    @property
    def echo(self) -> EchoFinding | None:
        """Where the echo was found last; None as long as it was not."""
        return self._delay.newest

    @property
    def active(self) -> bool:
        """Whether `clean` takes anything out."""
        return not self._only_when_found or self.echo is not None

    def played(self, samples: Samples, at: float) -> None:
        """Take what is played.

        Args:
            samples: Int16 mono at 16 kHz, shape [n].
            at: When the first of them is played, in seconds; what lies between two calls is silence.
        """
        self._reference.write(round(at * REFERENCE_RATE), samples)

    def clean(self, samples: Samples, at: float) -> Samples:
        """Take the next samples of the microphone, after what was played until their end.

        Args:
            samples: Int16 mono, shape [n].
            at: When the first of them was recorded, in seconds.

        Returns:
            As many samples without the echo. Where chunks are no whole multiples of 10 ms they lag, by less than 10 ms.
        """
        waited, step = len(self._waiting), self._block
        if not self._has_begun and len(samples) % step:
            # As much as chunks of this length ever leave waiting.
            self._ready = np.zeros(step - math.gcd(len(samples), step), np.int16)
        self._has_begun = True
        joined = np.concatenate((self._waiting, samples)) if waited else samples
        whole = len(joined) - len(joined) % step
        begins = at - waited / self._rate
        cleaned = [
            self._clean_block(joined[first : first + step], begins + first / self._rate)
            for first in range(0, whole, step)
        ]
        self._waiting = joined[whole:]
        ready = np.concatenate((self._ready, *cleaned))
        if len(ready) < len(samples):
            ready = np.concatenate((np.zeros(len(samples) - len(ready), np.int16), ready))
        self._ready = ready[len(samples) :]
        return ready[: len(samples)]

    def _clean_block(self, block: Samples, at: float) -> Samples:
        position = self._aligned(round(at * REFERENCE_RATE))
        self._room_power = min(self._room_power * ROOM_RISE, _power(block))
        played = self._reference.read(position, REFERENCE_BLOCK)
        is_audible = _is_audible(played)
        self._silent = 0 if is_audible else self._silent + 1
        if self._silent > RINGS_ON:
            return block
        self._audible += is_audible
        finding = self._delay.push(block, played)
        if finding is not None:
            self._follow(finding.delay)
        elif self._audible >= FALLBACK and self.echo is None:
            del self._cancellers[1:]
        cancellers = self._cancellers_of_now()
        outputs = [
            canceller.process(block, self._reference.read(position - canceller.shift, REFERENCE_BLOCK))
            for canceller in cancellers
        ]
        if not self.active:
            return block
        if self._is_warming_up():
            return self._room(len(block))
        powers = [canceller.power for canceller in cancellers]
        return outputs[powers.index(min(powers))]

    def _cancellers_of_now(self) -> list[_ShiftedCanceller]:
        """Those that are wanted, made one after the other, and those whose place they take, until they are warm."""
        self._made_before += 1
        if self._wanted and self._made_before >= MAKING:
            self._made_before = 0
            self._cancellers.append(self._canceller(self._wanted.pop()))
        if self._outgoing and not self._wanted and self._cancellers[-1].blocks >= WARM:
            self._outgoing = []
        return [*self._cancellers, *self._outgoing]

    def _is_warming_up(self) -> bool:
        if not self._is_warm:
            self._is_warm = self._audible >= WARM_UP
        return not self._is_warm and self._silent <= ECHO_LASTS

    def _room(self, count: int) -> Samples:
        """Noise as loud as the room: digital silence would be taken for a room of its own."""
        return self._noise.normal(0.0, np.sqrt(self._room_power), count).astype(np.int16)

    def _aligned(self, position: int) -> int:
        """Where in the reference the next block lies; goes on evenly as long as the clocks allow it."""
        if self._next is None or abs(position - self._next) > ALIGNED * REFERENCE_RATE:
            if self._next is not None:
                self._delay.restart()
            self._next = position
        here = self._next
        self._next += REFERENCE_BLOCK
        return here

    def _follow(self, delay: float) -> None:
        """Move the references to the echo: with new cancellers, beside which the others go on until these are warm."""
        if self._settled_at is None or abs(delay - self._settled_at) > FOLLOWS:
            self._settled_at = delay
            self._outgoing = sorted(self._cancellers + self._outgoing, key=lambda one: one.power)[:OUTGOING]
            self._cancellers, self._wanted = [], _shifts(delay, earliest=-self._lead)

    def _canceller(self, shift: float) -> _ShiftedCanceller:
        return _ShiftedCanceller(self._make_canceller(self._rate), round(shift * REFERENCE_RATE))


def _shifts(delay: float, *, earliest: float) -> list[float]:
    """By how much the references are moved for an echo, in seconds; none to before they are known, at `earliest`."""
    shifts: list[float] = []
    for ahead in sorted(AHEAD, reverse=True):
        shift = max(delay - ahead, earliest)
        if not shifts or shift >= shifts[-1] + APART:
            shifts.append(shift)
        elif shifts[-1] + APART < delay:
            shifts.append(shifts[-1] + APART)
    return shifts


def _is_audible(samples: Samples) -> bool:
    return _power(samples) >= AUDIBLE**2


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float32)))


class _ShiftedCanceller:
    """A canceller, by how many samples its reference is moved, and what it leaves."""

    def __init__(self, canceller: EchoCanceller, shift: int) -> None:
        self._canceller = canceller
        self.shift = shift
        self.blocks = 0
        """Blocks done with something to cancel."""
        self.power = 0.0
        """Mean power of its newest output."""

    def process(self, microphone: Samples, played: Samples) -> Samples:
        cleaned = self._canceller.process(microphone, played)
        if _is_audible(played):
            self.blocks += 1
        self.power = SMOOTHING * self.power + (1.0 - SMOOTHING) * _power(cleaned)
        return cleaned


class _Reference:
    """What was played, by sample index; silence where nothing was written."""

    def __init__(self, capacity: int) -> None:
        self._ring: Samples = np.zeros(capacity, np.int16)
        self._end: int | None = None

    def write(self, start: int, samples: Samples) -> None:
        capacity = len(self._ring)
        end = start if self._end is None else self._end
        if start > end:
            self._put(max(end, start - capacity), np.zeros(min(start - end, capacity), np.int16))
        kept = samples[-capacity:]
        self._put(start + len(samples) - len(kept), kept)
        self._end = max(end, start + len(samples))

    def read(self, start: int, count: int) -> Samples:
        found: Samples = np.zeros(count, np.int16)
        if self._end is None:
            return found
        first, last = max(start, self._end - len(self._ring)), min(start + count, self._end)
        if first < last:
            place, size = first % len(self._ring), last - first
            before_end = min(size, len(self._ring) - place)
            part = found[first - start : last - start]
            part[:before_end] = self._ring[place : place + before_end]
            part[before_end:] = self._ring[: size - before_end]
        return found

    def _put(self, start: int, samples: Samples) -> None:
        place = start % len(self._ring)
        before_end = min(len(samples), len(self._ring) - place)
        self._ring[place : place + before_end] = samples[:before_end]
        self._ring[: len(samples) - before_end] = samples[before_end:]

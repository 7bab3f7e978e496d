"""Maps a recogniser's own times to the gate's stream clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from .gate_driver import GateDriver

TRANSCRIPT_AHEAD: Final = 0.3
"""Seconds by which a time may lie ahead of the audio. After a reconnect audio that waited is sent in a burst, and
the recogniser's times run ahead of what they describe: then only the arrival counts."""

BEHIND: Final = 5.0
"""Seconds by which the end of a transcript may lie behind its arrival; more, and the clock has begun anew."""

BACKWARDS: Final = 1.0
"""Seconds by which a transcript may end before one that came earlier; more, and the clock has begun anew."""

REMEMBERED_ALIGNMENTS: Final = 8
"""Alignments kept: with the microphone off the gate's clock goes on, and what is said of the audio before that keeps
its place."""

DRIFT: Final = 0.1
"""Seconds by which recogniser and gate may have got different amounts of audio before they are aligned anew."""


class RecogniserClock:
    """One recogniser stream's clock against the gate's.

    A recogniser counts from the first audio it got on its connection, plus an offset where the framework sets one.
    Where a connection's first audio lies is known for the first one alone, and for that only where no audio was lost
    before it stood: LiveKit's own retry adds the wall time that went by to the offset, although the audio that waited
    is sent in a burst, and a service that connects again by itself (for new options, say) leaves it as it is. Then the
    transcripts' arrival says where it lies: the one that came soonest after its end lies as far behind the audio as the
    soonest one did before.

    Args:
        driver: Knows the stream time of the gate.
        offset: What the framework adds to the recogniser's own times (s) by now; None for nothing.
        is_exact: Whether the first connection is known to count from the first audio; otherwise the transcripts'
            arrival says where it lies, as after a reconnect.
    """

    def __init__(self, driver: GateDriver, *, offset: Callable[[], float] | None = None, is_exact: bool = True) -> None:
        self._driver = driver
        self._offset_now = offset or (lambda: 0.0)
        self._pushed = 0.0
        self._aligned: float | None = None
        self._alignments: deque[tuple[float, float]] = deque(maxlen=REMEMBERED_ALIGNMENTS)
        """From how much of the recogniser's audio on which alignment holds; the newest is `_aligned`."""
        self._offset = 0.0
        self._zero: float | None = 0.0 if is_exact else None
        """The recogniser's time at the first audio that was pushed; None when that is to be found out."""
        self._estimated = False
        self._doubted: float | None = None
        """The exact zero that one transcript spoke against."""
        self._announced: float | None = None
        self._newest = 0.0
        self._least_lag = math.inf

    def offset_set(self, value: float) -> None:
        """The framework set the offset."""
        self._offset = self._zero = value

    def options_changed(self) -> None:
        """The recogniser got new options or keyterms: it may connect again, and count from 0."""
        self._announced = self._pushed

    def pushed(self, seconds: float) -> None:
        """The recogniser gets that much audio (s)."""
        # The gate's stream may be a frame ahead or behind: both get the same frame one after the other.
        alignment = self._driver.time - self._pushed
        if self._aligned is None or abs(alignment - self._aligned) > DRIFT:
            self._aligned = alignment
            self._alignments.append((self._pushed, alignment))
        self._pushed += seconds

    def stream_time(self, seconds: float) -> float | None:
        """Where the end of a transcript that arrives now lies; None when only its arrival says."""
        if self._aligned is None:
            return None
        now = self._driver.time
        offset = self._offset_now()
        if abs(offset - self._offset) > DRIFT:
            self._offset, self._zero, self._doubted = offset, None, None
        if self._announced is not None and seconds - offset <= self._pushed - self._announced:
            # No more than came since then: it has connected again, then or (Deepgram, in mid-speech) a little later.
            self._zero = self._announced = self._doubted = None
        elif self._doubted is not None and -TRANSCRIPT_AHEAD <= now - self._placed(seconds - self._doubted) <= BEHIND:
            # One transcript was late; the clock is the one it was.
            self._zero, self._doubted, self._estimated = self._doubted, None, False
        elif self._zero is not None:
            end = self._placed(seconds - self._zero)
            if now - end > BEHIND or seconds < self._newest - BACKWARDS:
                if not self._estimated and now - end > BEHIND:
                    self._doubted = self._zero
                self._zero = None
        by_arrival = seconds - (now - self._usual_lag() - self._aligned)
        if self._zero is None:
            self._zero, self._newest, self._estimated = by_arrival, seconds, True
            return None
        if self._estimated:
            self._zero = max(self._zero, by_arrival)
        end = self._placed(seconds - self._zero)
        if end <= now + TRANSCRIPT_AHEAD:
            self._newest = max(self._newest, seconds)
            if not self._estimated:
                self._least_lag = min(self._least_lag, max(now - end, 0.0))
        return end

    def _placed(self, position: float) -> float:
        """Where a place in the recogniser's audio (s from its first frame) lies in the gate's stream."""
        of_its_time = [aligned for begins, aligned in self._alignments if begins < position]
        return position + (of_its_time or [self._alignments[0][1]])[-1]

    def _usual_lag(self) -> float:
        return self._least_lag if self._least_lag < math.inf else self._driver.gate.options.transcript_lag

"""What a stream gets in place of audio that has stopped coming: a microphone that is off, a track that has ended."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 0.5
"""Seconds without audio after which it counts as missing; a network hiccup is shorter."""

EVERY: Final = 0.1
"""Seconds between two looks, also while audio comes: so a loop that stood still is told from audio that stopped."""

ENOUGH: Final = 5.0
"""Seconds of silence after which nothing that was said before counts as recent any more."""

LONGEST: Final = 15.0
"""Seconds of silence at most, for a VAD that never ends its speech."""

STALLED: Final = 0.1
"""Seconds by which a look may be late; more, and it was the event loop that stood still, not the audio."""


class MissingAudio:
    """Says how much silence a stream should be given, so that its clock goes on with the wall clock.

    A gate's only clock is its audio. When no audio comes any more, speech that is held would never end, and what was
    said long ago would count as recent when the agent ends. So silence takes the place of the audio, at the pace of the
    wall clock, until all is at rest. It has no tasks and no clock of its own; all times are seconds on the caller's.

    Example:
        missing = MissingAudio()
        missing.came(loop.time())                        # with each piece of audio
        push(silence(missing.due(loop.time(), at_rest=at_rest)))  # at `missing.next_look`, as long as that is not None
    """

    def __init__(self) -> None:
        self._came: float | None = None
        self._given = 0.0
        self._next: float | None = None
        self.has_stopped = False
        """Whether audio counted as missing at the latest look, and has not come since."""

    @property
    def next_look(self) -> float | None:
        """When `due` is to be called; None when there is nothing to wait for."""
        return self._next

    def came(self, now: float) -> None:
        """A piece of audio came."""
        self._came, self._given, self.has_stopped = now, 0.0, False
        if self._next is None:
            self._next = now + EVERY

    def due(self, now: float, *, at_rest: bool, on_hold: bool = False) -> float:
        """Seconds of silence to give now.

        Args:
            now: The caller's clock.
            at_rest: Whether nothing is undecided and nobody speaks, as far as the stream knows.
            on_hold: Whether the clock is to stand still: there are words that silence must not decide against.
        """
        if self._came is None or self._next is None:
            return 0.0
        if now - self._next > STALLED:
            self._came = min(self._came + now - self._next, now)
        missing = now - self._came
        if self._given >= (ENOUGH if at_rest else LONGEST):
            self._next = None
            return 0.0
        self._next = now + EVERY
        self.has_stopped = missing >= PATIENCE - 1e-6
        if not self.has_stopped:
            return 0.0
        if on_hold:
            self._came = now - max(self._given, PATIENCE)
            return 0.0
        due, self._given = missing - self._given, missing
        return due

"""The life of an overlap, from hold to decision: what leads from which state to which, and what is undecided now."""

from __future__ import annotations

import math
from enum import Enum
from typing import Final

from .gate_event import GateEventKind
from .overlap import LATE_TRANSCRIPT, Overlap, OverlapState

REMEMBERED_DECISIONS: Final = 256
"""Overlaps, the newest ones, whose decision can still be asked for."""


class Cause(Enum):
    """What moves an overlap on."""

    SPEECH_OVER_AGENT = "speech begins while the agent speaks"
    LATE_TRANSCRIPT = "a late transcript shows that a cancelled overlap was an interruption"
    SPEECH_ENDED = "its speech ends"
    CONFIRMED = "the decision rule confirms it, or what it belongs to"
    EXPIRED = "its time is over, or what follows is confirmed without it"
    AGENT_STOPPED = "the agent stops"
    STREAM_ENDED = "the stream ends"
    FAILED = "a part of the gate fails"


TRANSITIONS: Final = {
    (None, Cause.SPEECH_OVER_AGENT): (OverlapState.HELD, GateEventKind.HOLD),
    (None, Cause.LATE_TRANSCRIPT): (OverlapState.PENDING, GateEventKind.HOLD),
    (OverlapState.HELD, Cause.SPEECH_ENDED): (OverlapState.PENDING, None),
    (OverlapState.HELD, Cause.CONFIRMED): (OverlapState.CONFIRMED, GateEventKind.CONFIRM),
    (OverlapState.HELD, Cause.AGENT_STOPPED): (OverlapState.RELEASED, GateEventKind.RELEASE),
    (OverlapState.HELD, Cause.STREAM_ENDED): (OverlapState.CANCELLED, GateEventKind.CANCEL),
    (OverlapState.HELD, Cause.FAILED): (OverlapState.RELEASED, GateEventKind.RELEASE),
    (OverlapState.PENDING, Cause.CONFIRMED): (OverlapState.CONFIRMED, GateEventKind.CONFIRM),
    (OverlapState.PENDING, Cause.EXPIRED): (OverlapState.CANCELLED, GateEventKind.CANCEL),
    (OverlapState.PENDING, Cause.AGENT_STOPPED): (OverlapState.RELEASED, GateEventKind.RELEASE),
    (OverlapState.PENDING, Cause.STREAM_ENDED): (OverlapState.CANCELLED, GateEventKind.CANCEL),
    (OverlapState.PENDING, Cause.FAILED): (OverlapState.RELEASED, GateEventKind.RELEASE),
}
"""The life of an overlap: from which state, by which cause, to which state, and the event that reports it. The table in
docs/design.md is the same one; what is not in it cannot happen."""

UNDECIDED: Final = (OverlapState.HELD, OverlapState.PENDING)


class LifeCycle:
    """Keeps what is undecided and the latest decisions; the one place where an overlap's state changes."""

    def __init__(self) -> None:
        self._undecided: list[Overlap] = []
        self._held: Overlap | None = None
        self._decisions: dict[int, GateEventKind] = {}

    @property
    def held(self) -> Overlap | None:
        """The overlap whose speech goes on; None when there is none."""
        return self._held

    @property
    def undecided(self) -> tuple[Overlap, ...]:
        """All that is held or pending, the oldest first."""
        return tuple(self._undecided)

    def decision_of(self, number: int) -> GateEventKind | None:
        """The decision about an overlap; None while it is undecided, and once it is forgotten."""
        return self._decisions.get(number)

    def expired(self, now: float, *, patience: float, gap: float) -> list[Overlap]:
        """The pending overlaps that have waited long enough, the oldest first.

        Speech that was continued waits with what continues it, but not beyond `LATE_TRANSCRIPT`.

        Args:
            now: Stream time, in seconds.
            patience: Seconds from the end of its speech that an overlap waits by itself.
            gap: Seconds of silence within which speech continues what was before.
        """
        expired: list[Overlap] = []
        following, deadline = self._held, math.inf
        for overlap in reversed(self._undecided):
            if overlap is self._held:
                continue
            own = overlap.speech_end + patience
            continued = following is not None and following.onset - overlap.speech_end <= gap
            deadline = max(own, min(deadline, overlap.speech_end + LATE_TRANSCRIPT)) if continued else own
            following = overlap
            if now >= deadline:
                expired.insert(0, overlap)
        return expired

    def move(self, overlap: Overlap, cause: Cause) -> GateEventKind | None:
        """Move an overlap on.

        Args:
            overlap: Which.
            cause: What happened to it.

        Returns:
            The kind of the event that reports it; None where nothing is reported.

        Raises:
            KeyError: That cannot happen to an overlap in its state.
        """
        was_undecided = overlap.state in UNDECIDED
        overlap.state, kind = TRANSITIONS[overlap.state, cause]
        if overlap.state is OverlapState.HELD:
            self._held = overlap
        elif overlap is self._held:
            self._held = None
        if overlap.state in UNDECIDED and not was_undecided:
            self._undecided.append(overlap)
        if overlap.decision is not None:
            self._undecided.remove(overlap)
            self._decisions[overlap.number] = overlap.decision
            if len(self._decisions) > REMEMBERED_DECISIONS:
                del self._decisions[next(iter(self._decisions))]
        return kind

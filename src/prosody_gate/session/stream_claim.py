"""Which of several streams of one VAD or one recogniser is the gate's own."""

from __future__ import annotations

from typing import Final

BESIDE: Final = 25
"""Pieces of audio that the gate's stream gets beside another one, after which that one is somebody else's."""


class StreamClaim:
    """The first stream has the part until it ends; then the one that takes its place has it.

    A session that hands over to another agent, or clears the user's turn, opens the next stream about when it closes
    the one before. A stream that gets audio beside the gate's own for longer belongs to a second session on the same
    VAD and recogniser (LiveKit's `WarmTransferTask` opens one): it does not get the part, unless nobody else asks for
    it for as long.
    """

    def __init__(self) -> None:
        self._primary: object | None = None
        self._pieces = 0
        self._since: dict[object, int] = {}
        self._others: set[object] = set()
        self._unclaimed = 0
        """Pieces of audio of other streams since nobody has the part."""

    def claim(self, stream: object) -> bool:
        """Ask for the part, at the start of a stream and with each piece of its audio; whether it has the part."""
        if self._primary is None:
            # In the end even another one, or a session that two sessions' streams came in turn for would have no gate.
            self._unclaimed += stream in self._others
            if stream not in self._others or self._unclaimed >= BESIDE:
                self._primary, self._unclaimed = stream, 0
                self._others.discard(stream)
        if self._primary is stream:
            self._pieces += 1
            return True
        if self._pieces - self._since.setdefault(stream, self._pieces) >= BESIDE:
            self._others.add(stream)
        return False

    @property
    def is_taken(self) -> bool:
        """Whether a stream has the part now."""
        return self._primary is not None

    def has(self, stream: object) -> bool:
        """Whether it has the part now."""
        return self._primary is stream

    def leave(self, stream: object) -> None:
        """The stream ends."""
        if self._primary is stream:
            self._primary = None
        self._since.pop(stream, None)
        self._others.discard(stream)

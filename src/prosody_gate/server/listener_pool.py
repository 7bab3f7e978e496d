"""A bounded number of listeners for many sessions, since each takes CPU while it listens."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
import numpy.typing as npt

from ..listener import Hypothesis, Listener


class ListenerPool:
    """Lends listeners, one an overlap; the one that a session had last is kept for it as long as there are others.

    What a listener has learned of a voice stays with that session: it is reset before another gets it.

    Args:
        make: Makes one.
        size: Most listeners there will be. When all are lent, an overlap goes without.
    """

    def __init__(self, make: Callable[[], Listener], *, size: int) -> None:
        self._make = make
        self._size = size
        self._lock = threading.Lock()
        self._resting: OrderedDict[Hashable, Listener] = OrderedDict()
        """Those that are not lent, by who had them last; the longest unused first."""
        self._made = 0
        self.refused = 0
        """Overlaps that went without."""

    def listener(self, owner: Hashable) -> Listener:
        """What a gate of `owner` gets: it borrows when an overlap begins, and gives back when it ends."""
        return BorrowedListener(self, owner)

    def borrow(self, owner: Hashable) -> Listener | None:
        """A listener for one overlap; None when all are lent.

        Raises:
            ModelError: A model that it needs is missing or damaged.
        """
        with self._lock:
            own = self._resting.pop(owner, None)
            if own is not None:
                return own
            if self._made < self._size:
                self._made += 1
                others = None
            elif self._resting:
                others = self._resting.popitem(last=False)[1]
            else:
                self.refused += 1
                return None
        try:
            if others is None:
                return self._make()
            others.reset()
        except BaseException:
            with self._lock:
                self._made -= 1
            raise
        return others

    def give_back(self, owner: Hashable, listener: Listener) -> None:
        """The overlap is over."""
        with self._lock:
            second = self._resting.pop(owner, None)
            self._resting[owner] = listener
            if second is not None:
                self._give_up(second)

    def forget(self, owner: Hashable) -> None:
        """The session is over: the listener it had last is the first that another gets."""
        with self._lock:
            listener = self._resting.pop(owner, None)
            if listener is not None:
                self._give_up(listener)

    def _give_up(self, listener: Listener) -> None:
        nobody = object()
        self._resting[nobody] = listener
        self._resting.move_to_end(nobody, last=False)


class BorrowedListener:
    """A `Listener` that has another one during overlaps only.

    Args:
        pool: Lends it.
        owner: The session it is for.
    """

    def __init__(self, pool: ListenerPool, owner: Hashable) -> None:
        self._pool = pool
        self._owner = owner
        self._listener: Listener | None = None

    def start(self, pre_roll: npt.NDArray[np.float32], *, onset: float) -> None:
        """Begin an overlap, without a listener where all are lent; see `Listener.start`."""
        if self._listener is None:
            self._listener = self._pool.borrow(self._owner)
        if self._listener is not None:
            self._listener.start(pre_roll, onset=onset)

    def push(self, frame: npt.NDArray[np.float32], *, time: float) -> Hypothesis | None:
        """Recognise one frame; see `Listener.push`."""
        return None if self._listener is None else self._listener.push(frame, time=time)

    def finish(self, *, time: float) -> Hypothesis | None:
        """End the overlap and give the listener back; see `Listener.finish`."""
        if self._listener is None:
            return None
        listener, self._listener = self._listener, None
        try:
            return listener.finish(time=time)
        finally:
            self._pool.give_back(self._owner, listener)

    def reset(self) -> None:
        """Drop an open overlap, and give back what was borrowed; see `Listener.reset`."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.reset()
            self._pool.give_back(self._owner, listener)

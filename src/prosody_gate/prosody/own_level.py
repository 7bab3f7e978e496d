"""How loud the user is at this microphone, turn by turn."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from statistics import fmean, pstdev
from typing import Final, NamedTuple

LOUD_SHARE: Final = 0.25
"""Share of the voiced frames, the loudest, that a level is the mean of. From one sentence to the next of the same
loudness this varies by 0.6 dB, the mean of all voiced frames by 1.9 dB."""

LEAST_LOUD: Final = 2
"""Frames that it takes at least: one alone may be a knock on the microphone."""

LEAST_TURN: Final = 6
"""Voiced frames of a turn before its level is known: 0.4 s of voice, as every second frame is learned."""

LONGEST_TURN: Final = 320
"""Voiced frames that are kept of one turn, the newest."""

REMEMBERED_TURNS: Final = 8

OTHER_LEVEL_DB: Final = 11.0
"""A turn that differs by more is another's, or from another distance."""

STEADY_TURNS: Final = 5
STEADY_DB: Final = 1.0
"""Turns of people vary by 1.5 dB (standard deviation, median of the bank calls). Where so many turns vary by less,
the line is taken to level by itself."""

NO_TURN: Final = "no turn of the user has been heard"
LEVELLED_LINE: Final = "the line or the microphone levels by itself"


def loud_level(levels_dbfs: Iterable[float]) -> float:
    """Mean of the loudest quarter of some frames' levels, at least of two.

    Args:
        levels_dbfs: Of voiced frames, in dBFS.

    Returns:
        In dBFS; NaN for fewer than two frames.
    """
    levels = sorted(levels_dbfs, reverse=True)
    if len(levels) < LEAST_LOUD:
        return math.nan
    return fmean(levels[: max(math.ceil(LOUD_SHARE * len(levels)), LEAST_LOUD)])


class UserTurns(NamedTuple):
    """What an `OwnLevel` remembers, levels in dBFS."""

    turns: tuple[float, ...] = ()
    """Of the latest turns, the newest last."""
    turn: tuple[float, ...] = ()
    """Of the voiced frames of the turn that goes on."""
    set_aside: float | None = None
    """Of a turn that may not have been the user's."""


class OwnLevel:
    """Remembers how loud the user's own turns were: those while the agent was silent.

    The level that counts is the mean of the latest turns or the last one, whichever is lower: who spoke softly just
    now may go on so. A turn far below is set aside (a colleague, a television); the second one in a row is believed,
    for then the user has moved. A turn far above is believed at once: what came before was not the user, or was
    farther away.

    Args:
        levels_itself: Whether the line or the microphone is known to bring every voice to one level.
    """

    def __init__(self, *, levels_itself: bool = False) -> None:
        self._levels_itself = levels_itself
        self.reset()

    def reset(self) -> None:
        """Forget the user; what is known of the line stays."""
        self._turn: deque[float] = deque(maxlen=LONGEST_TURN)
        self._turns: deque[float] = deque(maxlen=REMEMBERED_TURNS)
        self._set_aside: float | None = None
        self._learned: UserTurns | None = UserTurns()

    @property
    def learned(self) -> UserTurns:
        """What is remembered of the user; the same object for as long as nothing is learned."""
        if self._learned is None:
            self._learned = UserTurns(tuple(self._turns), tuple(self._turn), self._set_aside)
        return self._learned

    def recall(self, learned: UserTurns) -> None:
        """Go on from what another one remembered."""
        self.reset()
        self._turns.extend(learned.turns)
        self._turn.extend(learned.turn)
        self._set_aside, self._learned = learned.set_aside, None

    @property
    def dbfs(self) -> float | None:
        """How loud the loud parts of the user's turns are, in dBFS; None where nothing may be concluded from it."""
        return None if self.unknown else min(fmean(self._turns), self._turns[-1])

    @property
    def unknown(self) -> str:
        """Why levels say nothing about who speaks; empty where they do."""
        if self._levels_itself:
            return LEVELLED_LINE
        if not self._turns:
            return NO_TURN
        if len(self._turns) >= STEADY_TURNS and pstdev(self._turns) < STEADY_DB:
            return LEVELLED_LINE
        return ""

    def learn(self, level_dbfs: float) -> None:
        """Take one voiced frame of the turn that goes on, its level in dBFS."""
        self._turn.append(level_dbfs)
        self._learned = None

    def end_turn(self) -> None:
        """The agent has the floor again. What was too short for a turn counts with the next one."""
        if len(self._turn) < LEAST_TURN:
            return
        self._learned = None
        level = loud_level(self._turn)
        self._turn.clear()
        differs = level - fmean(self._turns) if self._turns else 0.0
        if differs < -OTHER_LEVEL_DB and self._set_aside is None:
            self._set_aside = level
            return
        if abs(differs) > OTHER_LEVEL_DB:
            self._turns.clear()
            if differs < 0.0 and self._set_aside is not None:
                self._turns.append(self._set_aside)
        self._set_aside = None
        self._turns.append(level)

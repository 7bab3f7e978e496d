"""Evidence from the level: how loud the speech is for this user, who may not be the one who speaks."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from ..audio import FRAME_DURATION
from ..prosody import ProsodyFrame, loud_level
from .evidence_source import Observation

WINDOW: Final = 48
"""Frames that the level is taken over (1.5 s): a user who joins in is heard over a television that goes on."""

EARLY: Final = 0.3
LATE: Final = 1.2
EARLY_BELOW_DB: Final = 9.0
LATE_BELOW_DB: Final = 10.8
"""How far below the user's own level (dB) speech may stay until 0.3 s and from 1.2 s after its onset. Early on, single
frames decide, and a soft user who waits for the next word loses nothing."""

NATS_PER_DB: Final = 5.0
"""Between a user 10 dB softer than before and a voice 14 dB below, both with a standard deviation of 0.9 dB."""

LIMIT_NATS: Final = 15.0
"""More than voice, time and listener can say together."""


class LevelEvidence:
    """Weighs how far the speech stays below the user's own turns.

    Another voice in the room, a colleague or a television, is softer at the user's microphone than the user. The level
    is the mean of the loudest quarter of the voiced frames of the last 1.5 s, against the same of the user's own turns
    (`Observation.own_level_dbfs`). Each decibel below the bound takes 5 nats, 15 at most; nothing is ever put on. Where
    no turn of the user is known, or the line levels by itself, it has no say, and `note` says why.

    Attributes:
        note: Why it has no say; empty where it has.
        background_until: Stream time (s) up to which the speech was that far below: `max_hold` counts from there.
    """

    name = "level"
    on_device = True

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new overlap begins."""
        self.note = ""
        self.background_until = -math.inf
        self._read = 0
        self._read_until = -math.inf
        self._frames: deque[tuple[float, bool]] = deque(maxlen=WINDOW)

    def update(self, observation: Observation) -> float:
        """Nats of the level so far, from -15 to 0; 0 without audio."""
        frames = observation.frames
        for index in range(max(self._read, observation.lead_frames), len(frames)):
            self._take(frames[index])
        self._read = max(self._read, len(frames))
        if observation.newest is not None:
            self._take(observation.newest)
        self.note = observation.own_level_unknown
        own = observation.own_level_dbfs
        level = self._level()
        if own is None or math.isnan(level):
            return 0.0
        below = own - level - _allowed_db(self._read_until - observation.onset)
        if below > 0.0:
            self.background_until = observation.time
        return -min(max(below, 0.0) * NATS_PER_DB, LIMIT_NATS)

    def _take(self, frame: ProsodyFrame) -> None:
        if frame.time > self._read_until + FRAME_DURATION / 2:
            self._read_until = frame.time
            self._frames.append((frame.level_dbfs, frame.voiced))

    def _level(self) -> float:
        """The level of the voiced frames; of all while hardly any is voiced, as in a room that drowns the voice."""
        level = loud_level(dbfs for dbfs, voiced in self._frames if voiced)
        return loud_level(dbfs for dbfs, _ in self._frames) if math.isnan(level) else level


def _allowed_db(since_onset: float) -> float:
    share = min(max((since_onset - EARLY) / (LATE - EARLY), 0.0), 1.0)
    return EARLY_BELOW_DB + share * (LATE_BELOW_DB - EARLY_BELOW_DB)

"""What a benchmark is run on: clips, calls and annotated overlaps, and the labels they may have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..gate import Transcript
from ..prosody import Learned
from ..replay import Span, TimedWord

INTERRUPTION: Final = "interruption"
"""A claim to the floor: to be confirmed."""

NOT_INTERRUPTIONS: Final = ("backchannel", "nonspeech", "noise")
"""What must not stop the agent: listening sounds, coughs and laughter, the room."""

AMBIGUOUS: Final = "ambiguous"
"""What people could not agree on: read, counted, not scored."""

LABELS: Final = (INTERRUPTION, *NOT_INTERRUPTIONS, AMBIGUOUS)
"""All labels that a manifest may hold."""


UNTIMED: Final = 1.0
"""Seconds by which a transcript without times of its own may come later than usual and still be the clip's."""

TEXT_LAG: Final = 0.3
"""Seconds that a transcript without times of its own is taken to lie behind its speech."""


def speech_end_of(transcript: Transcript) -> float:
    """When the newest words of a transcript were said, by its own times or else by its arrival, in seconds."""
    return transcript.at - TEXT_LAG if transcript.end is None else transcript.end


@dataclass(frozen=True)
class Clip:
    """One line of a manifest of clips."""

    line: int
    """Its line in the manifest, from 1."""
    name: str
    """The audio path as the manifest has it, with the cut where there is one; scenes are seeded by it."""
    group: str
    """Who speaks, or the audio path where that is not known: the unit of cross-validation."""
    label: str
    """One of `LABELS`."""
    set: str
    """The part of the collection it belongs to."""
    audio: Path
    """Where the recording is."""
    start: float = 0.0
    """Where in the recording the clip begins, in seconds."""
    end: float | None = None
    """Where it ends, in seconds; None for the recording's end."""
    transcripts: tuple[Transcript, ...] | None = None
    """Recorded speech-to-text, in seconds of the recording; None where none was recorded."""
    kind: str = ""
    """What kind of sound it is (hum, laugh, filler, command...), in the manifest's own words; empty where it says
    nothing."""

    def transcripts_at(self, place: float) -> tuple[Transcript, ...] | None:
        """The transcripts of the clip's own speech, in seconds of a stream in which the clip begins at `place`."""
        if self.transcripts is None:
            return None
        end = math.inf if self.end is None else self.end
        by = place - self.start
        return tuple(
            replace(
                transcript,
                at=transcript.at + by,
                start=None if transcript.start is None else transcript.start + by,
                end=None if transcript.end is None else transcript.end + by,
            )
            for transcript in self.transcripts
            if self.start < speech_end_of(transcript) < end + (UNTIMED if transcript.end is None else 0.0)
        )


@dataclass(frozen=True)
class LabelledEvent:
    """A part of the user's sound that somebody listened to and labelled."""

    label: str
    """One of `LABELS`."""
    set: str
    """The part of the collection it belongs to; the label where the manifest says nothing."""
    start: float
    """In seconds of the recording."""
    end: float
    """In seconds of the recording."""
    kind: str = ""
    """What kind of sound it is (hum, laugh, filler, command...), in the manifest's own words; empty where it says
    nothing."""


@dataclass(frozen=True)
class Call:
    """One line of a manifest of calls."""

    line: int
    """Its line in the manifest, from 1."""
    name: str
    """The audio path as the manifest has it."""
    group: str
    """The caller where known, else the audio path: the unit of cross-validation."""
    audio: Path
    """Where the recording is."""
    user_channel: int
    """The user's channel, from 0."""
    agent_channel: int | None
    """The agent's own channel; None where `agent` has when it speaks."""
    agent: tuple[Span, ...]
    """When the agent speaks, where it has no channel of its own."""
    events: tuple[LabelledEvent, ...]
    """In order of their start."""
    transcripts: tuple[Transcript, ...] | None = None
    """Recorded speech-to-text, in seconds of the recording; None where none was recorded."""
    learned: Learned | None = None
    """What a gate knew of room and user when the recording begins, where it is part of a longer call."""


@dataclass(frozen=True)
class WordOverlap:
    """One line of a manifest of overlaps."""

    line: int
    """Its line in the manifest, from 1."""
    name: str
    """Its `id` in the manifest, or else the line."""
    group: str
    """The conversation where known, else the name: the unit of cross-validation."""
    label: str
    """One of `LABELS`."""
    set: str
    """The corpus where known, else `overlaps`."""
    words: tuple[TimedWord, ...]
    """What was said and when, in seconds from the onset."""
    kind: str = ""
    """What kind of sound it is (hum, laugh, filler, command...), in the manifest's own words; empty where it says
    nothing."""


Item = Clip | Call | WordOverlap
"""One line of a manifest."""

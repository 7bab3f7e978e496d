"""A recorded call with its labelled events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..gate import Transcript
from ..replay import Span


@dataclass(frozen=True)
class LabelledEvent:
    """A stretch of the user's sound that somebody listened to and labelled."""

    label: str
    """One of `LABELS`."""
    set: str
    """The part of the collection it belongs to; the label where the manifest says nothing."""
    start: float
    """In seconds of the recording."""
    end: float
    """In seconds of the recording."""


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
    """The agent's own channel; None where `agent` tells when it speaks."""
    agent: tuple[Span, ...]
    """When the agent speaks, where it has no channel of its own."""
    events: tuple[LabelledEvent, ...]
    """In order of their start."""
    transcripts: tuple[Transcript, ...] | None = None
    """Recorded speech-to-text, in seconds of the recording; None where none was recorded."""

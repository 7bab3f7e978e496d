"""The session layer's transcript hold for Pipecat: what it needs to know of a frame."""

from __future__ import annotations

import copy
from collections import deque
from typing import Final

from pipecat.frames.frames import (
    EagerTranscriptionFrame,
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    UserBackchannelFrame,
)

from ..gate import Transcript
from ..session import HeldItem, ItemKind, RemainingWords

KINDS: Final[dict[type[Frame], ItemKind]] = {
    TranscriptionFrame: ItemKind.TRANSCRIPT,
    InterimTranscriptionFrame: ItemKind.TRANSCRIPT,
    EagerTranscriptionFrame: ItemKind.TRANSCRIPT,
    ProposedUserStartedSpeakingFrame: ItemKind.SPEECH_START,
    ProposedUserStoppedSpeakingFrame: ItemKind.SPEECH_END,
}
"""What each frame of a speech-to-text service is to the hold."""

WORDS: Final = (TranscriptionFrame, InterimTranscriptionFrame, EagerTranscriptionFrame)

RECOGNISER_FRAMES: Final = tuple(KINDS)


def with_remaining_words(frame: Frame, remaining: RemainingWords) -> Frame:
    """The frame with fewer words; its `result` stays as the service sent it."""
    assert isinstance(frame, WORDS)
    kept = copy.copy(frame)
    kept.text = remaining.text
    return kept


def cut_words(text: str, remaining: str) -> str:
    """The words of a text that are not among those that remain of it, which are in the same order."""
    kept = deque(remaining.split())
    cut = []
    for word in text.split():
        if kept and word == kept[0]:
            kept.popleft()
        else:
            cut.append(word)
    return " ".join(cut)


def item_of(frame: Frame, transcript: Transcript) -> HeldItem[Frame]:
    """A frame as the hold takes it, with its text and times on the gate's stream clock."""
    kinds = (kind for frame_type, kind in KINDS.items() if isinstance(frame, frame_type))
    return HeldItem(frame, next(kinds, ItemKind.OTHER), transcript)


def text_of(frame: Frame) -> str:
    """The text of a frame; empty where it has none."""
    return frame.text if isinstance(frame, WORDS) else ""


def backchannel_of(frame: Frame, text: str | None = None) -> UserBackchannelFrame | None:
    """What takes the place of a dropped frame, or of `text` in it; None for interim text, and where there is none."""
    text = text_of(frame) if text is None else text
    if not isinstance(frame, TranscriptionFrame) or not text.strip():
        return None
    return UserBackchannelFrame(text=text, user_id=frame.user_id, timestamp=frame.timestamp)

"""Follows what the agent plays, on its way to the session's audio output."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from ..session import PlayedAudio

LABEL: Final = "prosody-gate"


class AgentAudioTap(AudioOutput):
    """An audio output in front of the session's own, as LiveKit's recorder is; everything goes through it unchanged.

    Args:
        output: The session's.
        played: Is told what is played when.
        on_error: Called where that fails.
    """

    def __init__(self, output: AudioOutput, played: PlayedAudio, on_error: Callable[[Exception], None]) -> None:
        super().__init__(
            label=LABEL,
            next_in_chain=output,
            capabilities=AudioOutputCapabilities(pause=True),  # as far as those behind it can
        )
        assert self.next_in_chain is not None
        self._output = self.next_in_chain  # LiveKit puts a proxy around the last output of a chain
        self._played = played
        self._on_error = on_error

    @property
    def sample_rate(self) -> int | None:
        """That of the output: it may be replaced further down."""
        return self._output.sample_rate

    def on_playback_started(self, *, created_at: float) -> None:
        """The output plays from `created_at` (wall clock, s) on."""
        self._note(lambda: self._played.started(created_at))
        super().on_playback_started(created_at=created_at)

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        """The output has played all, or was cut off."""
        self._note(lambda: self._played.ended(time.time()))
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Hand a frame on."""
        await super().capture_frame(frame)
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
        # Before it is handed on: an output may wait until there is room for it, and has played some by then.
        self._note(lambda: self._played.captured(samples, frame.sample_rate, time.time()))
        await self._output.capture_frame(frame)

    def flush(self) -> None:
        """The segment is complete."""
        super().flush()
        self._output.flush()

    def clear_buffer(self) -> None:
        """Stop at once."""
        self._note(lambda: self._played.ended(time.time()))
        self._output.clear_buffer()

    def pause(self) -> None:
        """Stop for now."""
        self._note(lambda: self._played.paused(time.time()))
        super().pause()

    def resume(self) -> None:
        """Go on."""
        self._note(lambda: self._played.resumed(time.time()))
        super().resume()

    def _note(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # the agent must be heard, whatever becomes of the guard
            self._on_error(error)


def tap_output(session: AgentSession[Any], played: PlayedAudio, on_error: Callable[[Exception], None]) -> bool:
    """Put a tap in front of the session's audio output, where there is none yet.

    Args:
        session: Not while its agent speaks: then the output has a segment that the tap does not know of.
        played: Is told what is played when.
        on_error: Called where that fails.

    Returns:
        Whether the session has an audio output.
    """
    output = session.output.audio
    if output is None:
        return False
    part: AudioOutput | None = output
    while part is not None:
        if isinstance(part, AgentAudioTap) and part._played is played:
            return True
        part = part.next_in_chain
    session.output.audio = AgentAudioTap(output, played, on_error)
    return True

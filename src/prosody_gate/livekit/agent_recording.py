"""Follows what a session's agent plays, for the recorder: the agent's voice beside the user's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession

from ..session import AgentTrack, PlayedAudio
from .agent_audio_tap import tap_output

logger = logging.getLogger("prosody_gate")


class AgentRecording(AgentTrack):
    """Taps the session's audio output, whichever it gets; without one, the user alone is recorded.

    Args:
        stream_time: Gives the time (s) of the user's audio that has arrived by now.
    """

    def __init__(self, stream_time: Callable[[], float]) -> None:
        super().__init__(PlayedAudio(), stream_time)
        self._session: AgentSession[Any] | None = None

    def attach(self, session: AgentSession[Any]) -> None:
        """Follow a session's output."""
        self._session = session
        session.on("speech_created", self._tap)
        session.on("agent_state_changed", self._tap)
        self._tap()

    def close(self) -> None:
        """Follow it no more."""
        if self._session is not None:
            self._session.off("speech_created", self._tap)
            self._session.off("agent_state_changed", self._tap)
            self._session = None

    def _tap(self, event: object = None) -> None:
        session = self._session
        if session is None or (session.agent_state == "speaking" and session.output.audio is not None):
            return  # in the middle of a segment; the next one finds the tap
        try:
            tap_output(session, self.played, self._fail)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        logger.warning("record: the agent's voice cannot be recorded (%s); the user's is", error)
        self.close()

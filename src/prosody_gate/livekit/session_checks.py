"""Sets up a session so that the gate has its say, and warns where something defeats it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from livekit.agents import Agent, AgentSession, TurnHandlingOptions
from livekit.agents.utils import is_given

from .gated_stt import GatedSTT
from .gated_vad import GatedVAD

logger = logging.getLogger("prosody_gate")

MIN_DURATION: Final = 0.05
"""Speech (s) that the session wants before it stops the agent. The gate has decided by then: no need to wait again.
Not 0: then every inference event would interrupt, in silence too."""


class SessionChecks:
    """The checks of one gate's session. Each warning is logged once, its `option` in the record's `extra`."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._checked_agent: Agent | None = None

    def turn_handling(self, given: Mapping[str, Any]) -> TurnHandlingOptions:
        """The options for an `AgentSession` that has a gate.

        Args:
            given: The user's own `TurnHandlingOptions`; they win wherever they do not defeat the gate.
        """
        interruption = dict(given.get("interruption") or {})
        mode = interruption.get("mode")
        if mode == "adaptive":
            self._warn(
                "interruption.mode",
                'interruption.mode is "adaptive": LiveKit\'s detector would decide beside the gate; "vad" is used',
            )
        interruption["mode"] = "vad"
        if interruption.get("min_duration", MIN_DURATION) <= 0.0:
            self._warn(
                "interruption.min_duration",
                "interruption.min_duration is 0: every VAD event would interrupt, in silence too; "
                f"{MIN_DURATION} s is used",
            )
            interruption["min_duration"] = MIN_DURATION
        interruption.setdefault("min_duration", MIN_DURATION)
        if given.get("turn_detection") == "realtime_llm":
            self._warn(
                "turn_detection",
                'turn_detection is "realtime_llm": the model\'s server interrupts by itself, the gate has no say',
            )
        return cast(TurnHandlingOptions, {**given, "interruption": interruption})

    def check_session(self, session: AgentSession[Any]) -> None:
        """Warn of options, VAD and STT of a session that defeat the gate."""
        interruption = session.options.interruption
        if interruption["min_duration"] <= 0.0:
            self._warn(
                "interruption.min_duration",
                "interruption.min_duration is 0: every VAD event interrupts, in silence too; use gate.turn_handling()",
            )
        if interruption.get("mode") != "vad":
            self._warn(
                "interruption.mode",
                'interruption.mode is not "vad": LiveKit\'s own detector may decide beside the gate; '
                "use gate.turn_handling()",
            )
        if session.stt is not None and not isinstance(session.stt, GatedSTT):
            self._warn(
                "stt",
                "stt is not wrapped: each of its final transcripts interrupts, whatever the gate says; use gate.stt()",
            )
        if not isinstance(session.vad, GatedVAD):
            self._warn("vad", "vad is not wrapped: the gate gets no audio; use gate.vad()")

    def check_agent(self, agent: Agent | None) -> None:
        """Warn where the agent that is in charge brings its own VAD or STT, which takes the session's place.

        Args:
            agent: The agent; None where there is none. The same one again is not looked at twice.
        """
        if agent is None or agent is self._checked_agent:
            return
        self._checked_agent = agent
        if is_given(agent.stt) and agent.stt is not None and not isinstance(agent.stt, GatedSTT):
            self._warn(
                "agent.stt",
                f"{type(agent).__name__} has an stt of its own that is not wrapped: each of its final transcripts "
                "interrupts, whatever the gate says; use gate.stt()",
            )
        if is_given(agent.vad) and not isinstance(agent.vad, GatedVAD):
            self._warn(
                "agent.vad",
                f"{type(agent).__name__} has a vad of its own that is not wrapped: the gate gets no audio; "
                "use gate.vad()",
            )

    def stt_came_late(self) -> None:
        """Warn that speech-to-text was wrapped after the gate had begun without it."""
        self._warn(
            "stt",
            "stt was wrapped after the gate had begun: its transcripts are held, but the gate does not wait for them; "
            "call gate.stt() before the session starts, and before gate.gate",
        )

    def _warn(self, option: str, message: str) -> None:
        if option not in self._warned:
            self._warned.add(option)
            logger.warning(message, extra={"option": option})

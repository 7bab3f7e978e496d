"""Takes cancelled speech out of a realtime model's input, which would get it with the user's next turn."""

from __future__ import annotations

import logging
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import RealtimeModel
from livekit.agents.utils import is_given

logger = logging.getLogger("prosody_gate")


def clear_realtime_input(session: AgentSession[Any], agent: Agent) -> None:
    """Clear the input audio of the agent's realtime model. To be called while no speech is held or passing.

    Does nothing where the model is none, or takes its turns by itself: then its input is not the session's to clear.

    Args:
        session: The session.
        agent: The agent that is in charge; what it has of its own counts before what the session has.
    """
    model = agent.llm if is_given(agent.llm) else session.llm
    if not isinstance(model, RealtimeModel) or _takes_turns_itself(session, agent, model):
        return
    try:
        agent.realtime_llm_session.clear_audio()
    except RuntimeError:  # the model has no session yet, or none any more
        logger.debug("the realtime model's input was not cleared", exc_info=True)


def _takes_turns_itself(session: AgentSession[Any], agent: Agent, model: RealtimeModel) -> bool:
    mode = agent.turn_detection if is_given(agent.turn_detection) else session.turn_detection
    if mode == "realtime_llm":
        return True
    return bool(model.capabilities.turn_detection and not model.capabilities.can_disable_turn_detection)

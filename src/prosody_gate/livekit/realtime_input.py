"""What a realtime model gets of the user: no cancelled speech, and nothing of the agent's own voice."""

from __future__ import annotations

import logging
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import RealtimeModel
from livekit.agents.utils import is_given

from .cleaned_frames import CleanedFrames
from .guarded_microphone import GuardedMicrophone
from .session_facts import is_push_to_talk, turn_detection_of

logger = logging.getLogger("prosody_gate")


def clear_realtime_input(session: AgentSession[Any], agent: Agent) -> None:
    """Clear the input audio of the agent's realtime model. To be called while no speech is held or passing.

    Does nothing where the model is none, or takes its turns by itself: then its input is not the session's to clear.
    Nor with turns that end by hand: what is said while the button is held belongs to the turn.

    Args:
        session: The session.
        agent: The agent that is in charge; what it has of its own counts before what the session has.
    """
    model = agent.llm if is_given(agent.llm) else session.llm
    if not isinstance(model, RealtimeModel) or _takes_turns_itself(session, agent, model) or is_push_to_talk(session):
        return
    try:
        agent.realtime_llm_session.clear_audio()
    except RuntimeError:  # the model has no session yet, or none any more
        logger.debug("the realtime model's input was not cleared", exc_info=True)


def guard_realtime_input(agent: Agent, microphone: GuardedMicrophone) -> None:
    """Give the agent's realtime model the frames that the VAD gets. Does nothing where that is done, or there is none.

    Args:
        agent: The agent that is in charge.
        microphone: The echo guard.
    """
    try:
        model = agent.realtime_llm_session
    except RuntimeError:
        return
    if not isinstance(getattr(model.push_audio, "__self__", None), CleanedFrames):
        # LiveKit has no node for this input, and takes a model's session for no wrapper's.
        model.push_audio = microphone.reader(model.push_audio).push  # type: ignore[method-assign]


def _takes_turns_itself(session: AgentSession[Any], agent: Agent, model: RealtimeModel) -> bool:
    if turn_detection_of(session, agent) == "realtime_llm":
        return True
    return bool(model.capabilities.turn_detection and not model.capabilities.can_disable_turn_detection)

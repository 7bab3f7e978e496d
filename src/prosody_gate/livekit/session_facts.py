"""What a session says of itself at this moment: who is in charge, how turns end, whom it listens to."""

from __future__ import annotations

from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import is_given


def agent_in_charge(session: AgentSession[Any] | None) -> Agent | None:
    """The session's agent; None before the start and after the end."""
    try:
        return None if session is None else session.current_agent
    except RuntimeError:
        return None


def turn_detection_of(session: AgentSession[Any], agent: Agent | None) -> Any:
    """How the user's turns end now: what the agent has of its own counts before what the session has."""
    if agent is not None and is_given(agent.turn_detection):
        return agent.turn_detection
    return session.turn_detection


def is_push_to_talk(session: AgentSession[Any] | None) -> bool:
    """Whether the application alone says when a turn ends: then nothing is interrupted by voice either."""
    return session is not None and turn_detection_of(session, agent_in_charge(session)) == "manual"


def linked_participant(session: AgentSession[Any] | None) -> str | None:
    """Identity of the participant that a room's session listens to; None without a room, and while nobody is there."""
    try:
        participant = None if session is None else session.room_io.linked_participant
    except (RuntimeError, AttributeError):  # no room
        return None
    return None if participant is None else participant.identity


def note_presence(session: AgentSession[Any]) -> None:
    """Tell the session that the user is there: it learns of speech that is held only once it is let through."""
    reset = getattr(session, "reset_away_timer", None)
    if reset is not None:  # an older LiveKit Agents has none
        reset()

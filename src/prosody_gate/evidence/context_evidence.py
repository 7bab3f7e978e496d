"""Evidence from the conversation: where in the agent's turn the overlap begins."""

from __future__ import annotations

from typing import Final

from .evidence_source import Observation

FALSE_START: Final = 0.5
"""Seconds after the agent's start within which user and agent began together: the user did not hear a turn yet."""

FALSE_START_NATS: Final = 1.0


class ContextEvidence:
    """A user who begins together with the agent was about to speak anyway and goes on.

    Set by hand: none of the shared recordings shows an agent's start.
    """

    name = "context"

    def reset(self) -> None:
        """A new overlap begins; nothing of the last one counts."""

    def update(self, observation: Observation) -> float:
        """Nats of the moment at which the overlap began."""
        since_start = observation.onset - observation.agent_started
        return FALSE_START_NATS if since_start < FALSE_START else 0.0

"""Merges a user's turn handling options with what the gate needs, and says where a setting defeats it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from livekit.agents import TurnHandlingOptions

logger = logging.getLogger("prosody_gate")

MIN_DURATION: Final = 0.05
"""Speech (s) that the session wants before it stops the agent. The gate has decided by then: no need to wait again.
Not 0: then every inference event would interrupt, in silence too."""


def merged_turn_handling(given: Mapping[str, Any], *, warned: set[str]) -> TurnHandlingOptions:
    """The options for an `AgentSession` that has a gate.

    Args:
        given: The user's own `TurnHandlingOptions`; they win wherever they do not defeat the gate.
        warned: Names of options that were warned of already; added to.
    """
    interruption = dict(given.get("interruption") or {})
    mode = interruption.get("mode")
    if mode == "adaptive":
        warn_once(
            warned,
            "interruption.mode",
            'interruption.mode is "adaptive": LiveKit\'s detector would decide beside the gate; "vad" is used',
        )
    interruption["mode"] = "vad"
    if interruption.get("min_duration", MIN_DURATION) <= 0.0:
        warn_once(
            warned,
            "interruption.min_duration",
            "interruption.min_duration is 0: every VAD event would interrupt, in silence too; "
            f"{MIN_DURATION} s is used",
        )
        interruption["min_duration"] = MIN_DURATION
    interruption.setdefault("min_duration", MIN_DURATION)
    if given.get("turn_detection") == "realtime_llm":
        warn_once(
            warned,
            "turn_detection",
            'turn_detection is "realtime_llm": the model\'s server interrupts by itself, the gate has no say',
        )
    return cast(TurnHandlingOptions, {**given, "interruption": interruption})


def warn_once(warned: set[str], name: str, message: str) -> None:
    """Log a warning about an option, the first time only."""
    if name not in warned:
        warned.add(name)
        logger.warning(message, extra={"option": name})

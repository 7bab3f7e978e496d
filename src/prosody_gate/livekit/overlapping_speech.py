"""LiveKit's own report of an overlap, made from the gate's decision, for whoever reads those of its adaptive mode."""

from __future__ import annotations

import logging
import time
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.inference import OverlappingSpeechEvent

from ..gate import GateEvent, GateEventKind

logger = logging.getLogger("prosody_gate")

NO_VERDICT = ("stream_end", "failure")
"""Reasons that end an overlap without saying what it was: the session ended, or the gate did."""


def overlapping_speech(event: GateEvent, *, stream_time: float) -> OverlappingSpeechEvent | None:
    """The event that LiveKit's adaptive mode would have emitted.

    Args:
        event: Of the gate.
        stream_time: Stream time (s) of the newest audio, which has arrived just now.

    Returns:
        None for a hold, and where nothing was found out about the overlap.
    """
    if event.kind is GateEventKind.HOLD or event.reason in NO_VERDICT:
        return None
    now = time.time()
    return OverlappingSpeechEvent(
        created_at=now,
        detected_at=now,
        is_interruption=event.kind is GateEventKind.CONFIRM,
        agent_ended=event.kind is GateEventKind.RELEASE,
        detection_delay=event.latency,
        overlap_started_at=now - max(stream_time - event.onset, event.latency),
        probability=event.probability,
    )


def emit_overlapping_speech(session: AgentSession[Any], event: GateEvent, *, stream_time: float) -> None:
    """Emit it on the session, where nothing but its own listeners and its remote clients take it up.

    The agent is not interrupted by it: LiveKit's own detector does that before it emits the event, not through it.

    Args:
        session: The session that the gate is attached to.
        event: Of the gate.
        stream_time: Stream time (s) of the newest audio.
    """
    report = overlapping_speech(event, stream_time=stream_time)
    if report is None:
        return
    try:
        session.emit("overlapping_speech", report)
    except Exception:  # a handler with the wrong signature must not disturb the call
        logger.exception("a handler of 'overlapping_speech' failed")

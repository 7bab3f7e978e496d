"""Writes decisions onto the spans that LiveKit opens for a session."""

from __future__ import annotations

from typing import Any, Final

from livekit.agents import AgentSession
from opentelemetry import trace

from ..gate import GateEvent, GateEventKind

PREFIX: Final = "prosody_gate."


def note(session: AgentSession[Any], event: GateEvent) -> None:
    """Add a decision to the span of the agent's speech, which it is about.

    What is decided because the agent has ended, a release above all, comes too late for it: LiveKit ends the span
    before it says so. LiveKit keeps its spans to itself; a version without them is taken as one that does not trace.
    """
    span = getattr(session, "_agent_speaking_span", None)
    if isinstance(span, trace.Span) and span.is_recording():
        span.add_event(f"{PREFIX}{event.kind.value}", attributes_of(event))


def mark_user_speech(session: AgentSession[Any], event: GateEvent) -> None:
    """Put a confirm or release on the span of the user's speech that it let through.

    Sets LiveKit's own `lk.is_interruption` and `lk.interruption.*` for those who read them already.
    """
    span = getattr(session, "_user_speaking_span", None)
    if isinstance(span, trace.Span) and span.is_recording():
        span.set_attributes(attributes_of(event))
        span.set_attributes(
            {
                "lk.is_interruption": "true" if event.kind is GateEventKind.CONFIRM else "false",
                "lk.interruption.probability": event.probability,
                "lk.interruption.detection_delay": event.latency,
            }
        )


def attributes_of(event: GateEvent) -> dict[str, str | int | float]:
    """The numbers of an event, without what the user said."""
    attributes: dict[str, str | int | float] = {
        f"{PREFIX}kind": event.kind.value,
        f"{PREFIX}reason": event.reason,
        f"{PREFIX}overlap": event.overlap,
        f"{PREFIX}latency": event.latency,
        f"{PREFIX}speech_duration": event.speech_duration,
        f"{PREFIX}probability": event.probability,
    }
    for name, nats in event.evidence.items():
        attributes[f"{PREFIX}evidence.{name}"] = nats
    return attributes

"""What is known of a session's gate from outside: its metrics, the process's Prometheus collectors, LiveKit's spans."""

from __future__ import annotations

from typing import Any, Final

from livekit.agents import AgentSession
from opentelemetry import trace

from ..gate import GateEvent, GateEventKind
from ..session import SessionCounter, SessionMetrics

PREFIX: Final = "prosody_gate."


class Telemetry:
    """Counts what the gate of one session does, and writes its decisions onto the session's spans."""

    def __init__(self) -> None:
        self._counter = SessionCounter()
        self._let_through: GateEvent | None = None
        """The confirm or release whose speech has no span yet."""

    @property
    def metrics(self) -> SessionMetrics:
        """What the gate did so far."""
        return self._counter.metrics

    def count(self, event: GateEvent, session: AgentSession[Any] | None) -> None:
        """Count one event of the gate and trace it; `session` is None as long as none is attached."""
        self._counter.count(event)
        self._let_through = None
        if session is None:
            return
        note_decision(session, event)
        if event.kind in (GateEventKind.CONFIRM, GateEventKind.RELEASE):
            # Speech that began before the agent's has its span already.
            if session.user_state == "speaking":
                mark_user_speech(session, event)
            else:
                self._let_through = event

    def user_state_changed(self, session: AgentSession[Any], new_state: str) -> None:
        """The session says that the user begins or ends to speak."""
        if new_state == "speaking" and self._let_through is not None:
            mark_user_speech(session, self._let_through)
        # With the end of the user's speech it is forgotten too: the next one is another.
        self._let_through = None

    def count_dropped_transcript(self) -> None:
        """Count a transcript that was kept from the session."""
        self._counter.count_dropped_transcript()

    def count_error(self) -> None:
        """Count an error that made the gate transparent."""
        self._counter.count_error()


def note_decision(session: AgentSession[Any], event: GateEvent) -> None:
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

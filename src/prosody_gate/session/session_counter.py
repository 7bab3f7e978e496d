"""Counts what the gate of one session does, for its own metrics and for the process's Prometheus collectors."""

from __future__ import annotations

from ..gate import GateEvent
from .prometheus_metrics import collectors, count_event
from .session_metrics import MetricsRecorder, SessionMetrics


class SessionCounter:
    """The numbers of one session.

    Args:
        for_prometheus: Whether the process's collectors count along.
    """

    def __init__(self, *, for_prometheus: bool = True) -> None:
        self._recorder = MetricsRecorder()
        self._for_prometheus = for_prometheus

    @property
    def metrics(self) -> SessionMetrics:
        """What the gate did so far."""
        return self._recorder.snapshot()

    def prepare(self) -> None:
        """Do ahead of the call what is slow the first time."""
        self._recorder.snapshot()
        collectors()

    def count(self, event: GateEvent) -> None:
        """Count one event of the gate."""
        held = self._recorder.count(event)
        if self._for_prometheus:
            count_event(event, held)

    def count_dropped_transcript(self) -> None:
        """Count a transcript that was kept from the session."""
        self._recorder.transcripts_dropped += 1
        if self._for_prometheus:
            collectors().transcripts_dropped.inc()

    def count_error(self) -> None:
        """Count an error that made the gate transparent."""
        self._recorder.errors += 1
        if self._for_prometheus:
            collectors().errors.inc()

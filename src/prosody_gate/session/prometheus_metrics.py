"""Counts the decisions of all sessions of a process for Prometheus."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ..gate import GateEvent, GateEventKind

if TYPE_CHECKING:
    import prometheus_client

LATENCY_BUCKETS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)


class Collectors(NamedTuple):
    """The collectors, in the client's default registry.

    LiveKit's worker serves those of its own process; with `prometheus_multiproc_dir` those of its calls' processes too.
    """

    overlaps: prometheus_client.Counter
    """`prosody_gate_overlaps_total`: overlaps held."""
    decisions: prometheus_client.Counter
    """`prosody_gate_decisions_total{kind, reason}`."""
    confirm_latency: prometheus_client.Histogram
    """`prosody_gate_confirm_latency_seconds`: onset to confirm."""
    held: prometheus_client.Counter
    """`prosody_gate_held_seconds_total`: time from hold to decision."""
    transcripts_dropped: prometheus_client.Counter
    """`prosody_gate_transcripts_dropped_total`."""
    errors: prometheus_client.Counter
    """`prosody_gate_errors_total`: errors that made a gate transparent."""


@lru_cache(maxsize=1)
def collectors() -> Collectors:
    """The process's collectors; the first call registers them.

    Raises:
        ImportError: prometheus-client is not installed.
    """
    import prometheus_client  # with the first session, so that the library without one does not need it

    return Collectors(
        overlaps=prometheus_client.Counter("prosody_gate_overlaps", "Overlaps that were held"),
        decisions=prometheus_client.Counter(
            "prosody_gate_decisions", "Decisions about held overlaps", ["kind", "reason"]
        ),
        confirm_latency=prometheus_client.Histogram(
            "prosody_gate_confirm_latency_seconds", "From onset to confirm", buckets=LATENCY_BUCKETS
        ),
        held=prometheus_client.Counter("prosody_gate_held_seconds", "Time from hold to decision"),
        transcripts_dropped=prometheus_client.Counter(
            "prosody_gate_transcripts_dropped", "Transcripts kept from the session, interim ones included"
        ),
        errors=prometheus_client.Counter("prosody_gate_errors", "Errors that made a gate transparent"),
    )


def count_event(event: GateEvent, held: float) -> None:
    """Count one event of any session; `held` is how long (s) its overlap was held."""
    to = collectors()
    if event.kind is GateEventKind.HOLD:
        to.overlaps.inc()
        return
    to.decisions.labels(kind=event.kind.value, reason=event.reason).inc()
    to.held.inc(max(held, 0.0))
    if event.kind is GateEventKind.CONFIRM:
        to.confirm_latency.observe(max(event.latency, 0.0))

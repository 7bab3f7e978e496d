"""Prometheus collectors of the process: what the gates of all its sessions did."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from prometheus_client import Counter, Histogram

from ..gate import GateEvent, GateEventKind

LATENCY_BUCKETS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)


class Collectors(NamedTuple):
    """The collectors, in the client's default registry.

    LiveKit's worker serves those of its own process; with `prometheus_multiproc_dir` those of its calls' processes too.
    """

    overlaps: Counter
    """`prosody_gate_overlaps_total`: overlaps held."""
    decisions: Counter
    """`prosody_gate_decisions_total{kind, reason}`."""
    confirm_latency: Histogram
    """`prosody_gate_confirm_latency_seconds`: onset to confirm."""
    held: Counter
    """`prosody_gate_held_seconds_total`: time from hold to decision."""
    transcripts_dropped: Counter
    """`prosody_gate_transcripts_dropped_total`."""
    errors: Counter
    """`prosody_gate_errors_total`: errors that made a gate transparent."""


@lru_cache(maxsize=1)
def collectors() -> Collectors:
    """The process's collectors; the first call registers them."""
    return Collectors(
        overlaps=Counter("prosody_gate_overlaps", "Overlaps that were held"),
        decisions=Counter("prosody_gate_decisions", "Decisions about held overlaps", ["kind", "reason"]),
        confirm_latency=Histogram(
            "prosody_gate_confirm_latency_seconds", "From onset to confirm", buckets=LATENCY_BUCKETS
        ),
        held=Counter("prosody_gate_held_seconds", "Time from hold to decision"),
        transcripts_dropped=Counter(
            "prosody_gate_transcripts_dropped", "Transcripts kept from the session, interim ones included"
        ),
        errors=Counter("prosody_gate_errors", "Errors that made a gate transparent"),
    )


def count(event: GateEvent, held: float) -> None:
    """Count one event of any session; `held` is how long (s) its overlap was held."""
    to = collectors()
    if event.kind is GateEventKind.HOLD:
        to.overlaps.inc()
        return
    to.decisions.labels(kind=event.kind.value, reason=event.reason).inc()
    to.held.inc(max(held, 0.0))
    if event.kind is GateEventKind.CONFIRM:
        to.confirm_latency.observe(max(event.latency, 0.0))

"""Figures of one call, and Prometheus collectors of the process."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import prometheus_client

from ..gate import GateEvent, GateEventKind

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
    """The process's collectors; the first call registers them."""
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


REMEMBERED_LATENCIES: Final = 1_000
"""Confirm latencies that the percentiles are taken over: the newest ones."""


@dataclass(frozen=True, slots=True)
class SessionMetrics:
    """A snapshot. Counts are of overlaps; durations in seconds of the stream."""

    held: int
    """Overlaps that were held."""
    confirmed: int
    """Overlaps that stopped the agent."""
    cancelled: int
    """Overlaps that the session never heard of."""
    released: int
    """Overlaps that were handed on because the agent had finished, or because the gate failed."""
    reasons: Mapping[str, int]
    """Decisions by kind and reason, as in `"confirm/phrase"`."""
    confirm_latency_p50: float | None
    """Median time from onset to confirm; None before the first confirm."""
    confirm_latency_p90: float | None
    """90th percentile."""
    confirm_latency_p95: float | None
    """95th percentile."""
    time_held: float
    """Sum over all overlaps of the time from hold to decision."""
    transcripts_dropped: int
    """Transcripts, interim ones included, that were kept from the session."""
    errors: int
    """Errors in the gate; after the first one it is transparent."""

    def to_dict(self) -> dict[str, Any]:
        """The snapshot as JSON-ready values, times rounded to a millisecond."""
        return {
            "held": self.held,
            "confirmed": self.confirmed,
            "cancelled": self.cancelled,
            "released": self.released,
            "reasons": dict(self.reasons),
            "confirm_latency_p50": _rounded(self.confirm_latency_p50),
            "confirm_latency_p90": _rounded(self.confirm_latency_p90),
            "confirm_latency_p95": _rounded(self.confirm_latency_p95),
            "time_held": round(self.time_held, 3),
            "transcripts_dropped": self.transcripts_dropped,
            "errors": self.errors,
        }


class MetricsRecorder:
    """Counts the events of one gate, in bounded memory."""

    def __init__(self) -> None:
        self._kinds: Counter[GateEventKind] = Counter()
        self._reasons: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=REMEMBERED_LATENCIES)
        self._held_since: dict[int, float] = {}
        self._time_held = 0.0
        self.transcripts_dropped = 0
        self.errors = 0

    def count(self, event: GateEvent) -> float:
        """Count one event; returns how long (s) its overlap was held, 0 for a hold."""
        self._kinds[event.kind] += 1
        if event.kind is GateEventKind.HOLD:
            self._held_since[event.overlap] = event.time
            return 0.0
        self._reasons[f"{event.kind.value}/{event.reason}"] += 1
        if event.kind is GateEventKind.CONFIRM:
            self._latencies.append(event.latency)
        held = event.time - self._held_since.pop(event.overlap, event.time)
        self._time_held += held
        return held

    def snapshot(self) -> SessionMetrics:
        """All that was counted so far."""
        latencies = sorted(self._latencies)
        p50, p90, p95 = (_quantile(latencies, share) for share in (0.5, 0.9, 0.95))
        return SessionMetrics(
            held=self._kinds[GateEventKind.HOLD],
            confirmed=self._kinds[GateEventKind.CONFIRM],
            cancelled=self._kinds[GateEventKind.CANCEL],
            released=self._kinds[GateEventKind.RELEASE],
            reasons=MappingProxyType(dict(self._reasons)),
            confirm_latency_p50=p50,
            confirm_latency_p90=p90,
            confirm_latency_p95=p95,
            time_held=self._time_held,
            transcripts_dropped=self.transcripts_dropped,
            errors=self.errors,
        )


def _quantile(ascending: Sequence[float], share: float) -> float | None:
    """Linear between neighbours, as NumPy's; without it, for its first call imports for 20 ms."""
    if not ascending:
        return None
    place = share * (len(ascending) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

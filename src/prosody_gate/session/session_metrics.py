"""What a gate did in one session, as numbers."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ..gate import GateEvent, GateEventKind

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
    """Overlaps that did not reach the session."""
    released: int
    """Overlaps that were let through because the agent had finished, or because the gate failed."""
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

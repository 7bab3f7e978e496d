"""What the server counts for Prometheus, beside the gate's own decisions."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import prometheus_client

ANSWER_BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of the folder where worker processes keep their figures for each other."""


class ServerCollectors(NamedTuple):
    """The server's collectors, in the client's default registry."""

    sessions: prometheus_client.Gauge
    """`prosody_gate_server_sessions`: open sockets."""
    in_overlap: prometheus_client.Gauge
    """`prosody_gate_server_sessions_in_overlap`: those that sent a window within the last second."""
    windows: prometheus_client.Counter
    """`prosody_gate_server_windows_total{outcome}`: windows answered."""
    answer: prometheus_client.Histogram
    """`prosody_gate_server_answer_seconds`: from a window's arrival to its answer."""
    work: prometheus_client.Histogram
    """`prosody_gate_server_inference_seconds`: the work that a judged window took."""
    refused: prometheus_client.Counter
    """`prosody_gate_server_refused_total{reason}`: connections that were not let in."""
    dropped: prometheus_client.Counter
    """`prosody_gate_server_dropped_total{reason}`: sessions that the server ended."""
    recordings: prometheus_client.Counter
    """`prosody_gate_server_recordings_total{outcome}`: overlaps recorded, and lost by reason."""


@lru_cache(maxsize=1)
def server_collectors() -> ServerCollectors:
    """The process's collectors; the first call registers them."""
    import prometheus_client

    return ServerCollectors(
        sessions=prometheus_client.Gauge("prosody_gate_server_sessions", "Open sessions", multiprocess_mode="livesum"),
        in_overlap=prometheus_client.Gauge(
            "prosody_gate_server_sessions_in_overlap",
            "Sessions that sent a window within the last second",
            multiprocess_mode="livesum",
        ),
        windows=prometheus_client.Counter("prosody_gate_server_windows", "Windows answered", ["outcome"]),
        answer=prometheus_client.Histogram(
            "prosody_gate_server_answer_seconds", "From a window's arrival to its answer", buckets=ANSWER_BUCKETS
        ),
        work=prometheus_client.Histogram(
            "prosody_gate_server_inference_seconds", "Work that a judged window took", buckets=ANSWER_BUCKETS
        ),
        refused=prometheus_client.Counter("prosody_gate_server_refused", "Connections not let in", ["reason"]),
        dropped=prometheus_client.Counter("prosody_gate_server_dropped", "Sessions that the server ended", ["reason"]),
        recordings=prometheus_client.Counter(
            "prosody_gate_server_recordings", "Overlaps recorded, and lost by reason", ["outcome"]
        ),
    )


def exposition() -> tuple[bytes, str]:
    """The figures of all worker processes as Prometheus reads them, and their content type."""
    import prometheus_client
    from prometheus_client import multiprocess

    if not os.environ.get(MULTIPROCESS):
        return prometheus_client.generate_latest(), prometheus_client.CONTENT_TYPE_LATEST
    for file in Path(os.environ[MULTIPROCESS]).glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:  # a worker that crashed has no open sessions
            with suppress(FileNotFoundError):  # another worker was faster
                multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
        except PermissionError:
            continue
    registry = prometheus_client.CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return prometheus_client.generate_latest(registry), prometheus_client.CONTENT_TYPE_LATEST

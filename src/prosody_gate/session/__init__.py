"""What any live integration of the gate needs: the driver, the threaded listener, metrics. Knows no framework."""

from .gate_driver import GateDriver
from .session_metrics import MetricsRecorder, SessionMetrics, collectors, count_event
from .threaded_listener import ThreadedListener, breathe

__all__ = [
    "GateDriver",
    "MetricsRecorder",
    "SessionMetrics",
    "ThreadedListener",
    "breathe",
    "collectors",
    "count_event",
]

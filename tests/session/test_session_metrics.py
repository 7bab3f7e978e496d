"""The numbers of one session."""

from __future__ import annotations

import numpy as np
import pytest

from prosody_gate import GateEvent, GateEventKind
from prosody_gate.evidence import Observation
from prosody_gate.gate_factory import GateFactory
from prosody_gate.session import MetricsRecorder, SessionCounter, collectors, warm_up


def test_the_percentiles_are_numpys():
    recorder = MetricsRecorder()
    latencies = np.random.default_rng(2).uniform(0.1, 2.0, 37)
    for number, latency in enumerate(latencies):
        recorder.count(
            GateEvent(GateEventKind.CONFIRM, number, 1.0, 1.0 + latency, latency, "evidence", 0.9, {"prior": 0.0}, "")
        )
    metrics = recorder.snapshot()
    got = (metrics.confirm_latency_p50, metrics.confirm_latency_p90, metrics.confirm_latency_p95)
    assert got == pytest.approx(tuple(np.percentile(latencies, (50, 90, 95))))


def test_the_time_held_is_from_hold_to_decision() -> None:
    recorder = MetricsRecorder()
    evidence = {"prior": 0.0}
    assert recorder.count(GateEvent(GateEventKind.HOLD, 1, 1.0, 1.1, 0.1, "speech", 0.5, evidence)) == 0.0
    cancel = GateEvent(GateEventKind.CANCEL, 1, 1.0, 2.35, 0.3, "evidence", 0.1, evidence)
    assert recorder.count(cancel) == pytest.approx(1.25)
    metrics = recorder.snapshot()
    assert (metrics.held, metrics.cancelled, metrics.reasons) == (1, 1, {"cancel/evidence": 1})
    assert metrics.time_held == pytest.approx(1.25)
    assert metrics.confirm_latency_p50 is None


def test_a_session_counts_for_itself_and_for_the_process_and_a_warm_up_for_neither_but_itself() -> None:
    errors = collectors().errors
    before = errors._value.get()
    counter, of_a_warm_up = SessionCounter(), SessionCounter(for_prometheus=False)
    for each in (counter, of_a_warm_up):
        each.count(GateEvent(GateEventKind.HOLD, 1, 1.0, 1.1, 0.1, "speech", 0.5, {"prior": 0.0}))
        each.count_error()
        each.count_dropped_transcript()
        assert (each.metrics.held, each.metrics.errors, each.metrics.transcripts_dropped) == (1, 1, 1)
    assert errors._value.get() == before + 1


class Asked:
    """An evidence source that notes when it is asked."""

    name = "asked"

    def __init__(self) -> None:
        self.times: list[float] = []

    def reset(self) -> None:
        pass

    def update(self, observation: Observation) -> float:
        self.times.append(observation.time)
        return 0.0


def test_a_warm_up_goes_through_an_overlap_whatever_the_options() -> None:
    source = Asked()
    warm_up(GateFactory.create(listener=False, sources=[source], min_speech_duration=0.3, given_by="options"))
    assert source.times

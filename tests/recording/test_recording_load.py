"""Recording under load, bounded: what a thousand overlaps show is in docs/measurements.md."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from recording_load import session


@pytest.mark.slow
def test_a_session_with_recording_costs_little_and_keeps_its_quota(tmp_path: Path) -> None:
    off = asyncio.run(session(40, None, quota_mb=1.0, pace=0.0))
    on = asyncio.run(session(40, tmp_path / "recorded", quota_mb=1.0, pace=0.0))
    assert on.counts is not None
    assert on.counts.written + on.counts.dropped.get("queue", 0) == 40
    assert set(on.counts.dropped) <= {"queue"}
    assert on.largest <= 1_000_000
    # In processor time, so that a busy machine makes no difference: the recorder's part of a frame.
    assert np.mean(on.pushes) - np.mean(off.pushes) < 0.0005
    assert on.memory[-1] - on.memory[1] < 20e6

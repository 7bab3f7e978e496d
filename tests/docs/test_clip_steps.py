"""The page docs/clips.md: its figures are those of the gate."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from prosody_gate import GateFactory
from prosody_gate.bench import Clip
from prosody_gate.gate import GateEventKind

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "clip_steps", raising=False)


def test_the_shares_of_a_moment_add_up_to_its_probability_and_the_last_is_the_decision() -> None:
    import clip_steps

    demo = Clip(1, "demo", "demo", "interruption", "demo", ROOT / "examples" / "demo.flac", start=25.0, end=28.0)
    moments, event = clip_steps.moments_of(demo, GateFactory.create(listener=False))
    assert event is not None
    assert event.kind is GateEventKind.CONFIRM
    assert moments[-1].nats == dict(event.evidence)
    assert moments[-1].probability == pytest.approx(event.probability)
    for number, moment in enumerate(moments[:-1], start=1):
        assert 0.1 * number <= moment.since_onset + 1e-6 < 0.1 * number + 0.033
        assert moment.nats.keys() == {"prior", "words", "time", "voice", "level", "listener", "context"}
        assert moment.probability == pytest.approx(1.0 / (1.0 + math.exp(-sum(moment.nats.values()))))


def test_the_page_shows_ten_clips_and_names_its_command() -> None:
    page = (ROOT / "docs" / "clips.md").read_text(encoding="utf-8")
    assert page.count("\n## ") == 10
    assert "python benchmarks/clip_steps.py --data ../shared/data --write docs/clips.md" in page
    assert "cough" not in page  # for evaluation only, like the telephone backchannels: not to be shown
    assert "telephone_backchannel" not in page

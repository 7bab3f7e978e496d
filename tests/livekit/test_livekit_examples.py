"""The examples run as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, *arguments: str) -> str:
    """Run an example without any key in its environment."""
    secret = ("LIVEKIT", "DEEPGRAM", "OPENAI")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(secret)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env={**environment, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_voice_agent_offers_livekits_commands_without_any_key():
    pytest.importorskip("livekit.plugins.deepgram")
    pytest.importorskip("livekit.plugins.openai")
    out = run("voice_agent.py", "--help")
    for command in ("console", "dev", "start"):
        assert command in out


def test_the_voice_agent_does_not_log_what_the_user_says():
    source = (EXAMPLES / "voice_agent.py").read_text(encoding="utf-8")
    logged = [line for line in source.splitlines() if "logger." in line]
    assert logged
    assert not [line for line in logged if ".text" in line]


def test_the_session_benchmark_has_a_dash_where_no_clip_stopped_the_agent(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES.with_name("benchmarks")))
    from session_latency import percentile

    assert percentile([], 95) == "-"
    assert percentile([0.1, 0.3], 50) == "200 ms"


@pytest.mark.slow
def test_the_offline_session_prints_the_decisions_of_a_real_session():
    out = run("offline_session.py", "--seconds", "12.5")
    assert "the agent speaks" in out
    assert "hold     speech" in out
    assert "'errors': 0" in out
    plain = run("offline_session.py", "--seconds", "9", "--without-gate")
    assert "hold" not in plain
    assert "the agent: cut" in plain

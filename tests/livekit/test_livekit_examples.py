"""The examples run as they are."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"


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


def test_the_custom_policy_shows_its_share_of_each_decision():
    lines = run("custom_policy.py").splitlines()
    assert len(lines) >= 3
    assert all("loudness" in line and "voice" in line for line in lines)


@pytest.mark.slow
def test_the_offline_session_prints_the_decisions_of_a_real_session():
    out = run("offline_session.py", "--seconds", "12.5")
    assert "the agent speaks" in out
    assert "hold     speech" in out
    assert "'errors': 0" in out
    plain = run("offline_session.py", "--seconds", "9", "--without-gate")
    assert "hold" not in plain
    assert "the agent: cut" in plain


def samples_of(heading: str) -> list[str]:
    """The Python samples of one section of docs/livekit.md."""
    text = (REPOSITORY / "docs" / "livekit.md").read_text(encoding="utf-8")
    (section,) = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if part.startswith(f"{heading}\n")]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


def test_the_samples_of_plugging_it_in_and_of_events_run_as_they_are(monkeypatch):
    pytest.importorskip("livekit.plugins.deepgram")
    monkeypatch.setenv("DEEPGRAM_API_KEY", "none")
    plug_in, worker = samples_of("Plug it in")
    (handler,) = samples_of("Events")
    names: dict = {}

    async def go() -> None:
        exec(plug_in, names)
        exec(handler, names)
        exec(worker, names)
        await names["gate"].aclose()

    asyncio.run(go())
    assert callable(names["prewarm"])


@pytest.mark.slow
def test_the_sample_of_a_test_of_ones_own_passes_with_pytest(tmp_path):
    (sample,) = samples_of("Test your own agent")
    path = tmp_path / "test_own.py"
    path.write_text(sample, encoding="utf-8")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(settings), str(path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_sample_of_a_loop_without_livekit_prints_when_to_stop(monkeypatch, capsys):
    (sample,) = samples_of("Without LiveKit")
    monkeypatch.chdir(REPOSITORY)
    exec(sample, {})
    assert "s: stop the agent" in capsys.readouterr().out

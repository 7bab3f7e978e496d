"""The examples run as they are, and do what they say."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient, TestServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def run(name: str, *arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run an example, as if some modules were not installed."""
    hidden = "".join(f"sys.modules[{module!r}] = None; " for module in without)
    script = f"import runpy, sys; {hidden}sys.argv = {[name, *arguments]!r}; "
    script += f"runpy.run_path({str(EXAMPLES / name)!r}, run_name='__main__')"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_custom_policy_stops_the_agent_sooner_and_changes_no_other_decision(examples: None) -> None:
    import custom_policy

    before, after = custom_policy.decisions(with_source=False), custom_policy.decisions(with_source=True)
    assert [event.kind for event in after] == [event.kind for event in before]
    sooner = [round(1000 * (one.latency - other.latency)) for one, other in zip(before, after, strict=True)]
    assert sooner == [0, 0, 0, 0, 0, 320, 0]
    added = [event.evidence["application_words"] for event in after]
    assert added == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 1.1, 0.0], abs=0.1)


def test_the_custom_policy_prints_both_decisions_of_each_overlap() -> None:
    done = run("custom_policy.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[1:]
    assert len(lines) == 7
    assert all(len(re.findall(r"(?:confirm|cancel) +\d+ ms", line)) == 2 for line in lines)


def test_the_loop_of_ones_own_stops_the_agent_twice_on_the_bundled_call() -> None:
    done = run("own_loop.py")
    assert done.returncode == 0, done.stderr
    actions = [line.split()[2] for line in done.stdout.splitlines()]
    assert actions == ["lower", "raise"] * 5 + ["lower", "stop"] * 2


def test_the_loop_of_ones_own_says_what_is_wrong_with_a_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", np.zeros(16_000, np.float32), 16_000)
    done = run("own_loop.py", str(tmp_path / "mono.wav"))
    assert done.returncode == 1
    assert "mono.wav" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_words_of_a_cancelled_sound_are_not_answered_and_those_of_an_interruption_are(examples: None) -> None:
    import own_loop

    asyncio.run(talk_to_the_server(own_loop))


async def talk_to_the_server(own_loop: ModuleType) -> None:
    """The first 28 s of the bundled call over a WebSocket, with two transcripts."""
    samples, rate = soundfile.read(EXAMPLES / "demo.flac", dtype="int16")
    user = np.ascontiguousarray(samples[:, 1])
    assert rate == 16_000

    async with TestClient(TestServer(own_loop.application())) as client:
        socket: ClientWebSocketResponse = await client.ws_connect("/")
        sent = 0

        async def send_until(seconds: float) -> None:
            nonlocal sent
            while sent < seconds * rate:
                await socket.send_bytes(user[sent : sent + 320].tobytes())
                sent += 320

        async def tell(**fields: Any) -> None:
            await socket.send_str(json.dumps(fields))

        await send_until(4.0)
        await tell(agent="started")
        await send_until(10.9)
        await tell(transcript="Yeah.", final=True, start=10.0, end=10.4)
        await send_until(26.0)
        await tell(transcript="Yeah, but wait", final=False, start=25.4, end=26.0)
        await send_until(27.8)
        await tell(transcript="Yeah, but wait a second.", final=True, start=25.4, end=27.3)
        actions = []
        while not actions or actions[-1]["do"] != "answer":
            actions.append(json.loads(await socket.receive_str(timeout=60.0)))
        await socket.close()
    assert [action["do"] for action in actions if action["do"] in ("stop", "answer")] == ["stop", "answer"]
    assert actions[-1]["text"] == "Yeah, but wait a second."
    stop = next(action for action in actions if action["do"] == "stop")
    assert stop["time"] == pytest.approx(26.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "arguments", "without", "line"),
    [
        (
            "voice_agent.py",
            ("console",),
            ("livekit.plugins.deepgram",),
            "voice_agent.py: livekit-plugins-deepgram and livekit-plugins-openai are not installed; "
            "install them with pip install 'prosody-gate[agent]'",
        ),
        (
            "voice_agent.py",
            ("console",),
            ("sounddevice",),
            "voice_agent.py console: sounddevice is not installed; install it with pip install sounddevice",
        ),
        (
            "own_loop.py",
            ("--microphone",),
            ("sounddevice",),
            "--microphone: sounddevice is not installed; install it with pip install 'prosody-gate[record]'",
        ),
    ],
)
def test_an_example_says_in_one_line_what_to_install(
    name: str, arguments: tuple[str, ...], without: tuple[str, ...], line: str
) -> None:
    if "deepgram" not in "".join(without) and name == "voice_agent.py":
        pytest.importorskip("livekit.plugins.deepgram")
        pytest.importorskip("livekit.plugins.openai")
    done = run(name, *arguments, without=without)
    assert done.returncode == 1
    assert done.stderr == line + "\n"

"""LiveKit's own Python client, unchanged, in a real AgentSession against a real server process."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from livekit.agents import utils
from livekit.plugins import silero

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from bargein_server import KEY, SECRET, RunningServer, running_server
from livekit_session import RATE, ScriptedSTT, run_session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as one:
        yield one


@pytest.fixture(autouse=True)
def client_settings(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", KEY)
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    if "server" in request.fixturenames:
        monkeypatch.setenv("LIVEKIT_INFERENCE_URL", request.getfixturevalue("server").url)


class Clips:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        lines = (folder / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
        self._rows = [json.loads(line) for line in lines]

    def of(self, group: str, text: str | None = None, index: int = 0) -> np.ndarray:
        rows = [row for row in self._rows if row["set"] == group and text in (None, row["text"])]
        samples, rate = sf.read(self._folder / rows[index]["audio"], dtype="int16")
        assert rate == RATE
        return samples


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> Clips:
    return Clips(shared_data)


def channel(seconds: float, *sounds: tuple[float, np.ndarray]) -> np.ndarray:
    """The user's channel: a quiet room, with sounds at their times."""
    samples = np.random.default_rng(7).normal(0.0, 8.0, round(seconds * RATE))
    for at, sound in sounds:
        first = round(at * RATE)
        samples[first : first + len(sound)] += sound[: len(samples) - first]
    return np.clip(samples, -32768, 32767).astype(np.int16)


def go(samples: np.ndarray, *, agent_speaks: Any = ((0.5, 4.0),), **options: Any) -> Any:
    """Run one session in adaptive mode; gives the run and LiveKit's own overlap events."""
    overlaps: list[Any] = []

    async def listen(session: Any, microphone: Any) -> None:
        session.on("overlapping_speech", overlaps.append)

    async def run() -> Any:
        async with utils.http_context.open():
            return await run_session(
                samples,
                vad=silero.VAD.load(),
                stt=ScriptedSTT(),
                agent_speaks=agent_speaks,
                turn_handling={"interruption": {"mode": "adaptive", "resume_false_interruption": False}},
                during=listen,
                **options,
            )

    run_ = asyncio.run(run())
    return run_, overlaps


@pytest.mark.parametrize(("group", "text"), [("command_word", "stop"), ("read_affirmative", "yes"), ("cough", None)])
def test_it(server: RunningServer, clips: Clips, group: str, text: str | None, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG, logger="livekit.agents")
    run, overlaps = go(channel(6.0, (2.0, clips.of(group, text))))
    print(group, run.playout, overlaps)
    print([e for e in run.events if "metrics" in e[1]])
    print(server.log, [r.message for r in caplog.records])
    assert 0

"""Real servers and what talks to them, for the tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from loud_speech import LevelDetector
from prosody_gate import GateFactory
from prosody_gate.server import BargeinServer, ServerSettings
from prosody_gate.server.serving import uvicorn_options
from server_clients import (
    ENVIRONMENT,
    KEY,
    RATE,
    SECRET,
    RunningServer,
    create,
    running_server,
    token,
    window,
    windows_of,
)

__all__ = [
    "ENVIRONMENT",
    "KEY",
    "RATE",
    "SECRET",
    "Client",
    "RunningServer",
    "channel",
    "client",
    "create",
    "recorded",
    "running_server",
    "serving",
    "status_of",
    "token",
    "window",
    "windows_of",
]


def recorded(folder: Path, group: str, text: str | None = None, index: int = 0) -> np.ndarray:
    """A recording of the shared data, int16."""
    lines = (folder / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["set"] == group and text in (None, row["text"])]
    samples, rate = sf.read(folder / rows[index]["audio"], dtype="int16")
    assert rate == RATE
    return np.asarray(samples)


def channel(seconds: float, *sounds: tuple[float, np.ndarray]) -> np.ndarray:
    """The user's channel: a quiet room, with sounds at their times."""
    samples = np.random.default_rng(7).normal(0.0, 8.0, round(seconds * RATE))
    for at, sound in sounds:
        first = round(at * RATE)
        samples[first : first + len(sound)] += sound[: len(samples) - first]
    return np.clip(samples, -32768, 32767).astype(np.int16)


class Client:
    """A WebSocket client that says what the test wants it to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: str | bytes) -> None:
        await self.socket.send(message)

    async def receive(self, seconds: float = 5.0) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(seconds):
            message = json.loads(await self.socket.recv())
        assert isinstance(message, dict)
        return message

    async def create(self, **settings: Any) -> dict[str, Any]:
        """Open the session; gives the answer."""
        await self.send(create(**settings))
        return await self.receive()

    async def judge(self, created_at: int, samples: np.ndarray) -> dict[str, Any]:
        """Send a window and give its answer."""
        await self.send(window(created_at, samples))
        return await self.receive()

    async def closed(self, seconds: float = 5.0) -> int | None:
        """Wait for the end; gives the close code."""
        async with asyncio.timeout(seconds):
            await self.socket.wait_closed()
        return self.socket.close_code


@contextlib.asynccontextmanager
async def client(
    url: str, *, path: str = "/bargein", bearer: str | None = None, **headers: str
) -> AsyncIterator[Client]:
    """A client of a server, connected."""
    known = headers | ({} if bearer is None else {"Authorization": f"Bearer {bearer}"})
    address = url.replace("http", "ws", 1) + path
    async with connect(address, additional_headers=known, compression=None, proxy=None, max_size=None) as socket:
        yield Client(socket)


async def status_of(url: str, **options: Any) -> int:
    """The status with which a connection is refused; 101 where it is not."""
    try:
        async with client(url, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@contextlib.asynccontextmanager
async def serving(
    *sources: Any, settings: ServerSettings | None = None, factory: GateFactory | None = None, **given: Any
) -> AsyncIterator[tuple[str, BargeinServer]]:
    """A server in this event loop, with evidence and a VAD of the test's own; gives its address."""
    settings = settings or ServerSettings(**given)
    own = factory or GateFactory.create(listener=False, sources=list(sources) or None)
    bargein = BargeinServer(settings, own, make_detector=LevelDetector)
    options = uvicorn_options(settings) | {"factory": False, "workers": 1, "port": 0}
    server = uvicorn.Server(uvicorn.Config(bargein.app, **options))
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if running.done():
                running.result()
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", bargein
    finally:
        server.should_exit = True
        await running

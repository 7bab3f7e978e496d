"""A real `prosody-gate serve` process, and what talks to it in the tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import uvicorn
from livekit.api import AccessToken
from livekit.api.access_token import InferenceGrants
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from loud_speech import LevelDetector
from prosody_gate import GateFactory
from prosody_gate.server import BargeinServer, ServerSettings
from prosody_gate.server.serving import uvicorn_options

RATE = 16_000
KEY, SECRET = "APItestkey", "a-secret-of-the-tests-with-enough-letters"
ENVIRONMENT = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def token(key: str = KEY, secret: str = SECRET, *, seconds: float = 600.0, grant: bool | None = True) -> str:
    """A token as LiveKit's clients make it."""
    made = AccessToken(key, secret).with_identity("agent").with_ttl(timedelta(seconds=seconds))
    if grant is not None:
        made = made.with_inference_grants(InferenceGrants(perform=grant))
    return made.to_jwt()


class RunningServer:
    """One server process.

    Args:
        arguments: After `prosody-gate serve --port N`.
        environment: Beside this process's own; the keys of the tests where None.
    """

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEKIT_", "PROSODY_GATE_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prosody_gate", "serve", "--port", str(self.port), *arguments],
            env=kept | (ENVIRONMENT if environment is None else environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines.extend(lines)

    def close(self) -> None:
        """End the process, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        self._reader.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Wait until it lets sessions in."""
        until = time.monotonic() + seconds
        while self.get("/readyz")[0] != 200:
            assert self.process.poll() is None, f"the server ended:\n{self.log}"
            assert time.monotonic() < until, f"the server does not become ready:\n{self.log}"
            time.sleep(0.1)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body of a page; 0 where nobody answers."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def figure(self, name: str, **labels: str) -> float:
        """A Prometheus figure; 0 where it is not there yet."""
        shown = "".join(f'[^}}]*{label}="{value}"' for label, value in labels.items())
        found = re.findall(rf"^{name}(?:{{{shown}[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return sum(map(float, found))

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Send a signal, wait, and give the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise AssertionError(f"the server did not end:\n{self.log}") from None


@contextlib.contextmanager
def running_server(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[RunningServer]:
    """A server that is ready, ended at the end."""
    server = RunningServer(*arguments, environment=environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.close()


def create(**settings: Any) -> str:
    """A client's first message."""
    known = {"sample_rate": 16_000, "num_channels": 1, "min_frames": 2, "encoding": "s16le"}
    return json.dumps({"type": "session.create", "settings": known | settings})


def window(created_at: int, samples: np.ndarray) -> bytes:
    """A client's binary message."""
    return struct.pack("<Q", created_at) + samples.astype("<i2").tobytes()


def windows_of(samples: np.ndarray, onset: int, *, step: int = 1_600, longest: int = 48_000) -> Iterator[np.ndarray]:
    """The windows that a client sends of one overlap: from a second before its onset, growing, then sliding.

    Args:
        samples: int16 of the user's channel.
        onset: Sample at which the client's VAD has found speech.
        step: New samples of each window.
        longest: Samples of the longest window.
    """
    first = max(onset - 16_000, 0)
    for end in range(onset + step, len(samples) + 1, step):
        yield samples[max(first, end - longest) : end]


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

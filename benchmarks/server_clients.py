"""A server process, and clients of it that send what LiveKit's do: for the `server_*.py` beside this, and the tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
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
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from livekit.api import AccessToken
from livekit.api.access_token import InferenceGrants
from websockets.asyncio.client import ClientConnection, connect

RATE: Final = 16_000
KEY: Final = "APIbenchmark"
SECRET: Final = "a-secret-that-guards-nothing-and-is-long-enough"
ENVIRONMENT: Final = {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}

STEP: Final = RATE // 10
"""New samples after which a client sends its window."""

LONGEST: Final = 3 * RATE
"""Samples of a client's longest window."""

PREFIX: Final = RATE
"""Samples before the onset that the first window of an agent turn begins with."""

Pcm = npt.NDArray[np.int16]


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
    """One `prosody-gate serve` process.

    Args:
        arguments: After `prosody-gate serve --port N`.
        environment: Beside this process's own; a key and a secret when None.
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
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines.extend(lines)

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

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def figure(self, name: str, **labels: str) -> float:
        """The sum of a Prometheus figure over its other labels; 0 where it is not there yet."""
        found = 0.0
        for line in self.get("/metrics")[1].splitlines():
            read = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
            if read and all(f'{label}="{value}"' in (read[1] or "") for label, value in labels.items()):
                found += float(read[2])
        return found

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Send a signal, wait, and give the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end:\n{self.log}") from None

    def close(self) -> None:
        """End the process, however it is."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers too
        self.process.wait(5)
        self._reader.join(5)


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
    known = {"sample_rate": RATE, "num_channels": 1, "min_frames": 2, "encoding": "s16le"}
    return json.dumps({"type": "session.create", "settings": known | settings})


def window(created_at: int, samples: Pcm) -> bytes:
    """A client's binary message."""
    return struct.pack("<Q", created_at) + samples.astype("<i2").tobytes()


def windows_of(samples: Pcm, onset: int, *, step: int = STEP, first: int | None = None) -> Iterator[Pcm]:
    """The windows that a client sends of one overlap: from a second before its onset, growing, then sliding.

    Args:
        samples: int16 of the user's channel.
        onset: Sample at which the client's VAD has found speech.
        step: New samples of each window.
        first: First sample that the client still has; None for a second before the onset.
    """
    begin = max(onset - PREFIX, 0) if first is None else first
    for end in range(onset + step, len(samples) + 1, step):
        yield samples[max(begin, end - LONGEST) : end]


@contextlib.asynccontextmanager
async def session(server: RunningServer, **settings: Any) -> AsyncIterator[ClientConnection]:
    """A client's socket after its first message."""
    headers = {"Authorization": f"Bearer {token()}"}
    address = server.url.replace("http", "ws", 1) + "/bargein"
    async with connect(
        address, additional_headers=headers, compression=None, proxy=None, max_size=None, open_timeout=30
    ) as socket:
        await socket.send(create(**settings))
        created = json.loads(await socket.recv())
        assert created["type"] == "session.created", created
        yield socket


async def judge(socket: ClientConnection, created_at: int, samples: Pcm) -> dict[str, Any]:
    """Send a window and wait for its answer."""
    await socket.send(window(created_at, samples))
    async with asyncio.timeout(10.0):
        answer: dict[str, Any] = json.loads(await socket.recv())
    assert answer["created_at"] == created_at
    return answer


def allow_many_sockets() -> None:
    """Raise the limit of open files as far as it goes."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

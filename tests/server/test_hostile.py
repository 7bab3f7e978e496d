"""Clients that do what no client should: nothing of it is a crash, a traceback, or anybody else's business."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")

from websockets.exceptions import ConnectionClosed

from bargein_server import client, create, running_server, serving, window, windows_of
from gate_timeline import Says
from loud_speech import sound
from prosody_gate.server import BargeinServer
from server_soak import run_soak

STOP = sound(("room", 1.5), ("speech", 0.8))
ROUNDS = 150


def mutated(message: str | bytes, chance: random.Random) -> str | bytes:
    """A message with something wrong: bytes changed, left out, put in, doubled, or the wrong kind."""
    data = bytearray(message.encode() if isinstance(message, str) else message)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data)) if data else 0
        what = chance.randrange(5)
        if what == 0 and data:
            data[at] = chance.randrange(256)
        elif what == 1:
            del data[at : at + chance.randint(1, 40)]
        elif what == 2:
            data[at:at] = chance.randbytes(chance.randint(1, 40))
        elif what == 3:
            data *= 2
        else:
            del data[chance.randrange(len(data) + 1) :]
    if isinstance(message, bytes) != (chance.random() < 0.1):
        return bytes(data)
    return data.decode("utf-8", "replace")


VALUES: list[Any] = [None, True, -1, 0, 2**70, 1e308, "", "x" * 500, [], {}, [[]], {"a": {"b": []}}, float("nan")]


def odd_json(chance: random.Random) -> str:
    """A message of the protocol with a field of any value, missing, or new."""
    message = json.loads(create(threshold=0.5))
    place = chance.choice((message, message["settings"]))
    name = chance.choice([*place, "__proto__", "type", "\0"])
    if chance.random() < 0.3:
        place.pop(name, None)
    else:
        place[name] = chance.choice(VALUES)
    return json.dumps(message)


async def only_one_is_left(server: BargeinServer) -> None:
    """Wait until all sessions but one have gone."""
    async with asyncio.timeout(10.0):
        while server.admission.sessions != 1:
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def no_tracebacks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def test_random_and_mutated_messages_end_at_most_their_own_session(caplog: pytest.LogCaptureFixture) -> None:
    async def hostile(url: str, seed: int) -> None:
        chance = random.Random(seed)
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            async with client(url) as one:
                if chance.random() < 0.7:
                    await one.create()
                for _ in range(chance.randint(1, 6)):
                    good = chance.choice((create(), window(chance.getrandbits(64), STOP[: chance.randrange(40_000)])))
                    await one.send(odd_json(chance) if chance.random() < 0.3 else mutated(good, chance))
                    answer = await one.receive(0.3)
                    assert answer["type"] in ("session.created", "inference_done", "error", "session.closed")
                    assert "Traceback" not in json.dumps(answer)

    async def test() -> None:
        async with serving(Says(-1.0)) as (url, server), client(url) as witness:
            await witness.create()
            for first in range(0, ROUNDS, 10):
                await asyncio.gather(*(hostile(url, seed) for seed in range(first, first + 10)))
                answer = await witness.judge(first, STOP)
                assert (answer["type"], answer["created_at"]) == ("inference_done", first)
            await only_one_is_left(server)

    with no_tracebacks(caplog):
        asyncio.run(test())


def test_bytes_that_are_no_http_or_no_websocket_are_harmless(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        chance = random.Random(3)
        upgrade = (
            b"GET /bargein HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        async with serving() as (url, server), client(url) as witness:
            await witness.create()
            for _ in range(60):
                _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                start = chance.choice((b"", upgrade, upgrade, upgrade[: chance.randrange(len(upgrade))]))
                writer.write(start + chance.randbytes(chance.randint(0, 400)))
                with contextlib.suppress(OSError):
                    await writer.drain()
                    await asyncio.sleep(0.005)
                writer.close()
            assert (await witness.judge(1, STOP))["created_at"] == 1
            await only_one_is_left(server)

    with no_tracebacks(caplog):
        asyncio.run(test())


def test_after_many_sessions_no_task_and_no_session_is_left() -> None:
    async def one(url: str, seed: int) -> None:
        chance = random.Random(seed)
        async with client(url) as session:
            await session.create()
            for at, samples in enumerate(windows_of(STOP, 24_800)):
                await session.send(window(at, samples))
                if chance.random() < 0.1:
                    session.socket.transport.abort()
                    return
                await session.receive()

    async def test() -> None:
        async with serving(Says(-1.0)) as (url, server):
            await one(url, 0)
            before = len(asyncio.all_tasks())
            await asyncio.gather(*(one(url, seed) for seed in range(40)))
            for _ in range(100):
                if not server._sessions:
                    break
                await asyncio.sleep(0.1)
            assert server.admission.sessions == 0
            assert server._sessions == set()
            assert len(asyncio.all_tasks()) <= before

    asyncio.run(test())


@pytest.mark.slow
def test_windows_of_sessions_of_all_kinds_leave_the_server_as_it_was() -> None:
    with running_server("--no-listener", environment={}) as server:
        soak = asyncio.run(run_soak(server, 10_000, minutes=1.0))
        assert soak.sent >= 500  # of 10,000, as many as go into the time
        assert soak.answered == soak.sent
        assert soak.garbage >= 1
        tenth = max(len(soak.memory) // 10, 1)
        assert np.mean(soak.memory[-tenth:]) < np.mean(soak.memory[tenth : 2 * tenth]) + 20.0
        assert psutil.Process(server.process.pid).num_threads() < 20
        assert server.figure("prosody_gate_errors_total") == 0
        assert server.stop() == 0
        assert "Traceback" not in server.log


@pytest.mark.slow
def test_two_workers_share_the_sessions_and_show_their_figures_together() -> None:
    async def test(url: str) -> None:
        async with contextlib.AsyncExitStack() as opened:
            for at in range(12):
                session = await opened.enter_async_context(client(url))
                await session.create()
                assert (await session.judge(at, STOP))["created_at"] == at
            assert server.figure("prosody_gate_server_sessions") == 12
            assert server.figure("prosody_gate_server_windows_total") == 12

    with running_server("--no-listener", "--workers", "2", environment={}) as server:
        asyncio.run(test(server.url))
        assert server.stop() == 0
        assert "Traceback" not in server.log

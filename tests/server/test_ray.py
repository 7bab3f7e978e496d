"""The server on a real Ray cluster of this machine, and the benchmark on the same."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the server is not installed: pip install 'prosody-gate[server]'")
# Ray reads these when it is imported. A busy machine takes longer to start a process than Ray has patience by itself.
os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own are not ours
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'prosody-gate[ray]'")
    serve = pytest.importorskip("ray.serve", reason="Ray Serve is not installed: pip install 'prosody-gate[ray]'")

from bargein_server import KEY, SECRET, client, status_of, token, windows_of
from loud_speech import sound
from prosody_gate.server import ServerSettings
from server_clients import free_port

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine, with two workers' worth of cores."""
    ray.init(num_cpus=4, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def url(cluster: None) -> Iterator[str]:
    from prosody_gate.server.ray_app import application

    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port}, proxy_location="HeadOnly")
    settings = ServerSettings(keys={KEY: SECRET}, listener=False, playground=False, metrics=False, drain=30.0)
    serve.run(application(settings, replicas=2), name="gate")
    yield f"http://127.0.0.1:{port}"
    serve.shutdown()


def test_sessions_of_all_replicas_are_judged(url: str) -> None:
    stop = sound(("room", 1.5), ("speech", 0.8))

    async def one() -> list[str]:
        async with client(url, bearer=token()) as session:
            assert (await session.create())["default_threshold"] == pytest.approx(0.85)
            windows = windows_of(stop, 24_800)
            return [(await session.judge(at, samples))["type"] for at, samples in enumerate(windows)]

    async def test() -> Any:
        return await asyncio.gather(*(one() for _ in range(6)))

    assert all(kind in ("inference_done", "bargein_detected") for kinds in asyncio.run(test()) for kind in kinds)


def test_a_wrong_token_is_refused(url: str) -> None:
    assert asyncio.run(status_of(url, bearer="gibberish")) in (401, 403)


def test_a_replica_that_is_to_end_waits_for_its_sessions(url: str) -> None:
    from prosody_gate.server.ray_app import application

    async def test() -> None:
        async with client(url, bearer=token()) as one, client(url, bearer=token()) as other:
            await one.create()
            await other.create()
            settings = ServerSettings(keys={KEY: SECRET}, listener=False, playground=False, metrics=False, drain=30.0)
            down = asyncio.to_thread(serve.run, application(settings, replicas=1), name="gate", blocking=False)
            await asyncio.wait_for(down, 30.0)
            await asyncio.sleep(2.0)
            quiet = sound(("room", 1.2))
            for session in (one, other):
                assert (await session.judge(1, quiet))["type"] == "inference_done"
            assert await status_of(url, bearer=token()) == 101

    asyncio.run(test())

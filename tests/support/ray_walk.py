"""The server, and the benchmark, on a Ray cluster of this machine: a process of its own, for Ray's sake.

    python tests/support/ray_walk.py MANIFEST FOLDER SOUND.npy

Prints what it found as JSON, a line a step, each with the word RESULT before it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import serve

from bargein_server import KEY, SECRET, channel, client, status_of, token, windows_of
from prosody_gate.cli import app as command_line
from prosody_gate.server import ServerSettings
from prosody_gate.server.ray_app import application
from server_clients import free_port

SETTINGS = ServerSettings(keys={KEY: SECRET}, listener=False, playground=False, metrics=False, drain=60.0)
BEGAN = time.monotonic()


def tell(step: str, found: Any) -> None:
    print(f"RESULT {json.dumps({'step': step, 'found': found, 'at': round(time.monotonic() - BEGAN, 1)})}", flush=True)


async def verdicts(url: str, samples: np.ndarray) -> list[str]:
    """What one session is told of an overlap that begins at 1 s."""
    async with client(url, bearer=token()) as one:
        created = await one.create()
        assert created["type"] == "session.created", created
        return [(await one.judge(at, part))["type"] for at, part in enumerate(windows_of(samples, 17_600))]


async def at_once(url: str, samples: np.ndarray) -> list[list[str]]:
    return list(await asyncio.gather(*(verdicts(url, samples) for _ in range(4))))


async def scale_down(url: str) -> dict[str, Any]:
    """Take one of two replicas away while both have sessions."""
    quiet = channel(1.2)
    async with client(url, bearer=token()) as one, client(url, bearer=token()) as other:
        for session in (one, other):
            await session.create()
        # It returns once all is as it should be, and that waits for the sessions.
        down = asyncio.create_task(
            asyncio.to_thread(serve.run, application(SETTINGS, replicas=1), name="gate", blocking=False)
        )
        await asyncio.sleep(4.0)
        answered = [(await session.judge(1, quiet))["type"] for session in (one, other)]
        found = {"answered": answered, "new": await status_of(url, bearer=token()), "waits": not down.done()}
    await down
    return found


def bench(manifest: str, folder: Path) -> bool:
    """Whether the benchmark on the cluster gives what one process gives."""
    light = ["bench", manifest, "--vad", "webrtc", "--no-listener", "--json"]
    for name, where in (("alone", ["--jobs", "1"]), ("ray", ["--backend", "ray", "--scheduler", "auto"])):
        command_line([*light, str(folder / f"{name}.json"), *where], standalone_mode=False)
    return (folder / "alone.json").read_bytes() == (folder / "ray.json").read_bytes()


def main() -> None:
    manifest, folder, sound = sys.argv[1], Path(sys.argv[2]), np.load(sys.argv[3])
    logging.disable(logging.WARNING)
    ray.init(num_cpus=4, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    tell("bench", bench(manifest, folder))
    port = free_port()
    serve.start(http_options={"host": "127.0.0.1", "port": port}, proxy_location="HeadOnly")
    serve.run(application(SETTINGS, replicas=2), name="gate")
    url = f"http://127.0.0.1:{port}"
    tell("verdicts", asyncio.run(at_once(url, sound)))
    tell("wrong token", asyncio.run(status_of(url, bearer="gibberish")))
    tell("scaled down", asyncio.run(scale_down(url)))
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()

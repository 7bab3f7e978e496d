"""A million windows of sessions of all kinds, well-formed and not: does the server stay as it was? Prints Markdown.

    python benchmarks/server_soak.py --windows 1000000

Sessions of random length send windows of random length; some drop the socket in the middle, some open one and say
nothing, some send garbage. Every well-formed window must be answered by its own `created_at`. Memory is the server
process's own, the mean of its first against that of its last tenth. It stops by itself when they are done, or after
`--minutes`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import psutil
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server_clients import RATE, STEP, Pcm, RunningServer, allow_many_sockets, running_server, session, window

AT_ONCE = 8
LONGEST_SOUND = 30 * RATE


@dataclass
class Soak:
    """What happened so far."""

    wanted: int
    until: float
    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    dropped: int = 0
    garbage: int = 0
    memory: list[float] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return self.sent < self.wanted and time.monotonic() < self.until


def sound(seed: int) -> Pcm:
    """Noise that comes and goes as speech does: for the server's VAD it is speech now and then."""
    chance = np.random.default_rng(seed)
    time_ = np.arange(LONGEST_SOUND) / RATE
    voice = sum(np.sin(2 * np.pi * 140 * n * time_ + chance.uniform(0, 6)) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_), 0, 1) * (np.sin(2 * np.pi * 0.4 * time_) > 0)
    made = 3_000 * np.asarray(voice) * syllables + chance.normal(0, 30, LONGEST_SOUND)
    return np.asarray(np.clip(made, -32_768, 32_767), np.int16)


async def windows(server: RunningServer, soak: Soak, samples: Pcm, chance: random.Random) -> None:
    """One session; now and then it ends without a word."""
    async with session(server, min_frames=chance.randint(0, 10)) as socket:
        at = 0
        for _ in range(chance.randint(1, 4)):
            onset = chance.randrange(RATE, LONGEST_SOUND - 4 * RATE)
            end = onset
            for _ in range(chance.randint(1, 40)):
                end = min(end + chance.choice((STEP, STEP, STEP, 700, 2_531)), LONGEST_SOUND)
                at += 1
                await socket.send(window(at, samples[max(onset - RATE, end - 3 * RATE, 0) : end]))
                soak.sent += 1
                if chance.random() < 0.002:
                    soak.dropped += 1
                    soak.sent -= 1
                    socket.transport.abort()
                    return
                try:
                    async with asyncio.timeout(5.0):
                        answer = json.loads(await socket.recv())
                    soak.answered += answer["created_at"] == at
                except TimeoutError:
                    soak.unanswered += 1
                if not soak.goes_on:
                    return


async def garbage(server: RunningServer, soak: Soak, chance: random.Random) -> None:
    """One session that does not speak the protocol."""
    soak.garbage += 1
    with contextlib.suppress(ConnectionClosed):
        async with session(server) as socket:
            for _ in range(chance.randint(1, 5)):
                await socket.send(chance.choice((chance.randbytes(chance.randint(0, 7)), "{", "[" * 500, "\0", "null")))
            await asyncio.wait_for(socket.wait_closed(), 10.0)


async def half_open(server: RunningServer, soak: Soak, chance: random.Random) -> None:
    """A connection that sends half a request, or nothing."""
    soak.garbage += 1
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(chance.choice((b"", b"GET /bargein HTTP/1.1\r\nHost: x\r\n", chance.randbytes(200))))
    await asyncio.sleep(0.05)
    writer.close()


async def one_client(server: RunningServer, soak: Soak, seed: int) -> None:
    chance = random.Random(seed)
    samples = sound(seed % 16)
    while soak.goes_on:
        kind = chance.random()
        try:
            if kind < 0.08:
                await garbage(server, soak, chance)
            elif kind < 0.16:
                await half_open(server, soak, chance)
            else:
                await windows(server, soak, samples, chance)
        except (ConnectionClosed, InvalidStatus, OSError) as error:
            print(f"unexpected: {error!r}", file=sys.stderr)


async def watch(server: RunningServer, soak: Soak) -> None:
    process = psutil.Process(server.process.pid)
    while True:
        soak.memory.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(0.5)


async def run_soak(server: RunningServer, count: int, minutes: float) -> Soak:
    """Send so many windows, or for so long."""
    soak = Soak(count, time.monotonic() + 60 * minutes)
    watching = asyncio.create_task(watch(server, soak))
    await asyncio.gather(*(one_client(server, soak, seed) for seed in range(AT_ONCE)))
    watching.cancel()
    return soak


def report(server: RunningServer, soak: Soak) -> bool:
    """Print what happened; says whether the server stayed as it was."""
    process = psutil.Process(server.process.pid)
    tenth = max(len(soak.memory) // 10, 1)
    # The first samples are of a server that has not seen every kind of session yet.
    first, last = np.mean(soak.memory[tenth : 2 * tenth]), np.mean(soak.memory[-tenth:])
    until = time.monotonic() + 20.0
    while server.figure("prosody_gate_server_sessions") and time.monotonic() < until:
        time.sleep(0.2)
    left = server.figure("prosody_gate_server_sessions")
    figures = {
        "well-formed windows": soak.sent,
        "answered by their own `created_at`": soak.answered,
        "not answered": soak.sent - soak.answered,
        "sockets dropped in the middle": soak.dropped,
        "sessions of garbage, half-open connections": soak.garbage,
        "memory, second tenth": f"{first:.1f} MB",
        "memory, last tenth": f"{last:.1f} MB",
        "sessions left": f"{left:.0f}",
        "threads": process.num_threads(),
        "files open": process.num_fds(),
        "tracebacks in the log": server.log.count("Traceback"),
        "gate errors": f"{server.figure('prosody_gate_errors_total'):.0f}",
    }
    print("| figure | |\n|---|---|")
    for name, value in figures.items():
        print(f"| {name} | {value} |")
    return soak.sent == soak.answered and last < first + 8.0 and left == 0 and "Traceback" not in server.log


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=240.0, help="at most")
    parser.add_argument("--listener", action="store_true", help="with word recognition")
    arguments = parser.parse_args()
    allow_many_sockets()
    options = ("--listener" if arguments.listener else "--no-listener", "--no-playground")
    with running_server(*options, environment={}) as server:
        good = report(server, asyncio.run(run_soak(server, arguments.windows, arguments.minutes)))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

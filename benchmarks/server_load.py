"""How many sessions one worker serves in real time, and what an idle one costs; prints Markdown.

    python benchmarks/server_load.py --seconds 8
    python benchmarks/server_load.py --seconds 8 --listener

Every session is in overlap all the time: it sends the overlaps of the bundled call, one after the other, in windows
every 0.1 s, as LiveKit's clients do, each for 2.5 s and with the second before its onset, and nothing that the gate
says ends one. That is the worst case: in a call, users are in overlap for a few seconds a minute. The sessions begin
their overlaps at moments of their own. The number of sessions grows until the 95th percentile of the answers is over
50 ms, or one of them takes half a second. The server has one core to itself where the machine has two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import psutil
import soundfile as sf

from server_clients import RATE, STEP, Pcm, RunningServer, allow_many_sockets, running_server, session, window

CALL = Path(__file__).resolve().parents[1] / "examples" / "demo.flac"
EVENTS = CALL.with_name("demo_events.jsonl")
OVERLAP = 2.5
"""Seconds of one overlap; its first window has a second of sound before it."""
SLOWEST_P95, SLOWEST = 0.05, 0.5
GROWTH = (5, 10, 20, 30, 40, 50, 75, 100, 125, 150, 200, 300)
IDLE_AT_ONCE = 50


@dataclass
class Answers:
    """How long the answers of one run took, in seconds, and how many windows were not judged."""

    waits: list[float] = field(default_factory=list)
    unjudged: int = 0
    behind: float = 0.0
    """By how much the clients themselves were late, at most: then their times say little."""


def onsets_of_the_call() -> list[int]:
    """Where its overlaps begin, in samples."""
    events = json.loads(EVENTS.read_text(encoding="utf-8").splitlines()[0])["events"]
    return [round(event["start"] * RATE) for event in events]


def windows_for_ever(samples: Pcm, first: int) -> Iterator[Pcm]:
    """Overlap after overlap of the call, beginning with the `first`-th."""
    onsets = onsets_of_the_call()
    for number in count(first):
        onset = onsets[number % len(onsets)]
        for end in range(onset + STEP, onset + round(OVERLAP * RATE), STEP):
            yield samples[max(onset - RATE, end - 3 * RATE) : end]


async def one_session(server: RunningServer, samples: Pcm, number: int, until: float, answers: Answers) -> None:
    sent: dict[int, float] = {}
    async with session(server) as socket:

        async def read() -> None:
            async for message in socket:
                answer = json.loads(message)
                answers.waits.append(time.perf_counter() - sent.pop(answer["created_at"]))
                answers.unjudged += answer["prediction_duration"] == 0.0

        reading = asyncio.create_task(read())
        due = time.perf_counter() + (number * 0.618 % 1.0) * OVERLAP
        for at, part in enumerate(windows_for_ever(samples, number)):
            await asyncio.sleep(max(due - time.perf_counter(), 0.0))
            now = time.perf_counter()
            if now > until:
                break
            answers.behind = max(answers.behind, now - due)
            sent[at] = now
            await socket.send(window(at, part))
            due += 0.1
        await asyncio.sleep(0.7)
        reading.cancel()
        answers.waits += [1.0] * len(sent)


async def in_overlap(server: RunningServer, samples: Pcm, sessions: int, seconds: float) -> Answers:
    answers = Answers()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(one_session(server, samples, number, until, answers) for number in range(sessions)))
    return answers


def core_time(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def measure_load(server: RunningServer, samples: Pcm, *, seconds: float, most: int) -> None:
    process = psutil.Process(server.process.pid)
    print("| sessions in overlap | answers | p50 | p95 | longest | not judged | core of the server |")
    print(f"|{'---|' * 7}")
    for sessions in (one for one in GROWTH if one <= most):
        began, used = time.perf_counter(), core_time(process)
        answers = asyncio.run(in_overlap(server, samples, sessions, seconds))
        share = (core_time(process) - used) / (time.perf_counter() - began)
        p50, p95, longest = np.percentile(answers.waits, [50, 95, 100])
        cells = [sessions, len(answers.waits), *(f"{1e3 * one:.1f} ms" for one in (p50, p95, longest))]
        late = f" (clients late by {1e3 * answers.behind:.0f} ms)" if answers.behind > 0.1 else ""
        print("|", *" | ".join(map(str, [*cells, answers.unjudged, f"{100 * share:.0f} %{late}"])).splitlines(), "|")
        if p95 > SLOWEST_P95 or longest > SLOWEST:
            break


async def measure_idle(server: RunningServer, sessions: int) -> None:
    process = psutil.Process(server.process.pid)
    async with contextlib.AsyncExitStack() as opened:
        for _ in range(10):  # what the first ones alone cost is not an idle session's
            await opened.enter_async_context(session(server))
        before = process.memory_info().rss
        began = time.perf_counter()
        for first in range(0, sessions, IDLE_AT_ONCE):
            at_once = min(IDLE_AT_ONCE, sessions - first)
            await asyncio.gather(*(opened.enter_async_context(session(server)) for _ in range(at_once)))
        took = time.perf_counter() - began
        held = server.figure("prosody_gate_server_sessions")
        each = (process.memory_info().rss - before) / sessions
        await asyncio.sleep(2.0)
        used, began = core_time(process), time.perf_counter()
        await asyncio.sleep(5.0)
        share = (core_time(process) - used) / (time.perf_counter() - began)
        cost = f"{each / 1e3:.0f} kB each, opened in {took:.0f} s, {100 * share:.1f} % of a core"
        print(f"\n{held:.0f} idle sessions held, {cost}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each number of sessions")
    parser.add_argument("--sessions", type=int, default=max(GROWTH), help="at most so many in overlap")
    parser.add_argument("--idle", type=int, default=5_000, help="idle sessions; 0 for none")
    parser.add_argument("--listener", action="store_true", help="with word recognition")
    arguments = parser.parse_args()
    allow_many_sockets()
    call, rate = sf.read(CALL, dtype="int16")
    assert rate == RATE
    samples = np.ascontiguousarray(call[:, 1])
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        # The server inherits it; this process then moves to the others.
        os.sched_setaffinity(0, cores[-1:])
    limits = ("--max-sessions", "20000", "--max-sessions-per-key", "20000", "--no-playground")
    with running_server("--listener" if arguments.listener else "--no-listener", *limits) as server:
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[:-1])
        measure_load(server, samples, seconds=arguments.seconds, most=arguments.sessions)
        if arguments.idle:
            asyncio.run(measure_idle(server, arguments.idle))


if __name__ == "__main__":
    main()

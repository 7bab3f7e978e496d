"""What recording costs a call: how late the event loop is with it and without, memory, and the folder's size.

python benchmarks/recording_load.py --overlaps 1000
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from prosody_gate import Gate, Transcript
from prosody_gate.recording import OverlapRecorder, RecordCounts, RecordOptions
from prosody_gate.session import GateDriver

FRAME: Final = 0.032
TEXTS: Final = ("okay", "stop", "yeah", "wait a second")


@dataclass
class LoadRun:
    """What one session showed."""

    late: list[float]
    """How late (s) the event loop woke a task that sleeps for a millisecond at a time."""
    pushes: list[float]
    """How much processor time (s) one frame took in the event loop's thread: the same on a busy machine."""
    others: float
    """Processor time (s) of all other threads together: the recorder's."""
    memory: list[float]
    """Of the process, in bytes, after each tenth of the overlaps."""
    largest: int
    """The most bytes that the folder had."""
    counts: RecordCounts | None


async def session(overlaps: int, folder: Path | None, *, quota_mb: float, pace: float) -> LoadRun:
    """Drive one gate through many overlaps, faster than real time, beside a task that watches the event loop."""
    recorder = None
    if folder is not None:
        recorder = OverlapRecorder(RecordOptions(folder=folder, quota_mb=quota_mb))
    driver = GateDriver(Gate(expects_transcripts=True), on_event=lambda event: None, on_error=_raise, watcher=recorder)
    driver.attached = True
    run = LoadRun([], [], 0.0, [], 0, None)
    speech = np.random.default_rng(1).normal(0.0, 0.05, 512).astype(np.float32)
    silence = (speech * 0.01).astype(np.float32)
    ended = asyncio.Event()

    async def watch() -> None:
        while not ended.is_set():
            asked = time.perf_counter()
            await asyncio.sleep(0.001)
            run.late.append(time.perf_counter() - asked - 0.001)

    async def sound(seconds: float, probability: float) -> None:
        frame = speech if probability else silence
        for _ in range(round(seconds / FRAME)):
            driver.time += FRAME
            began = time.thread_time()
            driver.push(frame.copy(), probability)
            run.pushes.append(time.thread_time() - began)
            await asyncio.sleep(pace)

    before = time.process_time() - time.thread_time()
    watching = asyncio.create_task(watch())
    driver.agent_changed(True)
    for number in range(overlaps):
        await sound(1.5, 0.0)
        await sound(0.5, 1.0)
        driver.push_transcript(Transcript(at=driver.gate.time, text=TEXTS[number % len(TEXTS)], final=True))
        await sound(3.0, 0.0)
        if number % max(overlaps // 10, 1) == 0:
            run.memory.append(psutil.Process().memory_info().rss)
            if folder is not None:
                run.largest = max(run.largest, _size(folder))
    ended.set()
    await watching
    driver.close()
    if recorder is not None and folder is not None:
        recorder.close(wait=30.0)
        run.counts = recorder.counts
    run.others = time.process_time() - time.thread_time() - before
    if folder is not None:
        run.largest = max(run.largest, _size(folder))
    return run


def _size(folder: Path) -> int:
    total = 0
    for path in list(folder.iterdir()):
        try:
            total += path.stat().st_size
        except OSError:
            continue  # it has just made room
    return total


def _raise(error: Exception) -> None:
    raise error


def _milliseconds(values: list[float]) -> str:
    quantiles = np.percentile(np.array(values) * 1e3, [50, 99, 99.9, 100])
    return " / ".join(f"{value:.2f}" for value in quantiles)


def main() -> None:
    """Print a table: without recording, with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--overlaps", type=int, default=1000, help="overlaps in each session")
    parser.add_argument("--quota-mb", type=float, default=50.0, help="megabytes that the folder may have")
    parser.add_argument("--pace", type=float, default=0.001, help="seconds between two frames of 32 ms")
    options = parser.parse_args()
    print(f"{options.overlaps} overlaps, {os.cpu_count()} cores; p50 / p99 / p99.9 / max in ms")
    with tempfile.TemporaryDirectory() as temporary:
        for name, folder in (("off", None), ("on", Path(temporary) / "recorded"), ("off again", None)):
            run = asyncio.run(session(options.overlaps, folder, quota_mb=options.quota_mb, pace=options.pace))
            grown = (run.memory[-1] - run.memory[len(run.memory) // 10]) / 1e6
            print(f"recording {name}: event loop late by {_milliseconds(run.late)}")
            print(f"  processor time of a frame {_milliseconds(run.pushes)}, mean {1e3 * np.mean(run.pushes):.4f}")
            print(f"  other threads {1e3 * run.others / options.overlaps:.2f} ms an overlap")
            print(f"  memory {run.memory[-1] / 1e6:.0f} MB, grown by {grown:+.1f} MB since the first tenth")
            if run.counts is not None:
                print(f"  written {run.counts.written}, dropped {dict(run.counts.dropped)}")
                print(f"  largest folder {run.largest / 1e6:.1f} MB of {options.quota_mb:g}")


if __name__ == "__main__":
    main()

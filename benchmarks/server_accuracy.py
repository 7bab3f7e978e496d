"""What LiveKit's clients get from the server, against the session plug-in without transcripts; prints Markdown.

    python benchmarks/server_accuracy.py --data ../shared/data

Sends each shared clip through the protocol, to a server process of its own, as a client does: its own VAD finds the
onset, its windows begin 1 s before it and grow by 0.1 s. The plug-in's column is `prosody-gate bench` on the same
scenes. A latency counts from the VAD's first speech frame; the server's has in it what the client waits: for the rest
of the 0.1 s, and for the answer. Some ten minutes on two cores; `--limit 20` takes one.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from prosody_gate import GateFactory
from prosody_gate.audio import FRAME_SAMPLES, to_float32
from prosody_gate.bench import (
    IN_TIME,
    INTERRUPTION,
    BenchSettings,
    Clip,
    Manifest,
    SceneMaker,
    SceneOptions,
    confirmed_by,
    read_manifest,
    run_bench,
)
from prosody_gate.server import BargeinServer, ServerSettings, SessionCreate
from prosody_gate.vad import SpeechChange, SpeechSegmenter, create_detector
from server_clients import RATE, STEP, Pcm, RunningServer, judge, running_server, session, windows_of

MIN_SILENCE = 0.55
"""Seconds of silence after which LiveKit's VAD ends an overlap."""


@dataclass(frozen=True)
class Told:
    """When a system stopped the agent, in seconds from the onset; None where it did not."""

    line: int
    set: str
    label: str
    confirmed: float | None

    @property
    def in_time(self) -> bool:
        return self.confirmed is not None and self.confirmed <= IN_TIME


def overlaps_of(scene: Pcm) -> list[tuple[int, int, int]]:
    """Onset, first sample at which the client knows of it, and end of each overlap, as the client's VAD has them."""
    detector, segmenter = create_detector("silero"), SpeechSegmenter(min_silence_duration=MIN_SILENCE)
    found: list[tuple[int, int, int]] = []
    frames = len(scene) // FRAME_SAMPLES
    for index in range(frames):
        frame = to_float32(scene[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES])
        change = segmenter.push(detector.frame_probability(frame))
        if change is SpeechChange.STARTED:
            found.append((round(segmenter.onset * RATE), (index + 1) * FRAME_SAMPLES, len(scene)))
        elif change is SpeechChange.ENDED:
            found[-1] = (*found[-1][:2], (index + 1) * FRAME_SAMPLES)
    return found


def windows_of_scene(scene: Pcm) -> Iterator[tuple[float, Pcm]]:
    """Every window that a client sends of a scene, with its end in seconds from the onset of the first overlap."""
    overlaps = overlaps_of(scene)
    for _, known, end in overlaps:
        onset = overlaps[0][0]
        for index, samples in enumerate(windows_of(scene[:end], known, first=max(onset - RATE, 0)), start=1):
            yield (known + STEP * index - onset) / RATE, samples


async def told_by_server(server: RunningServer, clip: Clip, scene: Pcm) -> Told:
    """Send a scene's overlaps, one after the other, until the server finds an interruption."""
    async with session(server) as socket:
        for number, (end, samples) in enumerate(windows_of_scene(scene)):
            began = time.perf_counter()
            answer = await judge(socket, number, samples)
            if answer["type"] == "bargein_detected":
                return Told(clip.line, clip.set, clip.label, end + time.perf_counter() - began)
    return Told(clip.line, clip.set, clip.label, None)


def scene_of(scenes: SceneMaker, clip: Clip) -> Pcm:
    return np.clip(np.round(scenes.make(clip) * 32_768), -32_768, 32_767).astype(np.int16)


async def ask_server(server: RunningServer, manifest: Manifest, *, at_once: int) -> list[Told]:
    scenes = SceneMaker(SceneOptions())
    free = asyncio.Semaphore(at_once)

    async def one(clip: Clip) -> Told:
        async with free:
            return await told_by_server(server, clip, await asyncio.to_thread(scene_of, scenes, clip))

    return list(await asyncio.gather(*(one(item) for item in manifest.items if isinstance(item, Clip))))


def ask_gate(factory: GateFactory, manifest: Manifest) -> list[Told]:
    """The same without a socket and without a clock: what the server's gate alone makes of the windows."""
    scenes = SceneMaker(SceneOptions())
    server = BargeinServer(ServerSettings(), factory)

    def one(clip: Clip) -> Told:
        gate = server.gate_of(clip.line, SessionCreate(None, 2))
        told = (end for end, samples in windows_of_scene(scene_of(scenes, clip)) if gate.judge(samples).interruption)
        return Told(clip.line, clip.set, clip.label, next(told, None))

    return [one(item) for item in manifest.items if isinstance(item, Clip)]


def share(told: Sequence[Told]) -> float:
    return sum(one.in_time for one in told) / max(len(told), 1)


def median(told: Sequence[Told]) -> str:
    confirmed = [one.confirmed for one in told if one.confirmed is not None and one.in_time]
    return f"{1e3 * np.median(confirmed):.0f} ms" if confirmed else "-"


def some_of(manifest: Manifest, limit: int | None) -> Manifest:
    kept: dict[str, list[Clip]] = defaultdict(list)
    for item in manifest.items:
        if isinstance(item, Clip):
            kept[item.set].append(item)
    chosen = [clip for group in kept.values() for clip in group[:: max(len(group) // limit, 1) if limit else 1][:limit]]
    return replace(manifest, items=tuple(sorted(chosen, key=lambda clip: clip.line)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--limit", type=int, help="at most so many clips of each set")
    parser.add_argument("--no-listener", action="store_true", help="without word recognition, on both sides")
    parser.add_argument("--direct", action="store_true", help="ask the server's gate in this process, without a clock")
    parser.add_argument("--at-once", type=int, default=2, help="clips that are sent at the same time")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the plug-in's column")
    arguments = parser.parse_args()
    manifest = some_of(read_manifest(arguments.data / "recordings.jsonl", kind="clips", strict=True), arguments.limit)
    factory = GateFactory.create(listener=False if arguments.no_listener else None)
    report = run_bench(manifest, BenchSettings(), gates=factory, jobs=arguments.jobs)
    plugged = {
        outcome.line: Told(
            outcome.line,
            outcome.set,
            outcome.label,
            outcome.verdicts["gate"].confirmed if confirmed_by(outcome.verdicts["gate"], IN_TIME) else None,
        )
        for outcome in report.outcomes
    }
    late = 0.0
    if arguments.direct:
        served = ask_gate(factory, manifest)
    else:
        with running_server(*(("--no-listener",) if arguments.no_listener else ())) as server:
            served = asyncio.run(ask_server(server, manifest, at_once=arguments.at_once))
            name = "prosody_gate_server_windows_total"
            late = server.figure(name) - server.figure(name, outcome="judged")
    groups: dict[str, list[tuple[Told, Told]]] = defaultdict(list)
    for one in served:
        pair = plugged[one.line], one
        groups[one.set].append(pair)
        groups["**all interruptions**" if one.label == INTERRUPTION else "**all others**"].append(pair)
    print("| set | clips | stopped the agent: plug-in | server | median latency: plug-in | server |")
    print(f"|{'---|' * 6}")
    for name in sorted(groups, key=lambda name: (name.startswith("**"), name)):
        plug, serve = zip(*groups[name], strict=True)
        shares = f"{100 * share(plug):.1f} % | {100 * share(serve):.1f} %"
        print(f"| {name} | {len(plug)} | {shares} | {median(plug)} | {median(serve)} |")
    print(f"\nWindows not judged in time: {late:.0f}")


if __name__ == "__main__":
    main()

"""How long a true interruption waits for its confirm, and where that time goes; prints Markdown.

    python benchmarks/latency.py --data ../shared/data

Latencies count from the VAD's first speech frame. The VAD's own delay is measured against the energy of the sound:
the begin of the stretch of sound, walking back from the VAD's onset, that is at least 10 dB over the room and at
most 25 dB below the clip's loud parts.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from prosody_gate import GateFactory
from prosody_gate.audio import FRAME_DURATION, SAMPLE_RATE
from prosody_gate.bench import (
    IN_TIME,
    INTERRUPTION,
    LEAD_IN,
    BenchSettings,
    Clip,
    Outcome,
    SceneMaker,
    SceneOptions,
    confirmed_by,
    read_manifest,
    run_bench,
)

BLOCK = 128
"""Samples a level is taken over (8 ms)."""
OVER_ROOM_DB, BELOW_LOUD_DB = 10.0, 25.0
LONGEST_GAP = 10
"""Quiet blocks (80 ms) that still belong to one sound: the closure of a stop."""


@dataclass(frozen=True)
class Parts:
    """Where the time of one caught interruption went, in seconds."""

    vad: float
    """From the sound's energy to the VAD's first speech frame."""
    held: float
    """From there to the hold: the least speech that is held at all."""
    evidence: float
    """From the hold to the confirm."""


def energy_onset(scene: npt.NDArray[np.float32], vad_onset: float) -> float:
    """When the sound began that the VAD found, in seconds of the scene."""
    blocks = scene[: len(scene) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = 10.0 * np.log10(np.mean(np.square(blocks, dtype=np.float64), axis=1) + 1e-12)
    room = float(np.median(level[: int(LEAD_IN * SAMPLE_RATE) // BLOCK]))
    loud = float(np.percentile(level, 99))
    energetic = level >= max(room + OVER_ROOM_DB, loud - BELOW_LOUD_DB)
    place = begin = min(int((vad_onset + 2 * FRAME_DURATION) * SAMPLE_RATE) // BLOCK, len(level) - 1)
    while place >= 0 and begin - place <= LONGEST_GAP:
        if energetic[place]:
            begin = place
        place -= 1
    return begin * BLOCK / SAMPLE_RATE


def parts_of(outcome: Outcome, clip: Clip, scenes: SceneMaker) -> Parts | None:
    verdict = outcome.verdicts["gate"]
    if outcome.onset is None or verdict.held is None or verdict.confirmed is None:
        return None
    if not confirmed_by(verdict, IN_TIME):
        return None
    began = energy_onset(scenes.make(clip), outcome.onset)
    return Parts(outcome.onset - began, verdict.held, verdict.confirmed - verdict.held)


def shown(seconds: Sequence[float], *percents: float) -> str:
    return " / ".join(f"{1000.0 * value:.0f}" for value in np.percentile(seconds, percents))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--limit", type=int, help="at most so many clips of each set")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    manifest = read_manifest(arguments.data / "recordings.jsonl", kind="clips", strict=True)
    by_set: dict[str, list[Clip]] = defaultdict(list)
    for item in manifest.items:
        if isinstance(item, Clip) and item.label == INTERRUPTION:
            by_set[item.set].append(item)
    clips = {clip.line: clip for group in by_set.values() for clip in group[: arguments.limit]}
    report = run_bench(
        replace(manifest, items=tuple(clips[line] for line in sorted(clips))),
        BenchSettings(),
        gates=GateFactory(),
        jobs=arguments.jobs,
    )
    scenes = SceneMaker(SceneOptions())
    found: dict[str, list[Parts]] = defaultdict(list)
    for outcome in report.outcomes:
        parts = parts_of(outcome, clips[outcome.line], scenes)
        if parts is not None:
            found[outcome.set].append(parts)
            found["all"].append(parts)
    print("| set | caught | confirm latency p10 / p50 / p90 (ms) | VAD behind the energy p50 / p90 (ms) ", end="")
    print("| least speech p50 (ms) | evidence p50 / p90 (ms) | energy to confirm p50 / p90 (ms) |")
    print(f"|{'---|' * 7}")
    for name in [*sorted(by_set), "all"]:
        own = found[name]
        if not own:
            print(f"| {name} | 0 | | | | | |")
            continue
        cells = [
            name,
            str(len(own)),
            shown([one.held + one.evidence for one in own], 10, 50, 90),
            shown([one.vad for one in own], 50, 90),
            shown([one.held for one in own], 50),
            shown([one.evidence for one in own], 50, 90),
            shown([one.vad + one.held + one.evidence for one in own], 50, 90),
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

"""What `prosody-gate run CLIP --agent always` decides on every labelled clip, counted by set.

python benchmarks/confusion.py ../shared/data
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import joblib
import numpy as np

from prosody_gate import Gate, GateOptions, Lexicon, PhonemeListener, replay
from prosody_gate.gate import GateEventKind


def decide(paths: list[Path], use_listener: bool) -> list[float | str | None]:
    """For each clip: the confirm latency in seconds, None for a cancel, "" when nothing was held."""
    lexicon = Lexicon.load()
    decisions: list[float | str | None] = []
    for path in paths:
        gate = Gate(GateOptions(), lexicon=lexicon, listener=PhonemeListener(lexicon) if use_listener else None)
        result = replay(path, gate)
        if gate.failure is not None:
            raise gate.failure
        confirms = [event for event in result.events if event.kind is GateEventKind.CONFIRM]
        if confirms:
            decisions.append(confirms[0].time - min(event.onset for event in result.events))
        else:
            decisions.append(None if result.events else "")
    return decisions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with recordings.jsonl")
    parser.add_argument("--no-listener", action="store_true")
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    by_set: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for line in (arguments.data / "recordings.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if arguments.sets and row["set"] not in arguments.sets:
            continue
        by_set[row["label"], row["set"]].append(arguments.data / row["audio"])
    print("| label | set | clips | confirmed | cancelled | not held | median confirm latency |")
    print("|---|---|---|---|---|---|---|")
    for (label, name), paths in sorted(by_set.items()):
        parts = joblib.Parallel(n_jobs=arguments.jobs)(
            joblib.delayed(decide)(paths[part :: arguments.jobs], not arguments.no_listener)
            for part in range(arguments.jobs)
        )
        decisions = [decision for part in parts for decision in part]
        latencies = [decision for decision in decisions if isinstance(decision, float)]
        median = f"{1000 * np.median(latencies):.0f} ms" if latencies else "-"
        cancelled = sum(decision is None for decision in decisions)
        unheld = sum(decision == "" for decision in decisions)
        print(f"| {label} | {name} | {len(paths)} | {len(latencies)} | {cancelled} | {unheld} | {median} |")


if __name__ == "__main__":
    main()

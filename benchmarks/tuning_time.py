"""How long `prosody-gate tune` takes, and whether a fixed seed gives the same profile; prints what it printed.

    python benchmarks/tuning_time.py --data ../shared/data

Takes clips of all sets in proportion, the same ones each time, and runs the command itself.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--runs", type=int, default=1, help="2 or more: also compares the profiles")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in (arguments.data / "recordings.jsonl").read_text("utf-8").splitlines()]
    chosen = random.Random(0).sample(rows, arguments.clips)
    profiles = []
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "clips.jsonl"
        lines = [json.dumps({**row, "audio": str((arguments.data / row["audio"]).resolve())}) for row in chosen]
        manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
        for run in range(arguments.runs):
            profile = Path(folder) / f"{run}.toml"
            command = [sys.executable, "-m", "prosody_gate", "tune", str(manifest), "--output", str(profile), "--force"]
            trials = str(arguments.trials)
            command += ["--trials", trials, "--patience", trials, "--seed", "0", "--jobs", str(arguments.jobs)]
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            print(done.stdout)
            print(
                f"{arguments.clips} clips, {arguments.trials} trials: {time.perf_counter() - began:.0f} s", flush=True
            )
            if not profile.exists():
                raise SystemExit(done.stderr)
            text = profile.read_text("utf-8").split("[provenance]")[0]
            profiles.append(text)
    print(text)
    if len(profiles) > 1:
        print("the same profile each time" if len(set(profiles)) == 1 else "the profiles differ")


if __name__ == "__main__":
    main()

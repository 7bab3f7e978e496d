"""The gate on the labelled overlaps of meetings, by words and times alone, weights cross-validated; prints Markdown.

    python benchmarks/overlaps.py --data ../shared/data

A lone "no" is counted apart: an agent must stop for it, and in meetings it mostly agrees ("it isn't cheap" - "no").
Every series of meetings is decided about with weights that were fitted without it (benchmarks/fit_evidence.py leaves
these in benchmarks/cache).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from accuracy import print_table
from fitting.left_out_gates import LeftOutGates
from prosody_gate.bench import IN_TIME, BenchSettings, WordOverlap, read_manifest, run_bench
from prosody_gate.lexicon import Lexicon

CACHE = Path(__file__).resolve().parent / "cache"
LAGS = (0.3, 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with overlaps/")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    manifest = read_manifest(arguments.data / "overlaps" / "ami.jsonl.gz", strict=True)
    lone_no = {
        item.line
        for item in manifest.items
        if isinstance(item, WordOverlap) and [word.text.strip(".,?!").lower() for word in item.words] == ["no"]
    }
    rows = []
    for lag in LAGS:
        gates = LeftOutGates(Lexicon.load(), CACHE)
        report = run_bench(manifest, BenchSettings(interim_lag=lag), gates=gates, jobs=arguments.jobs)
        taken: dict[bool, list[float]] = {True: [], False: []}
        apart = []
        for outcome in report.outcomes:
            confirmed = outcome.verdicts[report.gate.name].confirmed
            after = np.inf if confirmed is None or confirmed > IN_TIME else confirmed
            if outcome.label == "backchannel" and outcome.line in lone_no:
                apart.append(after)
            else:
                taken[outcome.label == "interruption"].append(after)
        caught, false = np.array(taken[True]), np.array(taken[False])
        median = np.median(caught[np.isfinite(caught)])
        shares = (np.isfinite(caught).mean(), np.isfinite(false).mean(), np.isfinite(apart).mean())
        counts = f"{len(caught)} / {len(false)} / {len(apart)}"
        rows.append([f"{lag:g} s", counts, *(f"{share:.4f}" for share in shares), f"{1000 * median:.0f} ms"])
    headers = ["lag", "interruptions / backchannels / lone no", "caught", "false", 'lone "no" confirmed', "median"]
    print_table(headers, rows)


if __name__ == "__main__":
    main()

"""The worst errors of each set, by weights that were fitted without their speaker or meeting: a list, and pictures.

    python benchmarks/worst.py --data ../shared/data --plot worst

`prosody-gate bench --worst N` for cross-validated weights. Needs the weights of the folds that
benchmarks/fit_evidence.py leaves in benchmarks/cache.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fitting.left_out_gates import LeftOutGates
from prosody_gate import Lexicon
from prosody_gate.bench import BenchSettings, plot_worst, read_manifest, run_bench, worst_errors, worst_lines

CACHE = Path(__file__).resolve().parent / "cache"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl and overlaps/")
    parser.add_argument("--plot", type=Path, help="folder for the pictures of clips, with a folder for each set")
    parser.add_argument("--worst", type=int, default=20, help="errors of each set")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    gates, settings = LeftOutGates(Lexicon.load(), CACHE), BenchSettings()
    for path in ("recordings.jsonl", "overlaps/ami.jsonl.gz"):
        manifest = read_manifest(arguments.data / path, strict=True)
        report = run_bench(manifest, settings, gates=gates, jobs=arguments.jobs)
        for name in sorted({outcome.set for outcome in report.outcomes}):
            errors = worst_errors([one for one in report.outcomes if one.set == name], arguments.worst)
            print("\n".join([f"## {name}", "", *worst_lines(errors), ""]))
            if arguments.plot is not None:
                folder = arguments.plot / name
                folder.mkdir(parents=True, exist_ok=True)
                plot_worst(errors, manifest.items, settings, gates, folder)


if __name__ == "__main__":
    main()

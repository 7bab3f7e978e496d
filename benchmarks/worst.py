"""The worst twenty of each kind of error, by weights that never met them: a table, and a picture of each clip.

    python benchmarks/worst.py --data ../shared/data --plot worst

Needs the weights of the folds that benchmarks/fit_evidence.py leaves in benchmarks/cache. Worst is what the gate was
surest of and wrong: the false interruptions with the highest P(interruption), the misses with the lowest.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from fitting.left_out_gates import LeftOutGates
from prosody_gate.audio import SAMPLE_RATE
from prosody_gate.bench import (
    IN_TIME,
    INTERRUPTION,
    BenchSettings,
    Clip,
    Manifest,
    Outcome,
    SceneMaker,
    SceneOptions,
    WordOverlap,
    confirmed_by,
    read_manifest,
    run_bench,
)
from prosody_gate.gate import GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import replay
from prosody_gate.report import plot_timeline

CACHE = Path(__file__).resolve().parent / "cache"
WORST = 20


def errors(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The worst errors by set and kind."""
    found: dict[str, list[Outcome]] = {}
    for name in sorted({outcome.set for outcome in outcomes}):
        own = [outcome for outcome in outcomes if outcome.set == name]
        wrong = [one for one in own if one.label != INTERRUPTION and one.verdicts["gate"].confirmed is not None]
        missed = [one for one in own if one.label == INTERRUPTION and not confirmed_by(one.verdicts["gate"], IN_TIME)]
        wrong.sort(key=lambda one: -(one.verdicts["gate"].probability or 0.0))
        missed.sort(key=lambda one: one.verdicts["gate"].probability or 0.0)
        found |= {f"{name}: {len(wrong)} false interruptions": wrong, f"{name}: {len(missed)} missed": missed}
    return {title: events[:WORST] for title, events in found.items() if events}


def rows(events: Sequence[Outcome], said: dict[int, str]) -> Iterator[str]:
    for outcome in events:
        verdict = outcome.verdicts["gate"]
        shares = ", ".join(f"{name} {nats:+.1f}" for name, nats in verdict.evidence.items() if abs(nats) >= 0.05)
        when = "no speech found" if outcome.onset is None else f"{1000.0 * (verdict.decided or 0.0):.0f} ms"
        probability = "" if verdict.probability is None else f"{verdict.probability:.2f}"
        cells = [outcome.name, said[outcome.line], verdict.reason, when, probability, shares, verdict.text]
        yield f"| {' | '.join(cells)} |"


def draw(clip: Clip, gates: LeftOutGates, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / f"{clip.audio.stem}.wav"
        soundfile.write(scene, SceneMaker(SceneOptions()).make(clip), SAMPLE_RATE, subtype="FLOAT")
        result = replay(scene, gates(clip, GateOptions()), trace=True)
        plot_timeline(result, scene, picture, options=GateOptions())


def study(manifest: Manifest, gates: LeftOutGates, *, jobs: int, pictures: Path | None) -> None:
    items = {item.line: item for item in manifest.items}
    said = {
        line: " ".join(word.text for word in item.words) if isinstance(item, WordOverlap) else ""
        for line, item in items.items()
    }
    report = run_bench(manifest, BenchSettings(), gates=gates, jobs=jobs)
    for title, events in errors(report.outcomes).items():
        print(f"### {title}\n")
        print(f"| event | words | reason | decided | P | nats | heard |\n|{'---|' * 7}")
        print("\n".join(rows(events, said)) + "\n")
        for place, outcome in enumerate(events):
            clip = items[outcome.line]
            if pictures is not None and isinstance(clip, Clip):
                draw(clip, gates, pictures / f"{title.split(':')[0]}-{place + 1:02d}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl and overlaps/")
    parser.add_argument("--plot", type=Path, help="folder for the pictures of clips")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    if arguments.plot is not None:
        arguments.plot.mkdir(exist_ok=True)
    gates = LeftOutGates(Lexicon.load(), CACHE)
    for path in ("recordings.jsonl", "overlaps/ami.jsonl.gz"):
        manifest = read_manifest(arguments.data / path, strict=True)
        study(manifest, gates, jobs=arguments.jobs, pictures=arguments.plot)


if __name__ == "__main__":
    main()

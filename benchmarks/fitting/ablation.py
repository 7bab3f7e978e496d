"""What each evidence source adds: the same benchmark with one source more at a time."""

from __future__ import annotations

from pathlib import Path

from prosody_gate.bench import (
    IN_TIME,
    INTERRUPTION,
    BenchReport,
    BenchSettings,
    SetScore,
    Share,
    read_manifest,
    run_bench,
)
from prosody_gate.lexicon import Lexicon

from .left_out_gates import LeftOutGates

OVERLAP_STEPS = {"time": ("time",), "+ words": ("time", "words")}
CLIP_STEPS = {"time": ("time",), "+ voice": ("time", "voice"), "+ listener": ("time", "voice", "listener")}


def print_ablation(data: Path, cache: Path, *, jobs: int) -> None:
    """Print one table for the overlaps (no audio) and one for the clips (no transcripts), as Markdown.

    Args:
        data: Folder with recordings.jsonl and overlaps/.
        cache: Folder with the weights of each fold.
        jobs: Processes.
    """
    lexicon = Lexicon.load()
    overlaps = read_manifest(data / "overlaps" / "ami.jsonl.gz", strict=True)
    clips = read_manifest(data / "recordings.jsonl", strict=True)
    print("| overlaps | recall | false interruptions | median latency |\n|---|---|---|---|")
    for name, sources in OVERLAP_STEPS.items():
        settings = BenchSettings(interim_lag=0.3 if "words" in sources else None)
        report = run_bench(overlaps, settings, gates=LeftOutGates(lexicon, cache, sources), jobs=jobs)
        cells = [_shown(report.gate.caught), _shown(report.gate.false_interruptions), _median(report)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    sets: list[str] = []
    for name, sources in CLIP_STEPS.items():
        report = run_bench(clips, BenchSettings(), gates=LeftOutGates(lexicon, cache, sources), jobs=jobs)
        if not sets:
            sets = [one.set for one in report.gate.by_set]
            print(f"\n| clips decided correctly | {' | '.join(sets)} | median latency |\n|{'---|' * (len(sets) + 2)}")
        right = [_shown(_right(one)) for one in report.gate.by_set]
        print(f"| {name} | {' | '.join(right)} | {_median(report)} |", flush=True)


def _right(score: SetScore) -> Share:
    """Confirmed in time, of interruptions; not confirmed, of all else."""
    return dict(score.within)[IN_TIME] if score.label == INTERRUPTION else score.not_confirmed


def _shown(share: Share) -> str:
    return "n/a" if share.value is None else f"{share.value:.3f}"


def _median(report: BenchReport) -> str:
    latency = report.gate.latency
    return "n/a" if latency is None else f"{1000.0 * latency.p50.value:.0f} ms"

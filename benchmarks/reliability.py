"""Do the voice network's nats mean what they say? Prints Markdown.

    python benchmarks/reliability.py

Takes the recorded clips as `fit_evidence.py` heard them (benchmarks/cache), each with the network that never met its
speaker. At three times after the onset: in each band of the network's probability the share of interruptions among the
clips, both labels of the same weight in all, as in training. `said` is the network's own mean probability there, `used`
that of the voice evidence, which multiplies the log-odds and bounds them.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import numpy.typing as npt

from accuracy import print_table
from fitting.decisions import network_log_odds
from fitting.listener_states import HeardClip
from prosody_gate.evidence import EvidenceWeights, bounded

CACHE = Path(__file__).resolve().parent / "cache"
TIMES = (0.35, 0.51, 0.8)
BANDS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)


def probability(nats: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 / (1 + e^-nats)."""
    return np.asarray(1.0 / (1.0 + np.exp(-nats)), np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    heard: list[list[HeardClip]] = joblib.load(CACHE / "heard.joblib")
    said: list[list[float]] = [[] for _ in TIMES]
    used: list[list[float]] = [[] for _ in TIMES]
    labels: list[list[bool]] = [[] for _ in TIMES]
    for fold, clips in enumerate(heard):
        weights = EvidenceWeights.load(CACHE / f"fold{fold}")
        scale = float(weights.provenance["voice_scale"])
        for clip, log_odds in zip(clips, network_log_odds(dict(weights.network), clips), strict=True):
            for place, time in enumerate(TIMES):
                at = int(np.searchsorted(clip.times, time))
                if at < len(clip.times):
                    said[place].append(float(log_odds[at]) / scale)
                    used[place].append(bounded(float(log_odds[at]), time))
                    labels[place].append(clip.scene.interruption)
    rows = []
    for place, time in enumerate(TIMES):
        own, evidence = probability(np.array(said[place])), probability(np.array(used[place]))
        label = np.array(labels[place])
        weight = np.where(label, 0.5 / label.sum(), 0.5 / (~label).sum())
        for low, high in pairwise(BANDS):
            inside = (own >= low) & ((own < high) | (high == 1.0))
            if not inside.any():
                continue
            share = weight[inside] / weight[inside].sum()
            means = [float(share @ values[inside]) for values in (own, evidence, label.astype(float))]
            rows.append([f"{time:g} s", f"{low:g} to {high:g}", str(int(inside.sum())), *(f"{m:.2f}" for m in means)])
    print_table(["after the onset", "probability", "clips", "said", "used", "interruptions"], rows)


if __name__ == "__main__":
    main()

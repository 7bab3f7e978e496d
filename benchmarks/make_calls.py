"""Makes a dozen calls of the bundled one, softer, louder and noisier: something to record, label and tune on.

python benchmarks/make_calls.py calls
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

DEMO: Final = Path(__file__).resolve().parents[1] / "examples" / "demo.flac"

LABELS: Final = (
    (7.0, "backchannel"),
    (10.0, "backchannel"),
    (13.2, "backchannel"),
    (17.7, "nonspeech"),
    (20.6, "noise"),
    (25.4, "interruption"),
    (41.4, "interruption"),
)
"""What the user's sounds are, and when they begin (s)."""

NEAR: Final = 0.6
"""Seconds by which an overlap may begin later or earlier than that."""


def make_calls(folder: Path, *, calls: int = 12, seed: int = 0) -> list[Path]:
    """Write the calls: the user's level from -5 to +6 dB, with noise from -66 to -55 dBFS.

    Args:
        folder: Where to; made where it is missing.
        calls: How many.
        seed: Of the noise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(DEMO)
    random = np.random.default_rng(seed)
    paths = []
    for number in range(calls):
        call = samples.copy()
        noise = random.normal(0.0, 10.0 ** ((number % 12 - 66) / 20.0), len(call))
        call[:, 1] = np.clip(call[:, 1] * 10.0 ** ((number % 12 - 5) / 20.0) + noise, -1.0, 1.0)
        paths.append(folder / f"call-{number:02d}.flac")
        soundfile.write(paths[-1], call, rate)
    return paths


def label_at(time: float) -> str:
    """The label of an overlap that begins at a time of the call (s); for scripts that label by themselves."""
    begins, label = min(LABELS, key=lambda one: abs(one[0] - time))
    return label if abs(begins - time) <= NEAR else "noise"


def main() -> None:
    """Write them, and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write the calls into")
    for path in make_calls(parser.parse_args().folder):
        print(path)


if __name__ == "__main__":
    main()

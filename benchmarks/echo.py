"""What the echo guard does to echo, to the user's voice, and to both at once, with the echo later and later.

    python benchmarks/echo.py ../shared/data/echo

The folder holds real recordings, each a microphone (`*_mic.flac`) and what its loudspeaker played (`*_lpb.flac`): far
end alone, near end alone, and both at once. The agent always speaks; its voice is what was played. Delays are added to
those that the recordings have.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from prosody_gate import GateEventKind, GateFactory, create_detector
from prosody_gate.audio import SAMPLE_RATE, AudioFile, Framer
from prosody_gate.echo import EchoGuard, guarded_frames, recording_guard
from prosody_gate.replay import ALWAYS, drive

NAMES = ("farend_singletalk", "nearend_singletalk", "doubletalk")
DELAYS = (0.0, 0.1, 0.25, 0.5)
GUARDS = {"without": None, "guard": False, "auto": True}
"""Whether the microphone passes until the echo is found; None for no guard."""

Frames = list[npt.NDArray[np.float32]]


def frames_of(path: Path, *, delay: float = 0.0) -> Frames:
    """A recording's frames, some silence before them."""
    with AudioFile(path) as recording:
        samples = recording.read()
    return Framer().push(np.concatenate((np.zeros(round(delay * SAMPLE_RATE), np.float32), samples)))


def confirms(microphone: Frames, played: Frames, factory: GateFactory, guard: EchoGuard | None) -> list[float]:
    """Onsets of the overlaps that the gate confirms."""
    detector = create_detector("silero")
    heard = microphone if guard is None else guarded_frames(microphone, played, guard)
    events = drive(factory.gate(), heard, detector.frame_probability, (ALWAYS,), ())
    return [round(event.onset, 2) for event in events if event.kind is GateEventKind.CONFIRM]


def measure(folder: Path) -> list[dict[str, Any]]:
    """A row a recording and delay."""
    factory = GateFactory.create()
    rows = []
    for name in NAMES:
        played = frames_of(folder / f"{name}_lpb.flac")
        for delay in DELAYS:
            microphone = frames_of(folder / f"{name}_mic.flac", delay=delay)
            row: dict[str, Any] = {"recording": name, "added_delay": delay}
            for label, only_when_found in GUARDS.items():
                guard = None if only_when_found is None else recording_guard(only_when_found=only_when_found)
                row[label] = confirms(microphone, played, factory, guard)
                if guard is not None:
                    row["found_delay"] = None if guard.echo is None else round(guard.echo.delay, 3)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the recordings are")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = measure(arguments.folder)
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'recording':20}{'added':>7}{'found at':>10}   confirms: " + ", ".join(GUARDS))
    for row in rows:
        found = "-" if row["found_delay"] is None else f"{1e3 * row['found_delay']:.0f} ms"
        counts = "  ".join(f"{len(row[label])} {row[label]}" for label in GUARDS)
        print(f"{row['recording']:20}{1e3 * row['added_delay']:4.0f} ms{found:>10}   {counts}")


if __name__ == "__main__":
    main()

"""Keeps what was recorded for a calibration, with a manifest for bench and tune."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import soundfile

from ..atomic_file import check_writable, replacing
from ..errors import OptionError
from .guided_recording import TASKS, Recorded, Task
from .rehearsal import Rehearsal

MANIFEST: Final = "calibration.jsonl"


def check_keep_folder(folder: Path) -> None:
    """Find out before the recording whether it can be kept.

    Raises:
        OptionError: The folder, or the one it is to be made in, cannot be written to, or holds what was kept before.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--keep {folder}: is a file; expected a folder")
    for name in (MANIFEST, *map(_file_of, TASKS)):
        if (folder / name).exists():
            raise OptionError(f"--keep {folder}: holds a {name} already; expected a folder without, or a new one")
    check_writable(folder / MANIFEST if folder.is_dir() else folder)


def keep(folder: Path, recorded: Sequence[Recorded], rehearsals: Sequence[Rehearsal], *, sample_rate: int) -> Path:
    """Write the recordings as FLAC, and a manifest of those in which each sound has a label.

    The manifest names no speaker: each recording is a group of its own, so that a search can hold one out.

    Args:
        folder: Where to; made where it is missing.
        recorded: All recordings.
        rehearsals: Those of the recordings with a label, in the same order.
        sample_rate: Of the recordings, in Hz.

    Returns:
        The manifest.

    Raises:
        OptionError: The folder cannot be written to.
    """
    folder.mkdir(exist_ok=True)
    for one in recorded:
        with replacing(folder / _file_of(one.task)) as temporary:
            soundfile.write(temporary, one.samples, sample_rate, format="FLAC", subtype="PCM_16")
    lines = []
    labelled = [one for one in recorded if one.task.label is not None]
    for one, rehearsal in zip(labelled, rehearsals, strict=True):
        duration = one.sound.duration
        events = [
            {"label": rehearsal.label, "start": round(span.start, 3), "end": round(min(span.end, duration), 3)}
            for span in rehearsal.overlaps
        ]
        if events:
            line = {
                "audio": _file_of(one.task),
                "user_channel": 0,
                "agent": [[0.0, round(duration, 3)]],
                "events": events,
            }
            lines.append(json.dumps(line) + "\n")
    manifest = folder / MANIFEST
    with replacing(manifest) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    return manifest


def _file_of(task: Task) -> str:
    return f"{task.name}.flac"

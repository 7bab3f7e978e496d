"""Draws a replay into a picture file."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, Final

from ..atomic_file import check_writable, replacing
from ..audio import AudioFile
from ..errors import OptionError
from ..gate import GateOptions
from ..replay import ReplayResult

UNDATED: Final[dict[str, dict[str, Any]]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""The kinds of picture, and what keeps the day of drawing out of each file."""


def check_plot_path(path: str | os.PathLike[str]) -> Path:
    """Find out before a long run whether the picture can be written.

    Raises:
        OptionError: The name does not end in .png, .svg or .pdf, or the folder cannot be written to.
    """
    path = Path(path)
    if path.suffix.lower() not in UNDATED:
        raise OptionError(f"{path}: unknown kind of picture; expected a name that ends in {', '.join(UNDATED)}")
    check_writable(path)
    return path


def plot_timeline(
    result: ReplayResult,
    recording: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    options: GateOptions,
    user_channel: int | None = None,
    title: str | None = None,
) -> None:
    """Draw the picture; an earlier one of the same name is replaced once the new one is whole.

    Args:
        result: What the gate did, replayed with `trace=True`.
        recording: The recording that was replayed.
        path: A name in .png, .svg or .pdf.
        options: The options in force, for the confirm threshold.
        user_channel: The channel that was replayed, from 0; None for the mean of all.
        title: Stands above the picture; the recording's name when None.

    Raises:
        AudioError: The recording cannot be read.
        OptionError: The name has another ending, or the folder cannot be written to.
    """
    path = check_plot_path(path)
    suffix = path.suffix.lower()
    import matplotlib  # here, for it is slow to import and seldom wanted

    from .timeline_figure import TimelineFigure

    # Nothing in the file may depend on the run, or on the user's own matplotlib settings.
    style = {**matplotlib.rcParamsDefault, "svg.hashsalt": "prosody-gate"}
    style.pop("backend", None)
    with warnings.catch_warnings(), matplotlib.rc_context(style):
        # A script that no installed font has shows as boxes; that must not fill the terminal.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        with AudioFile(recording) as audio:
            figure = TimelineFigure(result, options).draw(audio, user_channel, title=title)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=UNDATED[suffix])

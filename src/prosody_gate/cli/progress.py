"""Progress bars, and the level meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

LONG: Final = 20.0
"""Seconds of audio from which a progress bar is worth looking at."""


@contextmanager
def progress_of(total: float, *, wanted: bool = True) -> Iterator[Callable[[float], None] | None]:
    """Show a bar on standard error while the block runs, where it is long and standard error is a terminal.

    Args:
        total: Seconds of audio to come.
        wanted: False for no bar in any case.

    Returns:
        What to call with the seconds done so far; None when there is no bar.
    """
    console = Console(stderr=True)
    if not (wanted and total > LONG and console.is_terminal):
        yield None
        return
    columns = (
        TextColumn("listening"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def step_progress(what: str, steps: int, *, wanted: bool = True) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on standard error while the block runs, where standard error is a terminal.

    Args:
        what: Is being done.
        steps: In all.
        wanted: False for no bar in any case.

    Returns:
        What to call with the number of steps done so far; None when there is no bar.
    """
    console = Console(stderr=True)
    if not (wanted and console.is_terminal):
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=steps)
        yield lambda done: progress.update(task, completed=done)


LOWEST_DBFS: Final = -70.0
LOUD_DBFS: Final = -12.0
WIDTH: Final = 40
FULL_SCALE: Final = 0.999


@contextmanager
def level_meter(
    console: Console, seconds: float, sample_rate: int
) -> Iterator[Callable[[npt.NDArray[np.float32]], None]]:
    """A bar that moves with the level, the highest peak, and the time left; red where the sound is cut off.

    Args:
        console: Where to draw; nothing moves where it is no terminal.
        seconds: To be recorded.
        sample_rate: Of the blocks, in Hz.

    Returns:
        What to call with each block, float32 in [-1, 1], shape [n].
    """
    done, peak = 0.0, 0.0
    with Live(Text(""), console=console, transient=True, refresh_per_second=20) as live:

        def show(block: npt.NDArray[np.float32]) -> None:
            nonlocal done, peak
            done += len(block) / sample_rate
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            power = float(np.mean(np.square(block, dtype=np.float64))) if len(block) else 0.0
            live.update(meter_text(10.0 * np.log10(power + 1e-10), peak=peak, left=max(seconds - done, 0.0)))

        yield show


def meter_text(level_dbfs: float, *, peak: float, left: float) -> Text:
    """One state of the bar.

    Args:
        level_dbfs: Now.
        peak: Highest so far, 0 to 1.
        left: Seconds to go.
    """
    filled = round(WIDTH * min(max(1.0 - level_dbfs / LOWEST_DBFS, 0.0), 1.0))
    clipped = peak >= FULL_SCALE
    colour = "red" if clipped else "yellow" if level_dbfs > LOUD_DBFS else "green"
    text = Text("█" * filled, style=colour)
    text.append("·" * (WIDTH - filled), style="dim")
    text.append(f" {level_dbfs:4.0f} dBFS", style="default")
    text.append("  too loud: cut off" if clipped else "", style="red")
    text.append(f"  {left:2.0f} s left", style="default")
    return text

"""A progress bar for whoever waits at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

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
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

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

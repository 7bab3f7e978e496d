"""A progress bar over a number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not (wanted and console.is_terminal):
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=steps)
        yield lambda done: progress.update(task, completed=done)

"""What a search found, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from ..bench import SystemScore
    from ..bench.intervals import Share
    from ..tuning import TuneResult, TuneScores


def scores_table(scores: TuneScores, *, with_default: bool) -> Table:
    """Before and after, on held-out recordings and on those of the search.

    Args:
        scores: What to show.
        with_default: Whether the search began with other options than the default.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    columns = {
        "before": scores.start,
        "after,\non held-out\nrecordings": scores.expected,
        "after,\non these very\nrecordings": scores.best,
    }
    if with_default:
        columns = {"default": scores.default, **columns}
    for heading in columns:
        table.add_column(heading, justify="right")
    shown = columns.values()

    def share(value: Share) -> str:
        # Four of them side by side are too wide for a terminal.
        return _share(value, "\n" if with_default else "  ")

    table.add_row("caught within 3 s", *(share(score.caught) for score in shown))
    table.add_row("false interruptions", *(share(score.false_interruptions) for score in shown))
    for label in scores.start.false_by_label:
        table.add_row(f"  {label}", *(share(score.false_by_label[label]) for score in shown))
    if scores.start.unlabelled is not None:
        table.add_row("unlabelled, stopped", *(str(score.unlabelled) for score in shown))
    table.add_row("latency, median", *(_latency(score, "p50") for score in shown))
    table.add_row("latency, 90 % within", *(_latency(score, "p90") for score in shown))
    return table


def options_table(result: TuneResult) -> Table:
    """Each option before and after, with how much it mattered."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("option")
    for heading in ("before", "after", "mattered"):
        table.add_column(heading, justify="right")
    before, after = result.start.options.model_dump(), result.best.options.model_dump()
    names = [*result.importance, *(name for name in after if name not in result.importance)]
    for name in names:
        if name in result.importance or before[name] != after[name]:
            share = result.importance.get(name)
            table.add_row(
                name, f"{before[name]:g}", f"{after[name]:g}", "" if share is None else f"{100.0 * share:.0f} %"
            )
    return table


def _share(share: Share, between: str) -> str:
    if share.value is None or share.interval is None:
        return "n/a"
    low, high = share.interval
    return f"{100.0 * share.value:.1f} %{between}({100.0 * low:.1f}–{100.0 * high:.1f})"


def _latency(score: SystemScore, percentile: str) -> str:
    return "n/a" if score.latency is None else f"{1000.0 * getattr(score.latency, percentile).value:.0f} ms"

"""A benchmark as tables for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from .bench_report import BenchReport
from .intervals import Estimate, Share
from .items import INTERRUPTION
from .system_score import IN_TIME, SetScore, SystemScore

NONE: Final = "n/a"


def bench_tables(report: BenchReport) -> list[RenderableType]:
    """The tables of a report, with what they are about before them, in the order to print them.

    Every share has its 95 % interval under it.
    """
    tables: list[RenderableType] = [Text(heading(report)), systems_table(report), labels_table(report)]
    tables += [decided_by_table(report), sets_table(report)]
    if report.gate.by_kind:
        tables.append(kinds_table(report))
    if report.sweep:
        tables.append(sweep_table(report))
    tables.append(Text(closing(report)))
    return tables


def heading(report: BenchReport) -> str:
    """What the figures were measured on, in one line or two."""
    counts = ", ".join(f"{count} {label}" for label, count in report.counts.items())
    parts = [f"{report.manifest}: {len(report.outcomes)} events ({counts})"]
    if report.agent_speech is not None:
        parts.append(f"{report.agent_speech / 60.0:.1f} min of agent speech")
    if report.no_speech:
        parts.append(f"the VAD found no speech in {report.no_speech}")
    if report.ambiguous:
        parts.append(f"{report.ambiguous} ambiguous, not scored")
    if report.outside:
        parts.append(f"{report.outside} while the agent was silent, not scored")
    if report.skipped:
        parts.append(f"{len(report.skipped)} skipped")
    return "; ".join(parts)


def systems_table(report: BenchReport) -> Table:
    """All systems side by side."""
    calls = report.agent_speech is not None
    headers = ["caught", "false", "precision", "latency\np50 (ms)", "runs on\n(s)"]
    rows = []
    for system in report.systems:
        latency = None if system.latency is None else system.latency.p50
        cells = [
            _share(system.caught),
            _share(system.false_interruptions),
            _share(system.precision),
            _milliseconds(latency),
            _estimate(system.runs_on, 2),
        ]
        if calls:
            cells.append(_estimate(system.false_per_hour, 1))
        rows.append([system.name, *cells])
    if calls:
        headers.append("false\nan hour")
    rows += [[name, *[NONE] * len(headers)] for name in report.not_applicable]
    note = f"caught: interruptions confirmed within {IN_TIME:g} s. false: other events that were confirmed. runs on: "
    note += "seconds of agent speech after an interruption's onset."
    return _table("system", headers, rows, note=note)


def labels_table(report: BenchReport) -> Table:
    """False interruptions by label, and the range of the latency."""
    labels = list(report.gate.false_by_label)
    rows = []
    for system in report.systems:
        latency = system.latency
        percentiles = (
            NONE
            if latency is None
            else " / ".join(f"{1000.0 * one.value:.0f}" for one in (latency.p10, latency.p50, latency.p90))
        )
        rows.append([system.name, *[_share(system.false_by_label[label]) for label in labels], percentiles])
    headers = [f"false:\n{label}" for label in labels]
    return _table("system", [*headers, "latency (ms)\np10 / p50 / p90"], rows)


def decided_by_table(report: BenchReport) -> Table:
    """What was decided by which time, with recall and precision."""
    rows = []
    for system in report.systems:
        cells = [
            f"{_percent(point.decided)}\n{_bare(point.recall)} / {_bare(point.precision)}"
            for point in system.decided_by
        ]
        rows.append([system.name, *cells])
    headers = [f"{1000.0 * point.time:.0f} ms" for point in report.gate.decided_by]
    return _table("decided by", headers, rows, note="Share decided; below it recall / precision by then, in %.")


def sets_table(report: BenchReport) -> Table:
    """The gate set by set."""
    rows = [_set_row(one) for one in report.gate.by_set]
    times = [f"≤ {seconds:g} s" for seconds, _ in report.gate.by_set[0].within[:-1]]
    headers = ["n", "confirmed", *times, "p50\n(ms)", "no\nspeech"]
    return _table("gate, by set", headers, rows)


def kinds_table(report: BenchReport) -> Table:
    """What the gate gets wrong, by the kind of sound."""
    rows = [
        [one.kind, one.label, str(one.wrong.of), str(one.wrong.count), _share(one.wrong)] for one in report.gate.by_kind
    ]
    note = "wrong: interruptions that were not caught, other events that were confirmed."
    return _table("gate, by kind", ["label", "n", "wrong", "share"], rows, note=note)


def sweep_table(report: BenchReport) -> Table:
    """The gate by sensitivity."""
    rows = []
    for point in report.sweep:
        latency = None if point.score.latency is None else point.score.latency.p50
        rows.append(
            [
                f"{point.sensitivity:g}{' *' if point.in_force else ''}",
                _share(point.score.caught),
                _share(point.score.false_interruptions),
                _milliseconds(latency),
            ]
        )
    headers = ["caught", "false", "latency\np50 (ms)"]
    return _table("sensitivity", headers, rows, note="* in force: what the figures above were measured with.")


def closing(report: BenchReport) -> str:
    """What decided, and what could not be used."""
    through = report.gate.decided_through
    confirms = sum(through.values())
    lines = []
    if confirms:
        shares = ", ".join(f"{name} {count}" for name, count in through.items())
        lines.append(f"What tipped the {confirms} confirms of the gate: {shares}.")
    if report.not_applicable:
        lines.append(f"Without transcripts, not applicable: {', '.join(report.not_applicable)}.")
    return "\n".join(lines)


def _set_row(one: SetScore) -> list[str]:
    latency = None if one.latency is None else one.latency.p50
    return [
        one.set if one.set == one.label else f"{one.set}\n({one.label})",
        str(one.confirmed.of),
        _share(one.confirmed),
        *[_percent(share) if one.label == INTERRUPTION else "" for _, share in one.within[:-1]],
        "" if one.label != INTERRUPTION or latency is None else f"{1000.0 * latency.value:.0f}",
        str(one.no_speech or ""),
    ]


def _table(first: str, headers: Sequence[str], rows: Sequence[Sequence[str]], *, note: str = "") -> Table:
    table = Table(
        Column(first, no_wrap=True),
        *(Column(header, justify="right", no_wrap=True) for header in headers),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption=note or None,
        caption_justify="left",
        header_style="bold",
    )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _share(share: Share) -> str:
    interval = share.interval
    if interval is None:
        return NONE
    low, high = (f"{100.0 * bound:.1f}" for bound in interval)
    return f"{_percent(share)}\n{low}–{high}"


def _percent(share: Share) -> str:
    return NONE if share.value is None else f"{100.0 * share.value:.1f} %"


def _bare(share: Share) -> str:
    return "–" if share.value is None else f"{100.0 * share.value:.1f}"


def _milliseconds(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    value, low, high = (1000.0 * one for one in (estimate.value, estimate.low, estimate.high))
    return f"{value:.0f}\n{low:.0f}–{high:.0f}"


def _estimate(estimate: Estimate | None, places: int) -> str:
    if estimate is None:
        return NONE
    value, low, high = (f"{one:.{places}f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value}\n{low}–{high}"


def gate_sentence(score: SystemScore) -> str:
    """The gate's main figures in one line."""
    latency = "" if score.latency is None else f" (median {1000.0 * score.latency.p50.value:.0f} ms)"
    return (
        f"gate: {score.caught.count} of {score.caught.of} interruptions caught{latency}, "
        f"{score.false_interruptions.count} of {score.false_interruptions.of} other events confirmed"
    )

"""Two benchmark reports side by side: by set, with intervals, and the events that changed sides."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import OptionError, ProsodyGateError
from .bench_report import FORMAT
from .intervals import Estimate, Share, bootstrap_percentiles
from .items import INTERRUPTION, LABELS
from .system_score import IN_TIME

EXPECTED: Final = "expected a report that prosody-gate bench --json has written"


@dataclass(frozen=True)
class ReportedEvent:
    """One event of a report, as far as two reports are compared by it."""

    name: str
    """Which event."""
    label: str
    """What it is."""
    set: str
    """The part of the collection it belongs to."""
    right: bool
    """Whether the gate did what the label asks for."""
    confirmed: float | None
    """Seconds from the onset to the confirm; None where it was not confirmed."""
    reason: str
    """Why the gate decided so."""


@dataclass(frozen=True)
class ReadReport:
    """What was read of one report."""

    path: Path
    """Its file."""
    manifest: str
    """Name of the manifest it was made with."""
    options: Mapping[str, Any]
    """Options of the gate."""
    profile: str | None
    """Name of the profile; None for none."""
    events: Mapping[tuple[str, str, int], ReportedEvent]
    """By name, label, and which one it is of those that have both, from 1."""


def read_report_fields(path: Path, *, expected: str, error: type[ProsodyGateError]) -> dict[str, Any]:
    """The fields of a report, of whatever format.

    Args:
        path: Of the JSON file.
        expected: What the error says was expected.
        error: What is raised.

    Raises:
        ProsodyGateError: An `error`: the file is missing, or no report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror}); {expected}") from None
    except (ValueError, RecursionError):
        raise error(f"{path}: not JSON; {expected}") from None
    if not isinstance(report, dict) or not isinstance(report.get("outcomes"), list):
        raise error(f"{path}: has no outcomes; {expected}")
    return report


def read_report(path: Path) -> ReadReport:
    """Read a report.

    Args:
        path: Of the JSON file.

    Raises:
        OptionError: The file is missing, no report, or one of another format.
    """
    report = read_report_fields(path, expected=EXPECTED, error=OptionError)
    if report.get("format") != FORMAT:
        raise OptionError(f"{path}: is a report of format {report.get('format')!r}; expected {FORMAT}")
    try:
        events: dict[tuple[str, str, int], ReportedEvent] = {}
        alike: Counter[tuple[str, str]] = Counter()
        for fields in report["outcomes"]:
            event = _event(fields)
            alike[event.name, event.label] += 1
            events[event.name, event.label, alike[event.name, event.label]] = event
        settings, about = report.get("settings") or {}, report.get("about") or {}
        return ReadReport(
            path=path,
            manifest=str(report["manifest"]),
            options=dict(settings.get("options") or {}),
            profile=about.get("profile"),
            events=events,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OptionError(f"{path}: an outcome is damaged ({error}); {EXPECTED}") from None


def _event(fields: Mapping[str, Any]) -> ReportedEvent:
    label, confirmed = fields["label"], fields["confirmed"]
    if label not in LABELS:
        raise ValueError(f"label {label!r}")
    right = fields.get("right")
    if right is None:  # reports of earlier versions do not say
        is_in_time = confirmed is not None and confirmed <= IN_TIME + 1e-9
        right = is_in_time if label == INTERRUPTION else confirmed is None
    return ReportedEvent(
        name=str(fields["name"]),
        label=str(label),
        set=str(fields["set"]),
        right=bool(right),
        confirmed=None if confirmed is None else float(confirmed),
        reason=str(fields.get("reason", "")),
    )


@dataclass(frozen=True)
class ComparedSet:
    """The events of one set and label that both reports have."""

    set: str
    """The part of the collection; empty for all sets together."""
    label: str
    """What they are; empty for all that are no interruptions."""
    before: Share
    """Those that the first report's gate decided rightly."""
    after: Share
    """The same of the second."""
    change: Estimate
    """Difference of the two shares, with its 95 % interval for paired shares."""
    mended: int
    """Wrong before, right after."""
    broken: int
    """Right before, wrong after."""
    latency_before: Estimate | None
    """Median from onset to confirm in seconds, of interruptions caught in both; None where there is none."""
    latency_after: Estimate | None
    """The same of the second report."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "set": self.set,
            "label": self.label,
            "right_before": self.before.to_dict(),
            "right_after": self.after.to_dict(),
            "change": self.change.to_dict(),
            "mended": self.mended,
            "broken": self.broken,
            "latency_before": None if self.latency_before is None else self.latency_before.to_dict(),
            "latency_after": None if self.latency_after is None else self.latency_after.to_dict(),
        }


@dataclass(frozen=True)
class ChangedEvent:
    """An event that one gate decided rightly and the other wrongly."""

    before: ReportedEvent
    after: ReportedEvent

    @property
    def is_mended(self) -> bool:
        """Whether it is right now."""
        return self.after.right

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "name": self.before.name,
            "label": self.before.label,
            "set": self.before.set,
            "now": "right" if self.after.right else "wrong",
            "confirmed_before": self.before.confirmed,
            "confirmed_after": self.after.confirmed,
            "reason_before": self.before.reason,
            "reason_after": self.after.reason,
        }


@dataclass(frozen=True)
class Comparison:
    """Two reports side by side."""

    first: ReadReport
    second: ReadReport
    totals: tuple[ComparedSet, ...]
    """All interruptions, and all else."""
    sets: tuple[ComparedSet, ...]
    """By set and label."""
    changed: tuple[ChangedEvent, ...]
    """What changed sides: the broken ones first."""
    only_first: int
    """Events that the second report does not have."""
    only_second: int
    """Events that the first report does not have."""

    @property
    def options(self) -> dict[str, tuple[Any, Any]]:
        """Options that differ: before and after."""
        names = sorted({*self.first.options, *self.second.options})
        pairs = {name: (self.first.options.get(name), self.second.options.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def sentence(self) -> str:
        """The comparison in one line."""
        mended = sum(one.is_mended for one in self.changed)
        broken = len(self.changed) - mended
        both = sum(total.before.of for total in self.totals)
        if not self.changed:
            return f"{both} events in both: none changed sides"
        parts = []
        for total in self.totals:
            if total.before.of:
                name = "interruptions caught" if total.label == INTERRUPTION else "others left alone"
                sure = "" if total.change.low > 0.0 or total.change.high < 0.0 else ", which may be chance"
                change = (
                    f"{100 * total.change.value:+.1f} points{sure}" if total.mended or total.broken else "unchanged"
                )
                parts.append(f"{name} {_percent(total.before)} -> {_percent(total.after)} ({change})")
        return f"{both} events in both: {mended} mended, {broken} broken; " + "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "first": {"report": self.first.path.name, "profile": self.first.profile},
            "second": {"report": self.second.path.name, "profile": self.second.profile},
            "manifests": [self.first.manifest, self.second.manifest],
            "only_in_first": self.only_first,
            "only_in_second": self.only_second,
            "options": {name: list(pair) for name, pair in self.options.items()},
            "totals": [one.to_dict() for one in self.totals],
            "sets": [one.to_dict() for one in self.sets],
            "changed": [one.to_dict() for one in self.changed],
        }


def _percent(share: Share) -> str:
    return "n/a" if share.value is None else f"{100.0 * share.value:.1f} %"


def compare_reports(first: ReadReport, second: ReadReport) -> Comparison:
    """Compare what two gates, or one with two profiles, made of the same events.

    Args:
        first: Before.
        second: After.

    Raises:
        OptionError: The reports have no event in common.
    """
    common = [key for key in first.events if key in second.events]
    if not common:
        raise OptionError(
            f"{first.path} and {second.path}: have no event in common (of {first.manifest} and {second.manifest}); "
            "expected two reports on the same recordings"
        )
    pairs = [(first.events[key], second.events[key]) for key in common]
    groups = sorted({(before.set, before.label) for before, _ in pairs})
    real = [pair for pair in pairs if pair[0].label == INTERRUPTION]
    other = [pair for pair in pairs if pair[0].label != INTERRUPTION]
    changed = [ChangedEvent(before, after) for before, after in pairs if before.right != after.right]
    return Comparison(
        first=first,
        second=second,
        totals=(_compared("", INTERRUPTION, real), _compared("", "", other)),
        sets=tuple(
            _compared(name, label, [pair for pair in pairs if (pair[0].set, pair[0].label) == (name, label)])
            for name, label in groups
        ),
        changed=tuple(sorted(changed, key=lambda one: (one.is_mended, one.before.set, one.before.name))),
        only_first=len(first.events) - len(common),
        only_second=len(second.events) - len(common),
    )


def _compared(name: str, label: str, pairs: Sequence[tuple[ReportedEvent, ReportedEvent]]) -> ComparedSet:
    both = sum(before.right and after.right for before, after in pairs)
    broken = sum(before.right and not after.right for before, after in pairs)
    mended = sum(after.right and not before.right for before, after in pairs)
    caught = [pair for pair in pairs if pair[0].label == INTERRUPTION and pair[0].right and pair[1].right]
    caught = [pair for pair in caught if pair[0].confirmed is not None and pair[1].confirmed is not None]
    return ComparedSet(
        set=name,
        label=label,
        before=Share(both + broken, len(pairs)),
        after=Share(both + mended, len(pairs)),
        change=paired_difference(both, broken, mended, len(pairs) - both - broken - mended),
        mended=mended,
        broken=broken,
        latency_before=_median([pair[0].confirmed or 0.0 for pair in caught]),
        latency_after=_median([pair[1].confirmed or 0.0 for pair in caught]),
    )


def _median(latencies: Sequence[float]) -> Estimate | None:
    found = bootstrap_percentiles(latencies, (50.0,))
    return found[0] if found else None


def paired_difference(both: int, first: int, second: int, neither: int) -> Estimate:
    """Difference of two shares of the same events, second minus first, with Newcombe's paired interval.

    Newcombe 1998, "Improved confidence intervals for the difference between binomial proportions based on paired data",
    method 10: Wilson's intervals of the two shares, put together with the correlation of the pairs.

    Args:
        both: Events right in both.
        first: Right in the first alone.
        second: Right in the second alone.
        neither: Right in none.
    """
    count = both + first + second + neither
    if not count:
        return Estimate(0.0, 0.0, 0.0)
    one, two = Share(both + first, count), Share(both + second, count)
    p1, p2 = (both + first) / count, (both + second) / count
    (l1, u1), (l2, u2) = one.interval or (0.0, 1.0), two.interval or (0.0, 1.0)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    phi = 0.0
    if margins:
        odds = both * neither - first * second
        # With Newcombe's correction for continuity.
        phi = (max(odds - count / 2.0, 0.0) if odds > 0 else float(odds)) / math.sqrt(margins)
    difference = p2 - p1
    down, up = (p2 - l2, u1 - p1), (u2 - p2, p1 - l1)
    return Estimate(difference, difference - _joined(*down, phi), difference + _joined(*up, phi))


def _joined(one: float, two: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2.0 * phi * one * two + two * two, 0.0))

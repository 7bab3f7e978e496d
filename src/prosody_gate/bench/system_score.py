"""How one system did over all labelled events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .intervals import Estimate, Share, bootstrap_mean, bootstrap_percentiles, rate
from .items import INTERRUPTION, NOT_INTERRUPTIONS
from .outcome import Outcome, Verdict

IN_TIME: Final = 3.0
"""Seconds from the onset within which an interruption must be confirmed to count as caught."""

DECIDED_BY: Final = (0.2, 0.3, 0.5, 0.8)
"""Seconds from the onset at which decisions are counted, as vendors publish them."""

WITHIN: Final = (1.0, 1.2, 1.5)
"""Seconds from the onset by which confirms are counted set by set."""

PERCENTS: Final = (10.0, 50.0, 90.0)

Scored = Sequence[tuple[Outcome, Verdict]]


@dataclass(frozen=True)
class Latency:
    """Confirm latency of the interruptions caught, in seconds from the onset."""

    p10: Estimate
    p50: Estimate
    p90: Estimate

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"p10": self.p10.to_dict(), "p50": self.p50.to_dict(), "p90": self.p90.to_dict()}


@dataclass(frozen=True)
class DecidedBy:
    """How far a system had come by some time after the onset."""

    time: float
    """Seconds."""
    decided: Share
    """Events confirmed or cancelled by then."""
    recall: Share
    """Interruptions confirmed by then, of all interruptions."""
    precision: Share
    """Interruptions among the events confirmed by then."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "time": self.time,
            "decided": self.decided.to_dict(),
            "recall": self.recall.to_dict(),
            "precision": self.precision.to_dict(),
        }


@dataclass(frozen=True)
class SetScore:
    """How one system did over one set."""

    set: str
    label: str
    confirmed: Share
    """Confirmed at any time."""
    within: tuple[tuple[float, Share], ...]
    """Confirmed within each of `WITHIN` and `IN_TIME` seconds."""
    no_speech: int
    """Events in which the VAD found no speech; they count as not confirmed."""
    latency: Latency | None
    """Of those confirmed within `IN_TIME`; None when there are none."""

    @property
    def not_confirmed(self) -> Share:
        """The agent talked on: what is wanted of all but interruptions."""
        return Share(self.confirmed.of - self.confirmed.count, self.confirmed.of)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "set": self.set,
            "label": self.label,
            "confirmed": self.confirmed.to_dict(),
            "not_confirmed": self.not_confirmed.to_dict(),
            "within": {f"{seconds:g}": share.to_dict() for seconds, share in self.within},
            "no_speech": self.no_speech,
            "latency": None if self.latency is None else self.latency.to_dict(),
        }


@dataclass(frozen=True)
class KindScore:
    """How one system did with one kind of sound."""

    kind: str
    """As the manifest has it."""
    label: str
    wrong: Share
    """Interruptions that were missed; of the other labels, what was confirmed."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {"kind": self.kind, "label": self.label, "wrong": self.wrong.to_dict()}


@dataclass(frozen=True)
class SystemScore:
    """How one system did, overall and set by set."""

    name: str
    """Which system."""
    caught: Share
    """Interruptions confirmed within `IN_TIME`, or left to the user when the agent ended before that."""
    false_interruptions: Share
    """Of everything that is no interruption, what was confirmed."""
    false_by_label: Mapping[str, Share]
    """The same by label."""
    precision: Share
    """Interruptions confirmed in time, of them and the false interruptions."""
    latency: Latency | None
    """None when nothing was caught."""
    decided_by: tuple[DecidedBy, ...]
    """At each of `DECIDED_BY`."""
    runs_on: Estimate | None
    """Mean seconds that the agent talks on after the onset of an interruption: the latency; for one that was missed
    `IN_TIME`, or less where the agent ended before."""
    by_set: tuple[SetScore, ...]
    """Sorted, interruptions first."""
    by_kind: tuple[KindScore, ...]
    """The same order; events whose kind the manifest does not tell are left out."""
    decided_through: Mapping[str, int]
    """Confirms by what tipped the scales: the largest share of the evidence, or the reason where it was none."""
    unlabelled: int | None
    """Confirmed overlaps that nobody labelled, in calls; None elsewhere."""
    false_per_hour: Estimate | None
    """False interruptions and unlabelled ones an hour of agent speech, in calls; None elsewhere."""

    @classmethod
    def of(cls, name: str, scored: Scored, *, unlabelled: int | None = None, agent_speech: float = 0.0) -> SystemScore:
        """Score one system.

        Args:
            name: Which.
            scored: The events that it could decide about, with its verdicts.
            unlabelled: Confirmed overlaps that nobody labelled; None where there can be none.
            agent_speech: Seconds for which the agent spoke.
        """
        real = [verdict for outcome, verdict in scored if outcome.label == INTERRUPTION]
        other = [verdict for outcome, verdict in scored if outcome.label != INTERRUPTION]
        stopped = sum(confirmed_by(verdict, IN_TIME) for verdict in real)
        claims = [(outcome, verdict) for outcome, verdict in scored if outcome.label == INTERRUPTION]
        caught = sum(is_caught(outcome, verdict) for outcome, verdict in claims)
        false = [verdict for verdict in other if verdict.confirmed is not None]
        by_label = {
            label: [verdict for outcome, verdict in scored if outcome.label == label] for label in NOT_INTERRUPTIONS
        }
        sets = _interruptions_first({(outcome.label, outcome.set) for outcome, _ in scored})
        kinds = _interruptions_first({(outcome.label, outcome.kind) for outcome, _ in scored if outcome.kind})
        runs_on = [_runs_on(outcome, verdict) for outcome, verdict in claims]
        through = Counter(verdict.decided_through for verdict in (*real, *other) if verdict.confirmed is not None)
        return cls(
            name=name,
            caught=Share(caught, len(real)),
            false_interruptions=Share(len(false), len(other)),
            false_by_label={
                label: Share(sum(verdict.confirmed is not None for verdict in verdicts), len(verdicts))
                for label, verdicts in by_label.items()
                if verdicts
            },
            precision=Share(stopped, stopped + len(false)),
            latency=_latency(real),
            decided_by=tuple(_decided_by(time, real, other) for time in DECIDED_BY),
            runs_on=bootstrap_mean(runs_on),
            by_set=tuple(_of_set(set_name, label, scored) for label, set_name in sets),
            by_kind=tuple(_of_kind(kind, label, scored) for label, kind in kinds),
            decided_through=dict(sorted(through.items(), key=lambda item: (-item[1], item[0]))),
            unlabelled=unlabelled,
            false_per_hour=(None if unlabelled is None else rate(len(false) + unlabelled, agent_speech / 3600.0)),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "name": self.name,
            "caught": self.caught.to_dict(),
            "false_interruptions": self.false_interruptions.to_dict(),
            "false_by_label": {label: share.to_dict() for label, share in self.false_by_label.items()},
            "precision": self.precision.to_dict(),
            "latency": None if self.latency is None else self.latency.to_dict(),
            "decided_by": [point.to_dict() for point in self.decided_by],
            "runs_on": None if self.runs_on is None else self.runs_on.to_dict(),
            "by_set": [one.to_dict() for one in self.by_set],
            "by_kind": [one.to_dict() for one in self.by_kind],
            "decided_through": dict(self.decided_through),
            "unlabelled": self.unlabelled,
            "false_per_hour": None if self.false_per_hour is None else self.false_per_hour.to_dict(),
        }


def confirmed_by(verdict: Verdict, seconds: float) -> bool:
    """Whether the agent was stopped within some seconds of the onset; a nanosecond is given for rounding."""
    return verdict.confirmed is not None and verdict.confirmed <= seconds + 1e-9


def is_caught(outcome: Outcome, verdict: Verdict) -> bool:
    """Whether an interruption got the floor in time: the agent was stopped, or ended by itself before a decision."""
    return confirmed_by(verdict, IN_TIME) or _left_to_user(outcome, verdict)


def is_right(outcome: Outcome, verdict: Verdict) -> bool:
    """Whether a system did what the label asks for: caught an interruption, or left the agent alone."""
    return is_caught(outcome, verdict) if outcome.label == INTERRUPTION else verdict.confirmed is None


def _left_to_user(outcome: Outcome, verdict: Verdict) -> bool:
    """Whether the agent ended by itself in time, before an interruption was confirmed or cancelled."""
    left = outcome.agent_left
    return left is not None and left <= IN_TIME and verdict.confirmed is None and verdict.decided is None


def _runs_on(outcome: Outcome, verdict: Verdict) -> float:
    """Seconds that the agent talks on after the onset of an interruption."""
    if verdict.confirmed is not None and confirmed_by(verdict, IN_TIME):
        return verdict.confirmed
    return IN_TIME if outcome.agent_left is None else min(outcome.agent_left, IN_TIME)


def _latency(verdicts: Sequence[Verdict]) -> Latency | None:
    latencies = [
        verdict.confirmed for verdict in verdicts if verdict.confirmed is not None and confirmed_by(verdict, IN_TIME)
    ]
    return Latency(*bootstrap_percentiles(latencies, PERCENTS)) if latencies else None


def _decided_by(time: float, real: Sequence[Verdict], other: Sequence[Verdict]) -> DecidedBy:
    right = sum(confirmed_by(verdict, time) for verdict in real)
    wrong = sum(confirmed_by(verdict, time) for verdict in other)
    decided = sum(verdict.decided is not None and verdict.decided <= time + 1e-9 for verdict in (*real, *other))
    return DecidedBy(
        time,
        decided=Share(decided, len(real) + len(other)),
        recall=Share(right, len(real)),
        precision=Share(right, right + wrong),
    )


def _of_set(name: str, label: str, scored: Scored) -> SetScore:
    own = [(outcome, verdict) for outcome, verdict in scored if (outcome.set, outcome.label) == (name, label)]
    verdicts = [verdict for _, verdict in own]
    return SetScore(
        set=name,
        label=label,
        confirmed=Share(sum(verdict.confirmed is not None for verdict in verdicts), len(verdicts)),
        within=tuple(
            (seconds, Share(sum(confirmed_by(verdict, seconds) for verdict in verdicts), len(verdicts)))
            for seconds in (*WITHIN, IN_TIME)
        ),
        no_speech=sum(outcome.onset is None for outcome, _ in own),
        latency=_latency(verdicts),
    )


def _of_kind(kind: str, label: str, scored: Scored) -> KindScore:
    own = [(outcome, verdict) for outcome, verdict in scored if (outcome.kind, outcome.label) == (kind, label)]
    if label == INTERRUPTION:
        wrong = sum(not is_caught(outcome, verdict) for outcome, verdict in own)
    else:
        wrong = sum(verdict.confirmed is not None for _, verdict in own)
    return KindScore(kind, label, Share(wrong, len(own)))


def _interruptions_first(keys: set[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(keys, key=lambda key: (key[0] != INTERRUPTION, *key))

"""Scores what a search found as a benchmark scores a gate, and makes a profile of it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ..bench import Outcome, SystemScore, Verdict
from ..gate import GateOptions
from ..profile import Microphone, Profile, installed_version, today
from .folds import TuningEvent
from .selection import TuneResult
from .tuner import Tuner


class _Scored(NamedTuple):
    """All recordings under one set of options."""

    verdicts: list[tuple[Outcome, Verdict]]
    unlabelled: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TuneScores:
    """The same recordings before and after."""

    start: SystemScore
    """Under the options that the search began with."""
    default: SystemScore
    """Under those that a gate has by itself."""
    expected: SystemScore
    """Each event under options chosen without its speaker or file: what to expect on new recordings."""
    best: SystemScore
    """Under the options found, on the very recordings they were found on: too good to be expected again."""


def score(tuner: Tuner, result: TuneResult, events: tuple[TuningEvent, ...]) -> TuneScores:
    """Score the start, the held-out choice and the result."""
    known: dict[GateOptions, _Scored] = {}

    def evaluated(options: GateOptions) -> _Scored:
        if options not in known:
            found = tuner.evaluate(options)
            verdicts = [
                (_outcome(event), Verdict(confirmed=time, decided=time))
                for event, time in zip(events, found.confirmed, strict=True)
            ]
            known[options] = _Scored(verdicts, found.unlabelled)
        return known[options]

    def scored(name: str, found: _Scored) -> SystemScore:
        unlabelled = sum(count for _, count in found.unlabelled) if tuner.has_calls else None
        return SystemScore.of(name, found.verdicts, unlabelled=unlabelled)

    held_out = [evaluated(candidate.options) for candidate in result.held_out]
    expected = _Scored(
        [held_out[tuner.fold_of(event.group) or 0].verdicts[place] for place, event in enumerate(events)],
        # A recording in which nothing is scored has no fold: any of them will do.
        tuple(
            held_out[tuner.fold_of(group) or 0].unlabelled[place]
            for place, (group, _) in enumerate(held_out[0].unlabelled)
        ),
    )
    return TuneScores(
        start=scored("start", evaluated(result.start.options)),
        default=scored("default", evaluated(result.default.options)),
        expected=scored("expected", expected),
        best=scored("best", evaluated(result.best.options)),
    )


def _outcome(event: TuningEvent) -> Outcome:
    return Outcome(name=event.name, line=event.line, label=event.label, set=event.set, onset=event.onset, verdicts={})


def tuned_profile(
    options: GateOptions, *, start: Profile | None, name: str, source: str, expected: SystemScore
) -> Profile:
    """A profile with some options.

    Args:
        options: All of them; those that differ from the defaults are kept.
        start: Whose microphone it is; None for one of which nothing is known but its name.
        name: Of the microphone, where `start` is None.
        source: The recordings.
        expected: What to expect on new recordings.
    """
    defaults = GateOptions().model_dump()
    return Profile(
        microphone=Microphone(name=name) if start is None else start.microphone,
        gate=MappingProxyType({key: value for key, value in options.model_dump().items() if value != defaults[key]}),
        provenance=MappingProxyType(
            {
                "created": today(),
                "source": source,
                "version": installed_version(),
                "score": held_out_sentence(expected),
            }
        ),
    )


def held_out_sentence(score: SystemScore) -> str:
    """The score in words."""
    caught, false = score.caught.value, score.false_interruptions.value
    latency = "" if score.latency is None else f", {1000.0 * score.latency.p50.value:.0f} ms (median)"
    return f"held out: {100.0 * (caught or 0.0):.1f} % caught, {100.0 * (false or 0.0):.1f} % false{latency}"

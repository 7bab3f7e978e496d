"""Scores what a search found as a benchmark scores a gate."""

from __future__ import annotations

from dataclasses import dataclass

from ..bench import Outcome, SystemScore, Verdict
from ..gate import GateOptions
from .tuner import Tuner, TuneResult
from .tuning_event import TuningEvent


@dataclass(frozen=True)
class TuneScores:
    """The same recordings before and after."""

    start: SystemScore
    """Under the options that the search began with."""
    expected: SystemScore
    """Each event under options chosen without its speaker or file: what to expect on new recordings."""
    best: SystemScore
    """Under the options found, on the very recordings they were found on: too good to be expected again."""


def score(tuner: Tuner, result: TuneResult, events: tuple[TuningEvent, ...]) -> TuneScores:
    """Score the start, the held-out choice and the result."""
    known: dict[GateOptions, list[tuple[Outcome, Verdict]]] = {}

    def judged(options: GateOptions) -> list[tuple[Outcome, Verdict]]:
        if options not in known:
            confirmed = tuner.judge(options).confirmed
            known[options] = [
                (_outcome(event), Verdict(confirmed=time, decided=time))
                for event, time in zip(events, confirmed, strict=True)
            ]
        return known[options]

    held_out = [judged(candidate.options) for candidate in result.held_out]
    expected = [held_out[tuner.fold_of(event.group)][place] for place, event in enumerate(events)]
    return TuneScores(
        SystemScore.of("start", judged(result.start.options)),
        SystemScore.of("expected", expected),
        SystemScore.of("best", judged(result.best.options)),
    )


def _outcome(event: TuningEvent) -> Outcome:
    return Outcome(name=event.name, line=event.line, label=event.label, set=event.set, onset=event.onset, verdicts={})

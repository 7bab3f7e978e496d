"""Searches the options of a gate on labelled recordings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..bench import Call
from ..gate import GateOptions
from .folds import folds_of
from .parallel_recordings import ParallelRecordings
from .recordings import Evaluation
from .search_space import SearchSpace, with_evidence
from .selection import Candidate, TuneResult, best_of, held_out_gain
from .study import finished_trials, importance, open_study, sampler, study_name
from .tally import Confirms, Objective, Tally, total

PATIENCE: Final = 40
"""Trials without any gain after which a search ends."""

LEAST_GAIN: Final = 0.001
"""Cost (s) by which a trial must be better to count as a gain."""

TALLIES, OPTIONS = "tallies", "options"


class Tuner:
    """Tries options with Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

    Every trial is evaluated on all recordings and keeps its counts by fold. The search is led by the sum; what to
    expect on new recordings is counted on each fold under the trial that was best on the others. So the choice among
    trials never sees the recordings that score it, while the search that proposed them did: a little too optimistic
    with very few recordings. A trial is chosen only where it beats the start by `LIKELY` standard errors over the
    folds; otherwise the start is.

    Args:
        recordings: With their front end.
        space: What to search.
        objective: What to aim for.
        seed: Of the search and of the split into folds.
        storage: Any storage that Optuna knows as a URL, or the path of a journal file; None keeps nothing. The study's
            name is made of all that its trials must have in common, so that it never mixes what cannot be compared.

    Raises:
        OptionError: The storage cannot be used.
    """

    def __init__(
        self,
        recordings: ParallelRecordings,
        space: SearchSpace,
        objective: Objective,
        *,
        seed: int = 0,
        storage: str | None = None,
    ) -> None:
        self._recordings = recordings
        self._space = space
        self._objective = objective
        self._folds = folds_of(recordings.events, seed=seed)
        self._fold_count = max(self._folds.values()) + 1
        self._seed = seed
        self._study = open_study(storage, study_name(recordings, space, objective, seed))
        self._start = self._try(space.start)
        defaults = GateOptions()
        self._default = self._start if space.start == defaults else self._try(defaults)

    @property
    def finished(self) -> int:
        """Trials done, those of earlier runs included."""
        return len(finished_trials(self._study))

    @property
    def groups(self) -> int:
        """Speakers or files."""
        return len(self._folds)

    def run(
        self,
        trials: int,
        *,
        patience: int = PATIENCE,
        progress: Callable[[int, float], None] | None = None,
    ) -> TuneResult:
        """Search until so many trials are done, or none was better for long.

        Args:
            trials: In all, with those that the storage has already.
            patience: Trials without gain after which to stop.
            progress: Called after each trial with the trials done and the smallest cost so far.
        """
        study, objective = self._study, self._objective
        if not study.trials:
            study.enqueue_trial(self._space.at_start())
        best = objective.cost(total(self._start.folds))
        since_gain = 0
        for earlier in finished_trials(study):
            best, since_gain = _gained(best, since_gain, float(earlier.value or 0.0))
        stopped = False
        while (done := self.finished) < trials:
            if since_gain >= patience:
                stopped = True
                break
            trial = study.ask()
            study.sampler = sampler(self._seed, trial.number)
            options = self._space.suggest(trial)
            candidate = self._try(options)
            cost = objective.cost(total(candidate.folds))
            trial.set_user_attr(TALLIES, [tally.to_list() for tally in candidate.folds])
            trial.set_user_attr(OPTIONS, options.model_dump())
            study.tell(trial, cost)
            best, since_gain = _gained(best, since_gain, cost)
            if progress is not None:
                progress(done + 1, best)
        return self._result(stopped)

    def evaluate(self, options: GateOptions) -> Evaluation:
        """What a gate with these options decides on every event."""
        return self._recordings.evaluate(options)

    @property
    def has_calls(self) -> bool:
        """Whether there may be overlaps that nobody labelled."""
        return any(isinstance(item, Call) for item in self._recordings.items)

    def fold_of(self, group: str) -> int | None:
        """The fold that a speaker or a file belongs to; None where nothing of it is scored."""
        return self._folds.get(group)

    def _try(self, options: GateOptions) -> Candidate:
        margin = self._objective.margin
        plain = eager = slow = self._recordings.evaluate(options)
        if margin > 0.0:
            eager = self._recordings.evaluate(with_evidence(options, margin))
            slow = self._recordings.evaluate(with_evidence(options, -margin))
        confirms = map(Confirms, plain.confirmed, eager.confirmed, slow.confirmed)
        pairs = list(zip(self._recordings.events, confirms, strict=True))
        return Candidate(
            options,
            tuple(
                Tally.of(pair for pair in pairs if self._folds[pair[0].group] == fold)
                for fold in range(self._fold_count)
            ),
        )

    def _result(self, stopped: bool) -> TuneResult:
        candidates = []
        finished = finished_trials(self._study)
        for trial in finished:
            candidates.append(
                Candidate(
                    GateOptions.create("study", **trial.user_attrs[OPTIONS]),
                    tuple(Tally.from_list(values) for values in trial.user_attrs[TALLIES]),
                )
            )

        cost = self._objective.cost
        folds = range(self._fold_count)
        held_out = tuple(
            best_of(self._start, candidates, cost, [other for other in folds if other != fold]) for fold in folds
        )
        return TuneResult(
            start=self._start,
            default=self._default,
            best=best_of(self._start, candidates, cost, folds),
            held_out=held_out,
            trials=len(finished),
            stopped_early=stopped,
            importance=importance(self._study),
            gain=held_out_gain(self._start, held_out, cost),
            gain_over_default=held_out_gain(self._default, held_out, cost),
        )


def _gained(best: float, since_gain: int, cost: float) -> tuple[float, int]:
    return (cost, 0) if cost < best - LEAST_GAIN else (min(best, cost), since_gain + 1)

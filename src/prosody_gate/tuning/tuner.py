"""Searches the options of a gate on labelled recordings."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..bench import AMBIGUOUS, INTERRUPTION, Call, Clip, Manifest, WordOverlap
from ..errors import OptionError
from ..evidence import EvidenceWeights
from ..gate import GateOptions
from ..profile import installed_version
from .folds import folds_of
from .parallel_recordings import ParallelRecordings
from .recordings import Judged
from .search_space import SearchSpace, with_evidence
from .tally import Confirms, Objective, Tally, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

LEAST_EVENTS: Final = 20
"""Events of each kind (to be confirmed, and not) below which a search would learn these recordings by heart."""

PATIENCE: Final = 40
"""Trials without any gain after which a search ends."""

LEAST_GAIN: Final = 0.001
"""Cost (s) by which a trial must be better to count as a gain."""

RANDOM_TRIALS: Final = 15
"""Trials before the sampler learns from them."""

LIKELY: Final = 1.5
"""Standard errors by which options must beat the start to be chosen at all."""

SURE: Final = 3.0
"""Standard errors that the gain on recordings held out must be above: where nothing helps, fewer than one search in ten
with five folds gets there (simulated in tests/test_tune.py). The folds share most of what their options were chosen on,
so Student's t promises too much."""

LEAST_FOLDS: Final = 3
"""Folds from which such a gain can be told from luck at all."""

TALLIES, OPTIONS = "tallies", "options"


@dataclass(frozen=True)
class Candidate:
    """Options that were tried, with what they did in each fold."""

    options: GateOptions
    """All of them."""
    folds: tuple[Tally, ...]
    """One a fold."""


@dataclass(frozen=True)
class Gain:
    """Cost saved, as a mean over folds."""

    value: float
    """In seconds of cost; above 0 is better."""
    error: float
    """Its standard error."""
    folds: int
    """On how many."""

    @classmethod
    def of(cls, saved: Sequence[float]) -> Gain:
        """From what was saved on each fold."""
        error = statistics.stdev(saved) / math.sqrt(len(saved)) if len(saved) > 1 else 0.0
        return cls(statistics.fmean(saved), error, len(saved))

    @property
    def is_likely(self) -> bool:
        """Whether it is worth a try on recordings held out."""
        return self.value > max(LIKELY * self.error, 1e-9)

    @property
    def is_sure(self) -> bool:
        """Whether it is more than a few lucky recordings."""
        return self.folds >= LEAST_FOLDS and self.value > max(SURE * self.error, 1e-9)


@dataclass(frozen=True)
class TuneResult:
    """What a search found."""

    start: Candidate
    """What it began with."""
    default: Candidate
    """The options that a gate has by itself; the start, where it began with those."""
    best: Candidate
    """The best over all recordings: what to use."""
    held_out: tuple[Candidate, ...]
    """For each fold, the best over all others: its own fold tells what to expect on new recordings."""
    trials: int
    """Options tried, those of earlier runs of the study included."""
    stopped_early: bool
    """Whether the search ended because nothing got better."""
    importance: Mapping[str, float]
    """Share of the differences between trials that each option explains, the largest first; empty after too few."""

    gain: Gain
    """On each fold, what the options chosen without it save over the start."""

    gain_over_default: Gain
    """The same over the options that a gate has by itself, on the same microphone."""

    @property
    def is_better(self) -> bool:
        """Whether other options than those of the start are surely better, than the default too."""
        changed = self.best.options != self.start.options
        return changed and self.gain.is_sure and self.gain_over_default.is_sure


class Tuner:
    """Tries options with Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

    Every trial judges all recordings and keeps its counts by fold. The search is led by the sum; what to expect on new
    recordings is counted on each fold under the trial that was best on the others. So the choice among trials never
    sees what it is judged by, while the search that proposed them did: a little too rosy with very few recordings. A
    trial is chosen only where it beats the start by `LIKELY` standard errors over the folds, else the start is.

    Args:
        recordings: With their front end.
        space: What to search.
        objective: What to aim for.
        seed: Of the search and of the split into folds.
        storage: Any storage that Optuna knows as a URL, or the path of a journal file; None keeps nothing. The study's
            name is told from all that its trials must have in common, so that it never mixes what cannot be compared.

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
        self._study = _open_study(storage, _fingerprint(recordings, space, objective, seed))
        self._start = self._try(space.start)
        defaults = GateOptions()
        self._default = self._start if space.start == defaults else self._try(defaults)

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
        from optuna.trial import TrialState

        study, objective = self._study, self._objective
        if not study.trials:
            study.enqueue_trial(self._space.at_start())
        best = objective.cost(total(self._start.folds))
        since_gain = 0
        for earlier in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            best, since_gain = _gained(best, since_gain, float(earlier.value or 0.0))
        stopped = False
        while (done := _complete(study)) < trials:
            if since_gain >= patience:
                stopped = True
                break
            trial = study.ask()
            study.sampler = _sampler(self._seed, trial.number)
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

    def judge(self, options: GateOptions) -> Judged:
        """What these options do to every event."""
        return self._recordings.judge(options)

    @property
    def has_calls(self) -> bool:
        """Whether there may be overlaps that nobody labelled."""
        return any(isinstance(item, Call) for item in self._recordings.items)

    def fold_of(self, group: str) -> int | None:
        """The fold that a speaker or a file belongs to; None where nothing of it is scored."""
        return self._folds.get(group)

    def _try(self, options: GateOptions) -> Candidate:
        margin = self._objective.margin
        plain = eager = slow = self._recordings.judge(options)
        if margin > 0.0:
            eager = self._recordings.judge(with_evidence(options, margin))
            slow = self._recordings.judge(with_evidence(options, -margin))
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
        from optuna.trial import TrialState

        candidates = []
        finished = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
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
            importance=_importance(self._study),
            gain=held_out_gain(self._start, held_out, cost),
            gain_over_default=held_out_gain(self._default, held_out, cost),
        )


def best_of(
    start: Candidate, candidates: Sequence[Candidate], cost: Callable[[Tally], float], folds: Sequence[int]
) -> Candidate:
    """Of the candidates that are likely better than the start on some folds, the best there; else the start itself."""
    at_start = {fold: cost(start.folds[fold]) for fold in folds}
    likely = [
        candidate
        for candidate in candidates
        if Gain.of([at_start[fold] - cost(candidate.folds[fold]) for fold in folds]).is_likely
    ]
    return min([start, *likely], key=lambda candidate: cost(total(candidate.folds[fold] for fold in folds)))


def held_out_gain(before: Candidate, held_out: Sequence[Candidate], cost: Callable[[Tally], float]) -> Gain:
    """What the options chosen without each fold save on it."""
    return Gain.of([cost(before.folds[fold]) - cost(candidate.folds[fold]) for fold, candidate in enumerate(held_out)])


def check_material(manifest: Manifest) -> tuple[Clip | Call, ...]:
    """The recordings of a manifest, if there are enough to search on.

    Raises:
        OptionError: They have no audio, are of one kind or speaker only, or too few; says how many are needed.
    """
    items = []
    for item in manifest.items:
        if isinstance(item, WordOverlap):
            raise OptionError(f"{manifest.path}: holds overlaps without audio; expected clips or calls")
        items.append(item)
    events = [
        (item.group, label == INTERRUPTION)
        for item in items
        for label in ([item.label] if isinstance(item, Clip) else [event.label for event in item.events])
        if label != AMBIGUOUS
    ]
    check_counts(events, source=str(manifest.path))
    return tuple(items)


def check_counts(events: Iterable[tuple[str, bool]], *, source: str) -> None:
    """Whether there is enough to search on.

    Args:
        events: Of each, who speaks or the recording, and whether it is an interruption.
        source: Name of the manifest.

    Raises:
        OptionError: There is not; says how many are needed.
    """
    groups: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for group, is_interruption in events:
        groups[is_interruption][group] += 1
    interruptions, others = groups[True].total(), groups[False].total()
    needed = (
        f"expected at least {LEAST_EVENTS} interruptions and {LEAST_EVENTS} that are none "
        "(backchannel, nonspeech, noise)"
    )
    if not interruptions and not others:
        raise OptionError(f"{source}: none of its recordings can be used; {needed}")
    if not interruptions or not others:
        only = "interruptions" if interruptions else "what is no interruption"
        raise OptionError(f"{source}: holds {only} only ({interruptions + others}); {needed}")
    if min(interruptions, others) < LEAST_EVENTS:
        raise OptionError(f"{source}: has {interruptions} interruptions and {others} that are none; {needed}")
    if len(groups[True] | groups[False]) < 2:
        raise OptionError(f"{source}: all of one speaker or recording; expected at least 2, to hold one out")
    for kind, what in ((True, "interruptions"), (False, "events that are no interruption")):
        if len(groups[kind]) < 2:
            (group,) = groups[kind]
            raise OptionError(
                f"{source}: all {what} are of one speaker or recording ({group}); expected each kind in at least 2, "
                "to hold one out"
            )


def _gained(best: float, since_gain: int, cost: float) -> tuple[float, int]:
    return (cost, 0) if cost < best - LEAST_GAIN else (min(best, cost), since_gain + 1)


def _complete(study: Study) -> int:
    from optuna.trial import TrialState

    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _fingerprint(recordings: ParallelRecordings, space: SearchSpace, objective: Objective, seed: int) -> str:
    """A name for all that trials must have in common to be compared."""
    settings = recordings.settings
    lexicon = settings.lexicon
    common: list[Any] = [
        sorted((event.name, event.label, event.group, str(event.onset)) for event in recordings.events),
        sorted(_content(item) for item in recordings.items),
        space.start.model_dump(),
        [list(tunable) for tunable in space.tunables],
        repr(objective),
        seed,
        None if settings.profile is None else settings.profile.to_dict()["microphone"],
        [settings.listener, settings.vad, lexicon.languages, sorted(lexicon.ignore), sorted(lexicon.interrupt)],
        settings.scene.to_dict(),
        installed_version(),
        dict(EvidenceWeights.load().provenance),
    ]
    return "prosody-gate " + hashlib.sha256(json.dumps(common, default=str).encode()).hexdigest()[:12]


def _content(item: Clip | Call) -> str:
    """All that a manifest says of a recording but its place there, and the size of its audio."""
    size = item.audio.stat().st_size if item.audio.exists() else 0
    # Machines that share a storage may keep the recordings in different folders: the name tells which it is.
    return f"{size} {replace(item, line=0, audio=Path())}"


def check_storage(storage: str | None) -> None:
    """Find out before a long preparation whether there is Optuna, and whether the storage can be used.

    Raises:
        OptionError: There is not, or it cannot; says what to do.
    """
    _import_optuna()
    if storage is not None:
        with _quiet():
            path = Path(storage.removeprefix("sqlite:///"))
            is_new = not path.exists()
            try:
                _storage(storage).get_all_studies()
            except Exception as error:  # each kind of storage has errors of its own
                raise _unusable(storage, error) from None
            finally:
                if is_new and path.is_file():  # made by the check alone
                    path.unlink()


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise OptionError("tune: Optuna is not installed; install it with pip install 'prosody-gate[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _open_study(storage: str | None, name: str) -> Study:
    optuna = _import_optuna()
    with _quiet():
        try:
            kept = None if storage is None else _storage(storage)
            study: Study = optuna.create_study(storage=kept, study_name=name, load_if_exists=True)
        except Exception as error:
            if storage is None:
                raise
            raise _unusable(storage, error) from None
    return study


def _sampler(seed: int, trial: int) -> BaseSampler:
    """What proposes one trial. Its number is part of the seed: machines that share a storage must not try the same, and
    a search that is resumed goes on as it would have."""
    import optuna

    mixed = hashlib.sha256(f"{seed} {trial}".encode()).digest()
    with _quiet():
        return optuna.samplers.TPESampler(seed=int.from_bytes(mixed[:4], "big"), n_startup_trials=RANDOM_TRIALS)


def _unusable(storage: str, error: Exception) -> OptionError:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return OptionError(
        f"--storage {storage}: cannot be used ({first}); expected a URL that Optuna knows, for instance "
        "sqlite:///tune.db, or the path of a journal file"
    )


def _storage(said: str) -> BaseStorage:
    import optuna

    if "://" in said:
        return optuna.storages.get_storage(said)
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(said))


def _importance(study: Study) -> Mapping[str, float]:
    import optuna

    with _quiet():
        try:
            return dict(optuna.importance.get_param_importances(study))
        except (RuntimeError, ValueError, ImportError):
            return {}  # too few trials, or all cost the same


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's notes on what of it is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""The Optuna study behind a search: its name, its storage, what proposes its trials."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..bench import Call, Clip
from ..errors import OptionError
from ..evidence import EvidenceWeights
from ..profile import installed_version
from .parallel_recordings import ParallelRecordings
from .search_space import SearchSpace
from .tally import Objective

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

RANDOM_TRIALS: Final = 15
"""Trials before the sampler learns from them."""


def study_name(recordings: ParallelRecordings, space: SearchSpace, objective: Objective, seed: int) -> str:
    """A name for all that trials must have in common to be compared."""
    settings = recordings.settings
    gates = settings.gates
    common: list[Any] = [
        sorted((event.name, event.label, event.group, str(event.onset)) for event in recordings.events),
        sorted(_content(item) for item in recordings.items),
        space.start.model_dump(),
        [list(tunable) for tunable in space.tunables],
        repr(objective),
        seed,
        None if gates.profile is None else gates.profile.to_dict()["microphone"],
        [
            gates.listens,
            settings.vad,
            gates.lexicon.languages,
            sorted(gates.lexicon.ignore),
            sorted(gates.lexicon.interrupt),
        ],
        settings.scene.to_dict(),
        installed_version(),
        dict(EvidenceWeights.load().provenance),
    ]
    return "prosody-gate " + hashlib.sha256(json.dumps(common, default=str).encode()).hexdigest()[:12]


def _content(item: Clip | Call) -> str:
    """All that a manifest says of a recording but its place there, and the size of its audio."""
    size = item.audio.stat().st_size if item.audio.exists() else 0
    # Machines that share a storage may keep the recordings in different folders: the name identifies it.
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


def open_study(storage: str | None, name: str) -> Study:
    """The study of a name, with all trials that its storage has already.

    Args:
        storage: Any storage that Optuna knows as a URL, or the path of a journal file; None keeps nothing.
        name: Of the study.

    Raises:
        OptionError: Optuna is not installed, or the storage cannot be used.
    """
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


def sampler(seed: int, trial: int) -> BaseSampler:
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


def importance(study: Study) -> Mapping[str, float]:
    """Share of the differences between trials that each option explains; empty after too few trials."""
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


def finished_trials(study: Study) -> list[FrozenTrial]:
    """The trials that were completed, by this process or another."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

"""Runs a benchmark, in one process, in several, or on a cluster."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import joblib

from ..errors import AudioError, OptionError
from ..gate_factory import GateFactory
from .bench_report import BenchReport
from .evaluator import BenchSettings, Evaluator, ItemGates
from .items import Item
from .manifest import Manifest, ManifestError, SkippedLine
from .outcome import ItemOutcome
from .rules import Baseline

BACKENDS: Final = ("loky", "dask", "ray")
CONNECT_TIMEOUT: Final = 10.0
"""Seconds to wait for a scheduler."""


@contextmanager
def work_on(backend: str, *, jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """Have joblib do its work on a backend while the block runs.

    Args:
        backend: loky (processes of this machine), dask or ray.
        jobs: Processes, 1 or more; a cluster uses all its workers instead.
        scheduler: Address of the Dask scheduler, for instance tcp://10.0.0.5:8786, or of the Ray cluster, for instance
            auto (the one that this machine belongs to) or ray://10.0.0.5:10001.

    Raises:
        OptionError: There is no such backend, it is not installed, or no cluster answers.
    """
    if backend not in BACKENDS:
        raise OptionError(f"--backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if jobs < 1:
        raise OptionError(f"--jobs: expected 1 or more, got {jobs}")
    if (backend != "loky") != (scheduler is not None):
        cluster = "dask" if backend == "loky" else backend
        raise OptionError(f"--backend {cluster} and --scheduler ADDRESS: expected both or neither")
    if backend == "loky":
        with joblib.parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
    with _work_on_ray(scheduler) if backend == "ray" else _work_on_dask(scheduler):
        yield


@contextmanager
def _work_on_dask(scheduler: str | None) -> Iterator[None]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError:
        raise OptionError(
            "--backend dask: Dask is not installed; install it with pip install 'prosody-gate[cluster]'"
        ) from None
    with warnings.catch_warnings():
        # Another Python or library version on the cluster: Dask's own words are many lines.
        warnings.simplefilter("ignore")
        try:
            client = distributed.Client(scheduler, timeout=CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            raise OptionError(f"--scheduler {scheduler}: no Dask scheduler answers there ({error})") from None
    with client, joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


@contextmanager
def _work_on_ray(address: str | None) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own words are many
        try:
            ray = importlib.import_module("ray")
            register_ray = importlib.import_module("ray.util.joblib").register_ray
        except ImportError:
            raise OptionError(
                "--backend ray: Ray is not installed; install it with pip install 'prosody-gate[ray]'"
            ) from None
        joined = not ray.is_initialized()
        try:
            ray.init(address, ignore_reinit_error=True, logging_level="ERROR", log_to_driver=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise OptionError(f"--scheduler {address}: no Ray cluster answers there ({error})") from None
        register_ray()
        try:
            with joblib.parallel_config(backend="ray", n_jobs=-1):
                yield
        finally:
            if joined:
                ray.shutdown()


CHUNK: Final = {"clips": 8, "calls": 1, "overlaps": 64}
"""Items that a process gets at a time."""


def run_bench(
    manifest: Manifest,
    settings: BenchSettings,
    *,
    gates: GateFactory | ItemGates,
    baselines: Sequence[Baseline] = (),
    jobs: int | None = None,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> BenchReport:
    """Run the gate and the baselines over every item, and score them.

    Each item is a call of its own, so the report does not depend on the order, the number of processes or
    where they run. The work goes through joblib: a backend that was set with `joblib.parallel_config` (Dask,
    Ray) is used where `jobs` is None. A cluster's machines must see the recordings under the same paths.

    Args:
        manifest: What to evaluate on.
        settings: What to evaluate it with.
        gates: Makes the gates of all items, or gives what makes those of each.
        baselines: What the gate is compared with.
        jobs: Processes; None leaves it to joblib's configuration (one, unless set otherwise).
        strict: Whether a recording that cannot be used is an error; otherwise it is skipped and reported.
        progress: Called with the number of items done so far.
        about: What else to put into the report, as JSON-ready values.

    Raises:
        ManifestError: With `strict`, a recording cannot be used; or none can.
        ModelError: A model is missing or damaged.
    """
    size = CHUNK[manifest.kind]
    chunks = [manifest.items[start : start + size] for start in range(0, len(manifest.items), size)]
    # Ray's backend hands nothing back before all is done.
    streams = getattr(joblib.parallel.get_active_backend()[0], "supports_return_generator", False)
    work = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered" if streams else "list", batch_size=1)
    finished = work(
        joblib.delayed(evaluate_items)(place, chunk, settings, gates, tuple(baselines), str(manifest.path))
        for place, chunk in enumerate(chunks)
    )
    results: dict[int, list[ItemOutcome | SkippedLine]] = {}
    done = 0
    for place, evaluated in finished:
        results[place] = evaluated
        done += len(evaluated)
        if strict:
            for result in evaluated:
                if isinstance(result, SkippedLine):
                    raise ManifestError(result.problem)
        if progress is not None:
            progress(done)
    in_order = [result for place in sorted(results) for result in results[place]]
    skipped = [result for result in in_order if isinstance(result, SkippedLine)]
    items = [result for result in in_order if isinstance(result, ItemOutcome)]
    if not any(item.outcomes for item in items):
        first = f"; the first: {skipped[0].problem}" if skipped else ": all events are labelled ambiguous"
        raise ManifestError(f"{manifest.path}: nothing in it can be scored{first}")
    return BenchReport.of(
        manifest,
        settings,
        items,
        baselines=[baseline.name for baseline in baselines],
        skipped=skipped,
        about=about,
    )


def evaluate_items(
    place: int,
    items: Sequence[Item],
    settings: BenchSettings,
    gates: GateFactory | ItemGates,
    baselines: Sequence[Baseline],
    source: str,
) -> tuple[int, list[ItemOutcome | SkippedLine]]:
    """Evaluate on some items: what one process does at a time.

    Args:
        place: Which part of the work this is; handed back.
        items: What to evaluate on.
        settings: What to evaluate it with.
        gates: Makes the gates of all items, or gives what makes those of each.
        baselines: What the gate is compared with.
        source: Name of the manifest, for errors.

    Returns:
        The place, and for each item its outcome, or what is wrong with its recording.
    """
    evaluator = Evaluator(settings, gates, baselines)
    results: list[ItemOutcome | SkippedLine] = []
    for item in items:
        try:
            results.append(evaluator.evaluate(item))
        except AudioError as error:
            results.append(SkippedLine(item.line, f"{source}:{item.line}: {error}"))
    return place, results

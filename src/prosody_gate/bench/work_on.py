"""Chooses where a benchmark's work is done: processes of this machine, or a Dask cluster."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import joblib

from ..errors import OptionError

BACKENDS: Final = ("loky", "dask")
CONNECT_TIMEOUT: Final = 10.0
"""Seconds to wait for a scheduler."""


@contextmanager
def work_on(backend: str, *, jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """Have joblib do its work on a backend while the block runs.

    Args:
        backend: loky (processes of this machine) or dask.
        jobs: Processes, 1 or more; a Dask cluster uses all its workers instead.
        scheduler: Address of the Dask scheduler, for instance tcp://10.0.0.5:8786.

    Raises:
        OptionError: There is no such backend, Dask is not installed, or no scheduler answers.
    """
    if backend not in BACKENDS:
        raise OptionError(f"--backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if jobs < 1:
        raise OptionError(f"--jobs: expected 1 or more, got {jobs}")
    if (backend == "dask") != (scheduler is not None):
        raise OptionError("--backend dask and --scheduler ADDRESS: expected both or neither")
    if backend == "loky":
        with joblib.parallel_config(backend="loky", n_jobs=jobs):
            yield
        return
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

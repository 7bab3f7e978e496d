"""The fitted weights that ship with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelError

DATA_FOLDER = Path(__file__).parent / "data"
TABLE_FILE = "weights.json"
NETWORK_FILE = "voice.npz"


@dataclass(frozen=True)
class EvidenceWeights:
    """Everything that `benchmarks/fit_evidence.py` learned, with where it comes from."""

    provenance: Mapping[str, Any]
    """Data, licences, script, date and cross-validated figures of the fit."""
    words: Mapping[str, float]
    """Feature name of `WordFeatures` to nats."""
    time: Mapping[str, float]
    """Feature name of `time_features` to nats per unit."""
    listener: Mapping[str, float]
    """Feature name of `listener_features` to nats."""
    network: Mapping[str, npt.NDArray[np.float32]]
    """Parameters of the voice network."""

    @classmethod
    @cache
    def load(cls) -> EvidenceWeights:
        """The shipped weights, read once a process.

        Raises:
            ModelError: A weight file is missing or damaged.
        """
        table_path, network_path = DATA_FOLDER / TABLE_FILE, DATA_FOLDER / NETWORK_FILE
        try:
            table = json.loads(table_path.read_text(encoding="utf-8"))
            with np.load(network_path) as arrays:
                network = {name: arrays[name] for name in arrays.files}
            return cls(
                provenance=table["provenance"],
                words=table["words"],
                time=table["time"],
                listener=table["listener"],
                network=network,
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"evidence weights in {DATA_FOLDER.name}/: expected the files {TABLE_FILE} and {NETWORK_FILE} "
                f"as benchmarks/fit_evidence.py writes them ({error})"
            ) from error

"""The fitted weights that ship with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from ..atomic_file import replacing
from ..errors import ModelError

DATA_FOLDER = Path(__file__).parent / "data"
TABLE_FILE = "weights.json"
NETWORK_FILE = "voice.npz"
NOISY_PREFIX = "noisy_"
"""Ahead of the names of the arrays of the network for noise in the file."""


@dataclass(frozen=True)
class EvidenceWeights:
    """Everything that `benchmarks/fit_evidence.py` learned, with where it comes from."""

    provenance: Mapping[str, Any]
    """Data, licences, script and date of the fit."""
    words: Mapping[str, float]
    """Feature name of `WordFeatures` to nats."""
    time: Mapping[str, float]
    """Feature name of `time_features` to nats per unit."""
    listener: Mapping[str, float]
    """Feature name of `listener_features` to nats."""
    network: Mapping[str, npt.NDArray[np.float32]]
    """Parameters of the voice network."""
    voice: Mapping[str, float] = field(default_factory=dict)
    """`patience` at each of the times of `PATIENCE_TIMES`, in nats."""
    sounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """For each look of the listener (`look 0`, ...) the nats of each of the numbers of `Hypothesis.heard`."""
    openings: Mapping[str, float] = field(default_factory=dict)
    """Phrase that opens an overlap to ln P(phrase | interruption) / P(phrase | not), in nats."""
    noisy_network: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    """Parameters of the network for noise; without it `network` speaks in all rooms."""

    def save(self, folder: Path) -> None:
        """Write the two files that `load` reads, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        table = {
            "provenance": dict(self.provenance),
            "listener": dict(self.listener),
            "openings": dict(self.openings),
            "sounds": {name: list(row) for name, row in self.sounds.items()},
            "time": dict(self.time),
            "voice": dict(self.voice),
            "words": dict(self.words),
        }
        text = json.dumps(table, indent=0, sort_keys=True) + "\n"
        arrays: dict[str, Any] = dict(self.network)
        arrays.update({NOISY_PREFIX + name: array for name, array in self.noisy_network.items()})
        with replacing(folder / NETWORK_FILE) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        with replacing(folder / TABLE_FILE) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @classmethod
    @cache
    def load(cls, folder: Path = DATA_FOLDER) -> EvidenceWeights:
        """Read a folder's weights, once a process.

        Args:
            folder: Where the two weight files are; those that ship with the package by default.

        Raises:
            ModelError: A weight file is missing or damaged.
        """
        table_path, network_path = folder / TABLE_FILE, folder / NETWORK_FILE
        try:
            table = json.loads(table_path.read_text(encoding="utf-8"))
            with np.load(network_path) as arrays:
                both = {name: arrays[name] for name in arrays.files}
            network = {name: array for name, array in both.items() if not name.startswith(NOISY_PREFIX)}
            noisy = {name.removeprefix(NOISY_PREFIX): both[name] for name in both.keys() - network.keys()}
            _check_network(both)
            if noisy:
                _check_network(both, NOISY_PREFIX)
            return cls(
                provenance=table["provenance"],
                words=table["words"],
                time=table["time"],
                listener=table["listener"],
                openings=table.get("openings", {}),
                voice=table.get("voice", {}),
                sounds={name: tuple(row) for name, row in table.get("sounds", {}).items()},
                network=network,
                noisy_network=noisy,
            )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise ModelError(
                f"evidence weights in {folder}: expected the files {TABLE_FILE} and {NETWORK_FILE} "
                f"as benchmarks/fit_evidence.py writes them ({error})"
            ) from error


def _check_network(arrays: Mapping[str, npt.NDArray[np.float32]], prefix: str = "") -> None:
    """Whether the arrays fit together as `GruNetwork` has them.

    Args:
        arrays: Of the file.
        prefix: Ahead of the names of `GruNetwork` there.

    Raises:
        ValueError: One is of the wrong shape, or not finite.
        KeyError: One is missing.
    """
    hidden = len(arrays[prefix + "output_weight"])
    spectral, features = arrays[prefix + "input_weight"].shape
    embedded, size = arrays[prefix + "embedding_weight"].shape
    shapes = {
        "input_weight": (spectral, features),
        "input_bias": (spectral,),
        "embedding_weight": (embedded, size),
        "embedding_bias": (embedded,),
        "embedding_mean": (size,),
        "embedding_scale": (size,),
        "gate_input": (3 * hidden, spectral + embedded),
        "gate_input_bias": (3 * hidden,),
        "gate_state": (3 * hidden, hidden),
        "gate_state_bias": (3 * hidden,),
        "output_weight": (hidden,),
        "output_bias": (1,),
    }
    for name, shape in shapes.items():
        array = arrays[prefix + name]
        if array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{NETWORK_FILE}: {prefix}{name}: expected finite numbers of shape {shape}")

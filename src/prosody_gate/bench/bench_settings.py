"""What a benchmark is run with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..errors import OptionError
from ..gate import GateOptions
from ..vad import DetectorName
from .scene import SceneOptions


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """All that decides a benchmark's figures, besides the manifest and the gates."""

    options: GateOptions = field(default_factory=GateOptions)
    """Options of the gate; their VAD thresholds find the overlaps for every system."""
    vad: DetectorName = "silero"
    """What tells speech."""
    input_gain_db: float = 0.0
    """How much louder than recorded every system hears the user, in dB."""
    scene: SceneOptions = field(default_factory=SceneOptions)
    """How clips are made harder."""
    interim_lag: float | None = 0.3
    """Seconds from a word's end to its interim transcript, for overlaps; None for no transcripts at all."""
    sweep: tuple[float, ...] = ()
    """Sensitivities to run the gate at besides its own, 0 to 1."""

    def __post_init__(self) -> None:
        if self.interim_lag is not None and not 0.0 <= self.interim_lag <= 5.0:
            raise OptionError(f"interim_lag: expected a number from 0 to 5, got {self.interim_lag:g}")
        for value in self.sweep:
            if not (math.isfinite(value) and 0.0 <= value <= 1.0):
                raise OptionError(f"sweep: expected sensitivities from 0 to 1, got {value:g}")

    def to_dict(self, kind: str) -> dict[str, Any]:
        """The settings that count for one kind of manifest, as JSON-ready values."""
        settings: dict[str, Any] = {"options": self.options.model_dump()}
        if kind == "overlaps":
            settings["interim_lag"] = self.interim_lag
        else:
            settings["vad"] = self.vad
            settings["input_gain_db"] = self.input_gain_db
        if kind == "clips":
            settings["scene"] = self.scene.to_dict()
        return settings

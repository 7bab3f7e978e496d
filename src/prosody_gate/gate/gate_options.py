"""Everything about the gate that can be set, with unit, range and meaning."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import OptionError

SENSITIVITY_NATS = 6.0
"""Log-odds by which the confirm threshold moves as sensitivity goes from 0 to 1."""


class Tunable(NamedTuple):
    """An option that a tuner may move, and how far."""

    name: str
    low: float
    high: float


def _option(default: float, *, low: float, high: float, tune: tuple[float, float] | None, says: str) -> Any:
    extra: dict[str, Any] = {"tune": list(tune)} if tune else {}
    return Field(default=default, ge=low, le=high, description=says, json_schema_extra=extra)


class GateOptions(BaseModel):
    """Options of a `Gate`. Durations in seconds, evidence in nats; every field has a range.

    Raises:
        OptionError: A field is unknown, of the wrong type or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    sensitivity: float = _option(
        0.5,
        low=0.0,
        high=1.0,
        tune=(0.2, 0.8),
        says="The one knob: 0 confirms only on strong evidence, 1 at the first hint. Moves the confirm threshold.",
    )
    confirm_probability: float = _option(
        0.85,
        low=0.5,
        high=0.999,
        tune=(0.6, 0.99),
        says="P(interruption) at which a hold is confirmed, at sensitivity 0.5.",
    )
    activation_threshold: float = _option(
        0.5,
        low=0.05,
        high=0.95,
        tune=(0.3, 0.8),
        says="Speech probability at which a frame counts as speech.",
    )
    deactivation_threshold: float = _option(
        0.35,
        low=0.01,
        high=0.95,
        tune=None,
        says="Speech probability below which, once speaking, a frame counts as silence.",
    )
    min_speech_duration: float = _option(
        0.05,
        low=0.0,
        high=1.0,
        tune=(0.03, 0.25),
        says="Speech (s) before a hold begins; less is not even held.",
    )
    min_silence_duration: float = _option(
        0.3,
        low=0.05,
        high=2.0,
        tune=(0.15, 0.6),
        says="Silence (s) that ends a stretch of speech; a shorter pause belongs to it.",
    )
    max_hold: float = _option(
        2.8,
        low=0.2,
        high=30.0,
        tune=(1.5, 3.0),
        says="Speech (s) after which a hold is confirmed whatever the evidence: the safety net. What the "
        "transcript has shown to be ignore phrases does not count.",
    )
    utterance_gap: float = _option(
        1.0,
        low=0.0,
        high=5.0,
        tune=None,
        says="Silence (s) after which the next overlap is weighed without the words before it.",
    )
    tail_boundary: float = _option(
        1.0,
        low=0.0,
        high=5.0,
        tune=None,
        says="Speech that ends this close (s) before the agent's own end is released, not cancelled.",
    )
    transcript_timeout: float = _option(
        1.0,
        low=0.0,
        high=10.0,
        tune=None,
        says="How long (s) after the end of speech its transcript may still decide, where transcripts are expected.",
    )
    transcript_lag: float = _option(
        0.3,
        low=0.0,
        high=5.0,
        tune=None,
        says="How far (s) a transcript without times of its own lies behind the speech it describes.",
    )
    prior: float = _option(
        0.0,
        low=-5.0,
        high=5.0,
        tune=(-2.0, 2.0),
        says="Log-odds (nats) that an overlap is an interruption before anything was seen.",
    )
    listener_confidence: float = _option(
        0.6,
        low=0.0,
        high=1.0,
        tune=(0.4, 0.95),
        says="P(interruption) by voice and listener alone at which a recognised interrupt phrase confirms.",
    )

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> GateOptions:
        if self.deactivation_threshold > self.activation_threshold:
            raise ValueError(
                f"deactivation_threshold {self.deactivation_threshold:g} is above activation_threshold "
                f"{self.activation_threshold:g}; expected it at or below"
            )
        return self

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise OptionError(_first_problem(error, type(self))) from None

    @classmethod
    def create(cls, source: str = "options", /, **fields: Any) -> GateOptions:
        """Build options, with errors of one line.

        Args:
            source: Where the fields come from, for the message: a file name or "options".
            **fields: The fields that differ from the defaults.

        Raises:
            OptionError: Names the source, the field, what was given and what was expected.
        """
        try:
            return cls(**fields)
        except OptionError as error:
            raise OptionError(f"{source}: {error}") from None

    def replace(self, **fields: Any) -> GateOptions:
        """A copy with some fields changed; same errors as `create`."""
        return self.create(**{**self.model_dump(), **fields})

    @property
    def confirm_log_odds(self) -> float:
        """Evidence in nats at which a hold is confirmed."""
        at_middle = math.log(self.confirm_probability / (1.0 - self.confirm_probability))
        return at_middle - (self.sensitivity - 0.5) * SENSITIVITY_NATS

    @property
    def segmenter_options(self) -> dict[str, float]:
        """The options that separate speech from silence, by the names of `SpeechSegmenter`."""
        return {
            "activation_threshold": self.activation_threshold,
            "deactivation_threshold": self.deactivation_threshold,
            "min_speech_duration": self.min_speech_duration,
            "min_silence_duration": self.min_silence_duration,
        }

    @classmethod
    def tunable(cls) -> tuple[Tunable, ...]:
        """The options a tuner may move, with the bounds to search within."""
        found = []
        for name, field in cls.model_fields.items():
            extra = field.json_schema_extra
            bounds = extra.get("tune") if isinstance(extra, dict) else None
            if isinstance(bounds, list):
                found.append(Tunable(name, *(float(str(bound)) for bound in bounds)))
        return tuple(found)


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown option {name!r}; expected one of {', '.join(model.model_fields)}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    bounds = [
        bound
        for bound in (
            getattr(item, "ge", None) if hasattr(item, "ge") else getattr(item, "le", None)
            for item in model.model_fields[name].metadata
        )
        if bound is not None
    ]
    expected = f"a number from {bounds[0]:g} to {bounds[1]:g}" if len(bounds) == 2 else problem["msg"]
    return f"{name}: expected {expected}, got {problem['input']!r}"

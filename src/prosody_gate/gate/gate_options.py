"""Everything about the gate that can be set, with unit, range and meaning."""

from __future__ import annotations

import math
import textwrap
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from ..errors import OptionError

SENSITIVITY_NATS = 6.0
"""Log-odds by which the confirm threshold moves as sensitivity goes from 0 to 1."""


NAT = (
    "A nat measures evidence: x nats multiply the odds of an interruption by e^x.",
    "+0.7 nats double the odds, +2.3 make them ten times as high; 0 says nothing, and values below 0 speak against it.",
    "Nats add up, and a sum of L is a probability of 1 / (1 + e^-L): 0 is 50 %, 1.7 is 85 %, 4.6 is 99 %.",
)
"""What the unit of evidence means, a sentence a line."""


class Tunable(NamedTuple):
    """An option that a tuner may move, and how far."""

    name: str
    low: float
    high: float


class OptionInfo(NamedTuple):
    """What there is to know about one option."""

    name: str
    default: float
    low: float
    """The least value it takes."""
    high: float
    """The greatest value it takes."""
    unit: str
    """`s` or `nats`; empty for a probability or another number from 0 to 1."""
    says: str
    """What it does, in a sentence or two."""
    tune: tuple[float, float] | None
    """The bounds that `tune` searches within; None where it leaves the option alone."""


def _option(
    default: float, *, low: float, high: float, unit: str = "", tune: tuple[float, float] | None, says: str
) -> Any:
    extra: dict[str, Any] = {"unit": unit, "tune": tune and list(tune)}
    return Field(default=default, ge=low, le=high, description=says, json_schema_extra=extra)


class GateOptions(BaseModel):
    """Options of a `Gate`. Durations in seconds, evidence in nats; every option has a range.

    Raises:
        OptionError: A field is unknown, of the wrong type or out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    sensitivity: float = _option(
        0.5,
        low=0.0,
        high=1.0,
        tune=(0.2, 0.8),
        says="How easily the gate confirms: 0 only on strong evidence, 1 at the first hint. Moves the confirm "
        "threshold by up to 3 nats either way.",
    )
    confirm_probability: float = _option(
        0.85,
        low=0.5,
        high=0.999,
        tune=(0.6, 0.99),
        says="P(interruption) from which a hold is confirmed, at sensitivity 0.5.",
    )
    activation_threshold: float = _option(
        0.5,
        low=0.05,
        high=0.95,
        tune=(0.3, 0.8),
        says="Speech probability from which a frame counts as speech while the user is silent.",
    )
    deactivation_threshold: float = _option(
        0.35,
        low=0.01,
        high=0.95,
        tune=None,
        says="Speech probability below which a frame counts as silence while the user speaks; at most "
        "activation_threshold.",
    )
    min_speech_duration: float = _option(
        0.05,
        low=0.0,
        high=1.0,
        unit="s",
        tune=(0.03, 0.25),
        says="Speech that it takes to begin a hold; anything shorter is ignored.",
    )
    min_silence_duration: float = _option(
        0.3,
        low=0.05,
        high=2.0,
        unit="s",
        tune=(0.15, 0.6),
        says="Silence that ends a speech segment; a shorter pause is part of it.",
    )
    max_hold: float = _option(
        2.8,
        low=0.2,
        high=30.0,
        unit="s",
        tune=(1.5, 3.0),
        says="Speech after which a hold is confirmed whatever the evidence: a safety net. Speech that the "
        "transcript has shown to be ignore phrases does not count, nor does speech far below the user's own level.",
    )
    utterance_gap: float = _option(
        1.0,
        low=0.0,
        high=5.0,
        unit="s",
        tune=None,
        says="Silence after which the next overlap is weighed without the words before it.",
    )
    tail_boundary: float = _option(
        1.0,
        low=0.0,
        high=5.0,
        unit="s",
        tune=None,
        says="Speech that ends at most this long before the agent's own end is released, not cancelled.",
    )
    transcript_timeout: float = _option(
        1.0,
        low=0.0,
        high=10.0,
        unit="s",
        tune=None,
        says="How long after the end of speech its transcript may still decide, if the gate expects transcripts.",
    )
    transcript_lag: float = _option(
        0.3,
        low=0.0,
        high=5.0,
        unit="s",
        tune=None,
        says="How far a transcript that carries no times lies behind the speech it describes.",
    )
    prior: float = _option(
        0.0,
        low=-5.0,
        high=5.0,
        unit="nats",
        tune=(-2.0, 2.0),
        says="Log-odds of an interruption before anything is known about the overlap; above 0 the gate confirms "
        "more easily.",
    )
    listener_confidence: float = _option(
        0.6,
        low=0.0,
        high=1.0,
        tune=(0.4, 0.95),
        says="P(interruption) by voice and listener alone, from which an interrupt phrase that only the listener has "
        "recognised confirms.",
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
    def reference(cls) -> tuple[OptionInfo, ...]:
        """Every option, with its default, range, unit and meaning."""
        found = []
        for name, field in cls.model_fields.items():
            low, high = _bounds(field)
            extra = field.json_schema_extra
            assert isinstance(extra, dict)
            tune: Any = extra["tune"]
            found.append(
                OptionInfo(
                    name,
                    float(field.default),
                    low,
                    high,
                    unit=str(extra["unit"]),
                    says=field.description or "",
                    tune=None if tune is None else (float(tune[0]), float(tune[1])),
                )
            )
        return tuple(found)

    @classmethod
    def tunable(cls) -> tuple[Tunable, ...]:
        """The options a tuner may move, with the bounds to search within."""
        return tuple(Tunable(option.name, *option.tune) for option in cls.reference() if option.tune is not None)


def _bounds(field: FieldInfo) -> list[float]:
    """The least and the greatest value, as far as the field has them."""
    return [float(getattr(item, name)) for item in field.metadata for name in ("ge", "le") if hasattr(item, name)]


def _with_options(docstring: str) -> str:
    """The docstring with a paragraph for each option, so that `help(GateOptions)` shows them."""
    entries = []
    for option in GateOptions.reference():
        unit = f" {option.unit}" if option.unit else ""
        head = f"{option.name}: {option.default:g}{unit}, from {option.low:g} to {option.high:g}."
        entries.append(textwrap.fill(f"{head} {option.says}", 100, initial_indent=" " * 8, subsequent_indent=" " * 12))
    return "\n".join([docstring.rstrip(), "", "    Options, each with its default and range:", *entries, "    "])


GateOptions.__doc__ = _with_options(GateOptions.__doc__ or "")


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown option {name!r}; expected one of {', '.join(model.model_fields)}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    bounds = _bounds(model.model_fields[name])
    expected = f"a number from {bounds[0]:g} to {bounds[1]:g}" if len(bounds) == 2 else problem["msg"]
    return f"{name}: expected {expected}, got {problem['input']!r}"

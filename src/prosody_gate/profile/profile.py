"""A microphone profile: a TOML file with what was measured, and the gate options that suit it."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..atomic_file import replacing
from ..errors import OptionError
from ..gate import GateOptions
from ..prosody import NoiseFloor, OwnLevel, ProsodyAnalyzer, SpeakerNorm
from .profile_store import find_profile

PACKAGE: Final = "prosody-gate"


def installed_version() -> str:
    """The version of this library."""
    return version(PACKAGE)


def today() -> str:
    """The date, as provenance has it."""
    return datetime.date.today().isoformat()


def release_of(text: str) -> tuple[int, ...] | None:
    """The numbers of a version such as 0.1.0 or 1.2rc1, without zeros at the end; None when it is no version."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    if found is None:
        return None
    numbers = [int(number) for number in found[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_newer(text: str) -> bool:
    """Whether a version is newer than the installed one.

    Raises:
        ValueError: It is no version.
    """
    release = release_of(text)
    if release is None:
        raise ValueError(f"{text!r} is no version")
    return release > (release_of(installed_version()) or ())


class Microphone(BaseModel):
    """The `[microphone]` table of a profile; what is left out is learned in the call."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(min_length=1, description="What people call it.")
    noise_floor_dbfs: float | None = Field(
        default=None, ge=-100.0, le=0.0, description="Level of the room when nobody speaks, in dBFS."
    )
    speaking_level_dbfs: float | None = Field(
        default=None, ge=-100.0, le=0.0, description="The user's usual level in voiced speech, in dBFS."
    )
    pitch_hz: float | None = Field(default=None, ge=60.0, le=500.0, description="The user's usual F0, in Hz.")
    band_hz: float | None = Field(
        default=None,
        ge=1_000.0,
        le=24_000.0,
        description="Upper edge of the band that reaches the gate, in Hz: 4000 or less on a telephone line.",
    )
    input_gain_db: float | None = Field(
        default=None,
        ge=-20.0,
        le=40.0,
        description="How much louder than recorded the gate and its VAD get the user, in dB: "
        "VADs miss very quiet speech. The levels above are those after it.",
    )
    echo_guard: bool | None = Field(
        default=None,
        description="Whether the agent's voice is in this microphone, and is to be cancelled: a loudspeaker without "
        "echo cancellation of its own, a line with echo.",
    )
    automatic_gain: bool | None = Field(
        default=None,
        description="Whether the line or the microphone brings every voice to one level by itself: then a soft voice "
        "is not taken for somebody else in the room.",
    )
    clipped_share: float | None = Field(
        default=None, ge=0.0, le=1.0, description="Share of samples cut off at full scale, 0 to 1."
    )


TABLES: Final = ("microphone", "gate", "provenance")
PROVENANCE_FIELDS: Final = ("created", "source", "version", "score")

DIGITS: Final = {"clipped_share": 5, "band_hz": 0}
"""Decimals of a written number where it is not one (levels, pitch)."""

OPTION_DIGITS: Final = 3
"""A millisecond, a thousandth of a probability or of a nat: no recording is more exact."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What suits one microphone. A starting point: noise floor and speaker norms go on adapting in the call.

    Example of a file:
        [microphone]
        name = "USB headset"
        noise_floor_dbfs = -58.0
        speaking_level_dbfs = -24.0
        pitch_hz = 190.0

        [gate]
        min_speech_duration = 0.1
        sensitivity = 0.6

        [provenance]
        created = "2025-03-02"
        source = "room.wav, speech.wav"
    """

    microphone: Microphone
    """What was measured."""
    gate: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Fields of `GateOptions` that differ from the defaults."""
    provenance: Mapping[str, str | float] = field(default_factory=lambda: MappingProxyType({}))
    """Where it comes from: any of `created`, `source`, `version`, `score`."""

    def __post_init__(self) -> None:
        self.options()

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes: a read-only view of a mapping cannot be pickled."""
        return _restored, (self.microphone, dict(self.gate), dict(self.provenance))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Profile:
        """Read and check a profile.

        Args:
            path: A TOML file with the tables `[microphone]` and, where wanted, `[gate]` and `[provenance]`; or
                the name of a profile in the user's config folder or of one that ships with the package.

        Raises:
            OptionError: The file is missing or not TOML, it is from a newer version of this library, or a table
                or field is unknown, of the wrong type or out of range; names the file, the table and the field.
        """
        path = find_profile(path)
        content = _read_toml(path)
        # First of all: what is unknown below may be what the newer version brought.
        _check_version(content.get("provenance"), source=f"{path}: [provenance]")
        for name, table in content.items():
            if name not in TABLES:
                raise OptionError(f"{path}: unknown table or field {name!r}; expected {_listed(TABLES)}")
            if not isinstance(table, dict):
                raise OptionError(f"{path}: {name} is {table!r}; expected a table [{name}]")
        if "microphone" not in content:
            raise OptionError(f"{path}: has no table [microphone]; expected one with at least a name")
        return cls(
            microphone=_microphone(content["microphone"], source=f"{path}: [microphone]"),
            gate=_gate(content.get("gate", {}), source=f"{path}: [gate]"),
            provenance=_provenance(content.get("provenance", {}), source=f"{path}: [provenance]"),
        )

    def renamed(self, name: str) -> Profile:
        """A copy of another name.

        Raises:
            OptionError: The name is empty.
        """
        fields = {**self.microphone.model_dump(), "name": name}
        return replace(self, microphone=_microphone(fields, source=f"profile {self.microphone.name!r}: [microphone]"))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The tables as a file has them: without what is unknown, numbers rounded to what can be measured."""
        microphone = {
            name: round(value, DIGITS.get(name, 1)) if isinstance(value, float) else value
            for name, value in self.microphone.model_dump(exclude_none=True).items()
        }
        tables: dict[str, dict[str, Any]] = {"microphone": microphone}
        if self.gate:
            order = list(GateOptions.model_fields)
            tables["gate"] = {
                name: round(value, OPTION_DIGITS)
                for name, value in sorted(self.gate.items(), key=lambda item: order.index(item[0]))
            }
        if self.provenance:
            tables["provenance"] = dict(self.provenance)
        return tables

    def to_toml(self) -> str:
        """The profile as `load` reads it."""
        return tomli_w.dumps(self.to_dict())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile, whole or not at all.

        Args:
            path: The file; an earlier one is replaced.

        Raises:
            OptionError: The folder is not there or cannot be written to.
        """
        with replacing(Path(path)) as temporary:
            temporary.write_text(self.to_toml(), encoding="utf-8")

    def options(self, **overrides: Any) -> GateOptions:
        """The gate's options: the defaults, then this profile, then the overrides.

        Raises:
            OptionError: An override is unknown or out of range.
        """
        source = f"profile {self.microphone.name!r}: [gate]"
        fields: dict[str, Any] = dict(self.gate)
        return GateOptions.create(source, **fields).replace(**overrides)

    @property
    def input_gain_db(self) -> float:
        """How much louder than recorded the gate and its VAD get the user, in dB."""
        return self.microphone.input_gain_db or 0.0

    @property
    def echo_guard(self) -> bool:
        """Whether the agent's voice is to be cancelled in the microphone."""
        return bool(self.microphone.echo_guard)

    def analyzer(self, make: Callable[..., ProsodyAnalyzer] = ProsodyAnalyzer) -> ProsodyAnalyzer:
        """A fresh analyzer that starts from this room and this user, and goes on learning both.

        Args:
            make: Makes it from `noise_floor`, `speaker_norm` and `own_level`.
        """
        microphone = self.microphone
        return make(
            noise_floor=NoiseFloor(initial_dbfs=microphone.noise_floor_dbfs),
            speaker_norm=SpeakerNorm(level_dbfs=microphone.speaking_level_dbfs, pitch_hz=microphone.pitch_hz),
            own_level=OwnLevel(levels_itself=bool(microphone.automatic_gain)),
        )


def _restored(microphone: Microphone, gate: dict[str, float], provenance: dict[str, str | float]) -> Profile:
    return Profile(microphone=microphone, gate=MappingProxyType(gate), provenance=MappingProxyType(provenance))


def _read_toml(path: Path) -> dict[str, Any]:
    expected = "expected a profile: a TOML file with a table [microphone]"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror or error}); {expected}") from None
    except UnicodeDecodeError:
        raise OptionError(f"{path}: not UTF-8 text; {expected}") from None
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{path}: not TOML ({error}); {expected}") from None


def _check_version(table: object, *, source: str) -> None:
    written_by = table.get("version") if isinstance(table, dict) else None
    if written_by is None:
        return
    try:
        newer = is_newer(str(written_by))
    except ValueError:
        raise OptionError(
            f"{source}: version: expected one such as {installed_version()}, got {written_by!r}"
        ) from None
    if newer:
        raise OptionError(
            f"{source}: version is {written_by}, newer than this prosody-gate ({installed_version()}); "
            "expected a profile of this version or an older one: update prosody-gate, or calibrate anew"
        )


def _microphone(table: dict[str, Any], *, source: str) -> Microphone:
    try:
        return Microphone.model_validate(table)
    except ValidationError as error:
        problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    fields = Microphone.model_fields
    if problem["type"] == "extra_forbidden":
        raise OptionError(f"{source}: unknown field {name!r}; expected {_listed(fields)}")
    if problem["type"] == "missing":
        raise OptionError(f"{source}: has no {name}; expected one, as text")
    if name in ("echo_guard", "automatic_gain"):
        raise OptionError(f"{source}: {name}: expected true or false, got {problem['input']!r}")
    if name == "name":
        raise OptionError(f"{source}: name: expected text, got {problem['input']!r}")
    low, high = (
        next(getattr(bound, side) for bound in fields[name].metadata if hasattr(bound, side)) for side in ("ge", "le")
    )
    raise OptionError(f"{source}: {name}: expected a number from {low:g} to {high:g}, got {problem['input']!r}")


def _gate(table: dict[str, Any], *, source: str) -> Mapping[str, float]:
    fields = GateOptions.model_fields
    for name, value in table.items():
        # Checked before they become arguments: some names would be taken for those of the call itself.
        if name not in fields:
            raise OptionError(f"{source}: unknown option {name!r}; expected {_listed(fields)}")
        # pydantic would take true for 1 and "0.5" for 0.5; in a file either is a slip.
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise OptionError(f"{source}: {name}: expected a number, got {value!r}")
    GateOptions.create(source, **table)
    return MappingProxyType({name: float(value) for name, value in table.items()})


def _provenance(table: dict[str, Any], *, source: str) -> Mapping[str, str | float]:
    checked: dict[str, str | float] = {}
    for name, value in table.items():
        if name not in PROVENANCE_FIELDS:
            raise OptionError(f"{source}: unknown field {name!r}; expected {_listed(PROVENANCE_FIELDS)}")
        if isinstance(value, (datetime.date, datetime.time)):
            checked[name] = value.isoformat()
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            checked[name] = value
        else:
            raise OptionError(f"{source}: {name}: expected text or a number, got {value!r}")
    return MappingProxyType(checked)


def _listed(names: Mapping[str, Any] | tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}"

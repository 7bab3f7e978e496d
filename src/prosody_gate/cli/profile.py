"""`prosody-gate profile`: lists, shows and compares microphone profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import JsonOption
from .json_output import is_alone, name_json_file

if TYPE_CHECKING:
    from ..profile import Profile

ProfileArgument = Annotated[
    str, typer.Argument(metavar="NAME|FILE", show_default=False, help="Name or TOML file of a profile.")
]


def profile_list(
    as_json: JsonOption = None,
) -> None:
    """List the profiles that have a name: your own, and those that ship with prosody-gate.

    Your own are TOML files in your config folder; the last line names that folder.
    """
    from ..profile import named_profiles, profile_folder

    profiles = named_profiles()
    if as_json is not None:
        report = [{"name": one.name, "path": str(one.path), "bundled": one.bundled} for one in profiles]
        as_json.write({"folder": str(profile_folder()), "profiles": report})
    if is_alone(as_json):
        return
    width = max(len(one.name) for one in profiles)
    for one in profiles:
        typer.echo(f"{one.name:<{width}}  {'ships with prosody-gate' if one.bundled else one.path}")
    typer.echo(f"your own: {profile_folder()}")
    name_json_file(as_json)


def profile_show(
    profile: ProfileArgument,
    as_json: JsonOption = None,
) -> None:
    """Check a profile and print its file."""
    from ..profile import Profile, find_profile

    path = find_profile(profile)
    loaded = Profile.load(path)
    if as_json is not None:
        as_json.write({"path": str(path), **loaded.to_dict()})
    if is_alone(as_json):
        return
    typer.echo(path.read_text(encoding="utf-8").rstrip("\n"))
    name_json_file(as_json)


def profile_diff(
    first: ProfileArgument,
    second: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE", show_default=False, help="Another. Default: the gate's defaults."),
    ] = None,
    as_json: JsonOption = None,
) -> None:
    """Print where two profiles differ, or where one differs from the defaults: one field a line, with both values."""
    from ..profile import Profile

    left = Profile.load(first)
    right = None if second is None else Profile.load(second)
    differences = [
        {"field": name, "first": one, "second": other}
        for name, (one, other) in _fields(left, right).items()
        if one != other
    ]
    if as_json is not None:
        as_json.write(differences)
    if is_alone(as_json):
        return
    if not differences:
        typer.echo("no difference")
    widths = [max((len(_shown(row[key])) for row in differences), default=0) for key in ("field", "first")]
    for row in differences:
        typer.echo(f"{row['field']:<{widths[0]}}  {_shown(row['first']):>{widths[1]}}  {_shown(row['second'])}")
    name_json_file(as_json)


def _fields(left: Profile, right: Profile | None) -> dict[str, tuple[Any, Any]]:
    """Both values of each field of the microphone and of the gate; None where a profile does not set it."""
    from ..gate import GateOptions
    from ..profile import Microphone

    fields: dict[str, tuple[Any, Any]] = {}
    for name in Microphone.model_fields:
        fields[f"microphone.{name}"] = (
            getattr(left.microphone, name),
            None if right is None else getattr(right.microphone, name),
        )
    one, other = left.options(), GateOptions() if right is None else right.options()
    for name in GateOptions.model_fields:
        fields[f"gate.{name}"] = (getattr(one, name), getattr(other, name))
    return fields


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)

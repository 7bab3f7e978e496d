"""`prosody-gate profile`: lists, shows and compares microphone profiles."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def profile_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
) -> None:
    """List the profiles that can be asked for by name: your own, and those that ship with prosody-gate.

    Your own are TOML files in your config folder; the last line tells where that is.
    """
    import json

    from ..profile import named_profiles, profile_folder

    profiles = named_profiles()
    if as_json:
        report = [{"name": one.name, "path": str(one.path), "bundled": one.bundled} for one in profiles]
        typer.echo(json.dumps({"folder": str(profile_folder()), "profiles": report}, indent=2))
        return
    width = max(len(one.name) for one in profiles)
    for one in profiles:
        typer.echo(f"{one.name:<{width}}  {'ships with prosody-gate' if one.bundled else one.path}")
    typer.echo(f"your own: {profile_folder()}")


def profile_show(
    profile: Annotated[
        str, typer.Argument(metavar="NAME|P.toml", show_default=False, help="Name or path of a profile.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
) -> None:
    """Check a profile and print it, as the file has it."""
    import json

    from ..profile import Profile, find_profile

    path = find_profile(profile)
    loaded = Profile.load(path)
    if as_json:
        typer.echo(json.dumps({"path": str(path), **loaded.to_dict()}, indent=2))
        return
    typer.echo(path.read_text(encoding="utf-8").rstrip("\n"))


def profile_diff(
    first: Annotated[str, typer.Argument(metavar="NAME|P.toml", show_default=False, help="Name or path of a profile.")],
    second: Annotated[
        str | None,
        typer.Argument(metavar="NAME|P.toml", show_default=False, help="Another. Default: the gate's defaults."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")] = False,
) -> None:
    """Print in what two profiles differ, or one from the defaults: a field a line, first and second value."""
    import json

    from ..profile import Profile

    left = Profile.load(first)
    right = None if second is None else Profile.load(second)
    differences = [
        {"field": name, "first": one, "second": other}
        for name, (one, other) in _fields(left, right).items()
        if one != other
    ]
    if as_json:
        typer.echo(json.dumps(differences, indent=2))
        return
    if not differences:
        typer.echo("no difference")
        return
    widths = [max(len(_shown(row[key])) for row in differences) for key in ("field", "first")]
    for row in differences:
        typer.echo(f"{row['field']:<{widths[0]}}  {_shown(row['first']):>{widths[1]}}  {_shown(row['second'])}")


def _fields(left: Any, right: Any) -> dict[str, tuple[Any, Any]]:
    """Both values of each field of the microphone and of the gate; None where nothing is said."""
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

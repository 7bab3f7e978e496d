"""`prosody-gate profile list`: the profiles that have a name."""

from __future__ import annotations

from typing import Annotated

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

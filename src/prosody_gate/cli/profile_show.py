"""`prosody-gate profile show`: what a profile says."""

from __future__ import annotations

from typing import Annotated

import typer


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

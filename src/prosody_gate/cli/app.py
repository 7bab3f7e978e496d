"""The commands of `prosody-gate`, and its entry point."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from .bench import bench
from .calibrate import calibrate
from .json_output import JsonCommand
from .label import label
from .one_line_errors import PROGRAM, OneLineErrors
from .options import options
from .profile import profile_diff, profile_list, profile_show
from .run import run
from .tune import tune

app = typer.Typer(
    name=PROGRAM,
    cls=OneLineErrors,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", cls=JsonCommand)(run)
app.command("bench", cls=JsonCommand)(bench)
app.command("calibrate", cls=JsonCommand)(calibrate)
app.command("label")(label)
app.command("tune", cls=JsonCommand)(tune)
app.command("options", cls=JsonCommand)(options)
profiles = typer.Typer(no_args_is_help=True, help="List, show and compare microphone profiles.")
profiles.command("list", cls=JsonCommand)(profile_list)
profiles.command("show", cls=JsonCommand)(profile_show)
profiles.command("diff", cls=JsonCommand)(profile_diff)
app.add_typer(profiles, name="profile")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {version(PROGRAM)}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _prosody_gate(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """An interruption gate for voice agents: it lets the agent talk through "mm-hm" and stops it for "wait".

    While the agent talks, what the user says is **held** until its sound and its words tell whether to
    **confirm** it (the agent should stop) or to **cancel** it (the agent never noticed). Runs on
    this machine's CPU, with no account and no download.

    Start with: `prosody-gate run call.wav --agent-channel 0 --user-channel 1`
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with its status: 0, 2 for bad input, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks the letters of a transcript shows their codes.
            stream.reconfigure(errors="backslashreplace")
    app(prog_name=PROGRAM)

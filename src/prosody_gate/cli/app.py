"""The commands of `prosody-gate`, and its entry point."""

from __future__ import annotations

import io
import sys
from importlib.metadata import version
from typing import Annotated, Final

import typer

from .bench import bench
from .calibrate import calibrate
from .compare import compare
from .json_output import JsonCommand
from .label import label
from .one_line_errors import PROGRAM, OneLineErrors
from .options import options
from .page import page
from .profile import profile_diff, profile_list, profile_show
from .run import run
from .serve import serve
from .tune import tune

EXIT_STATUS: Final = """\
Exit status: **0** done; **2** bad input, named in one line on standard error; **3** `tune` found nothing better than
what it began with; **130** stopped with Ctrl-C. Anything else is a bug, with its traceback.
"""

app = typer.Typer(
    name=PROGRAM,
    cls=OneLineErrors,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=EXIT_STATUS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", cls=JsonCommand)(run)
app.command("bench", cls=JsonCommand)(bench)
app.command("compare", cls=JsonCommand)(compare)
app.command("calibrate", cls=JsonCommand)(calibrate)
app.command("label")(label)
app.command("page")(page)
app.command("tune", cls=JsonCommand)(tune)
app.command("serve")(serve)
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
    """An interruption gate for voice agents: the agent talks on through "mm-hm" and stops for "wait".

    While the agent talks, what the user says is **held** until its sound and its words decide: **confirm** (the agent
    should stop) or **cancel** (the agent never notices). It runs on the CPU of this machine, with no account and no
    download.

    Start with: `prosody-gate run call.wav --agent-channel 0 --user-channel 1`
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with its status, see `EXIT_STATUS`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks the letters of a transcript shows their codes.
            stream.reconfigure(errors="backslashreplace")
    app(prog_name=PROGRAM)

"""The options that several commands share: each is declared once, here, and is the same in all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ..errors import OptionError
from .json_output import JsonOutput

WHO: Final = "Who speaks when"
GATE: Final = "The gate"
WORK: Final = "The work"
OUTPUT: Final = "Output"
"""Panels of the help page."""


def _vads() -> list[str]:
    return ["silero", "webrtc"]


def _languages() -> list[str]:
    from ..lexicon import Lexicon

    return list(Lexicon.available_languages())


def _profiles(incomplete: str) -> list[str]:
    from ..profile import named_profiles

    return [profile.name for profile in named_profiles() if profile.name.startswith(incomplete)]


def _options(incomplete: str) -> list[str]:
    from ..gate import GateOptions

    return [f"{name}=" for name in GateOptions.model_fields if name.startswith(incomplete)]


def _check_jobs(jobs: int | None) -> int | None:
    if jobs is not None and jobs < 1:
        raise OptionError(f"--jobs: expected 1 or more, got {jobs}")
    return jobs


UserChannelOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=False,
        rich_help_panel=WHO,
        help="The user's channel, counted from 0. In a stereo file the other channel is then taken as the agent's.",
    ),
]

AgentChannelOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=False,
        rich_help_panel=WHO,
        help="The agent's channel, counted from 0: the agent speaks wherever there is speech in it.",
    ),
]

AgentOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        show_default=False,
        rich_help_panel=WHO,
        help="When the agent speaks, if it has no channel: always, never, or SPANS.json, a file with a list of "
        "\\[start, end] in seconds. Default for a mono file: always.",
    ),
]

SensitivityOption = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        show_default=False,
        rich_help_panel=GATE,
        help="How easily the gate confirms: 0 only on strong evidence, 1 at the first hint. Default: 0.5.",
    ),
]

ProfileOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        show_default=False,
        rich_help_panel=GATE,
        autocompletion=_profiles,
        help="Profile of the user's microphone: a name that 'profile list' shows, or a TOML file.",
    ),
]

ListenerOption = Annotated[
    bool | None,
    typer.Option(
        "--listener/--no-listener",
        show_default=False,
        rich_help_panel=GATE,
        help="Recognise phrases on this machine while the user's speech is held. Default: on where it is known how "
        "they are said: in all packaged languages.",
    ),
]

VadOption = Annotated[
    str,
    typer.Option(
        metavar="silero|webrtc",
        rich_help_panel=GATE,
        autocompletion=_vads,
        help="What detects speech: silero, a small neural network, or webrtc, which is lighter and less exact.",
    ),
]

LanguageOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE",
        show_default=False,
        rich_help_panel=GATE,
        autocompletion=_languages,
        help="Language whose phrases count, the main one first; may be repeated. Default: en.",
    ),
]

LexiconOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        rich_help_panel=GATE,
        help="Phrase file (TOML): your own phrases to ignore or to stop for; may be repeated.",
    ),
]

NameValueOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        show_default=False,
        rich_help_panel=GATE,
        autocompletion=_options,
        help="Any other option of the gate, for instance max_hold=2.0; may be repeated. 'prosody-gate options' lists "
        "them.",
    ),
]

JobsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        callback=_check_jobs,
        show_default=False,
        rich_help_panel=WORK,
        help="How many processes to use. Default: one per processor core.",
    ),
]

JsonOption = Annotated[
    JsonOutput | None,
    typer.Option(
        "--json",
        metavar="[PATH]",
        parser=JsonOutput.parse,
        show_default=False,
        rich_help_panel=OUTPUT,
        help="Print JSON on standard output, and nothing else there. With a PATH that ends in .json (or with "
        "--json=PATH, any name): write it to that file.",
    ),
]

QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        rich_help_panel=OUTPUT,
        help="No tables and no progress bar: the closing line alone.",
    ),
]

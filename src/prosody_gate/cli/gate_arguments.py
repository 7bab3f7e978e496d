"""The options of the gate that several commands share, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

GATE: Final = "The gate"
"""Panel of the help page that these options stand in."""

ListenerOption = Annotated[
    bool | None,
    typer.Option(
        "--listener/--no-listener",
        show_default=False,
        rich_help_panel=GATE,
        help="Recognise words on this machine during overlaps. Default: on where English is spoken.",
    ),
]

LanguageOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE",
        show_default=False,
        rich_help_panel=GATE,
        help="Language whose phrases count, the main one first; may be repeated. Default: en.",
    ),
]

LexiconOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="L.toml",
        rich_help_panel=GATE,
        help="Your own phrases to ignore or to stop at; may be repeated.",
    ),
]

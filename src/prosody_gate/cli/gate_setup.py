"""What the command line says about the gate, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import OptionError
from ..gate import GateOptions
from ..gate_factory import GateFactory
from ..listener import LISTENER_LANGUAGE

if TYPE_CHECKING:
    from ..echo import EchoGuard
    from .recordings import Channels


def gates_from_command_line(
    *,
    profile: str | None = None,
    sensitivity: float | None = None,
    option: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    lexicons: Sequence[Path] | None = None,
    listener: bool | None = None,
) -> GateFactory:
    """What makes the gates of one command.

    Args:
        profile: Name or path of a microphone profile.
        sensitivity: 0 to 1.
        option: Fields of `GateOptions`, each as `name=value`.
        languages: Codes of packaged languages, the main one first; English when None.
        lexicons: Paths of phrase files.
        listener: Whether to listen; None listens where it knows how the phrases are said.

    Raises:
        OptionError: The profile or an option cannot be used.
        LexiconError: A language or a phrase file cannot be used.
    """
    fields = _fields(option or ())
    languages = languages or (LISTENER_LANGUAGE,)
    if sensitivity is not None and "sensitivity" in fields:
        raise OptionError("--option sensitivity: given by --sensitivity too; expected one of them")
    return GateFactory.create(
        profile,
        sensitivity=sensitivity,
        languages=languages,
        lexicon_files=lexicons or (),
        listener=listener,
        given_by="command line",
        **fields,
    )


def guard_from_command_line(gates: GateFactory, channels: Channels, *, wanted: bool | None = None) -> EchoGuard | None:
    """The echo guard as the command line has it, or else the profile; None for none.

    Args:
        gates: Know the profile.
        channels: Of the recording.
        wanted: Whether `--echo-guard` was given.

    Raises:
        OptionError: It was given, and there is no agent's channel.
        ModelError: There is no canceller in the installed `livekit` package.
    """
    from ..echo import recording_guard

    if not (gates.echo_guard if wanted is None else wanted):
        return None
    if channels.agent is not None:
        return recording_guard()
    if wanted:
        raise OptionError("--echo-guard: needs what the agent plays; expected --agent-channel N")
    typer.echo(
        "prosody-gate: warning: the profile's echo_guard needs what the agent plays; "
        "without --agent-channel N it is off",
        err=True,
    )
    return None


def _fields(option: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for entry in option:
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (name and equals):
            raise OptionError(f"--option {entry!r}: expected name=value, for instance max_hold=2.0")
        if name not in GateOptions.model_fields:
            raise OptionError(f"--option {name}: unknown; expected one of {', '.join(GateOptions.model_fields)}")
        if name in fields:
            raise OptionError(f"--option {name}: given twice; expected once")
        try:
            fields[name] = float(value)
        except ValueError:
            raise OptionError(f"--option {name}: expected a number, got {value!r}") from None
    return fields

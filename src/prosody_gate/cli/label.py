"""`prosody-gate label`: labels the overlaps of a recorded call, for bench and tune."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OptionError, ProsodyGateError
from .arguments import (
    OUTPUT,
    WHO,
    AgentChannelOption,
    AgentOption,
    LanguageOption,
    LexiconOption,
    ListenerOption,
    NameValueOption,
    ProfileOption,
    SensitivityOption,
    UserChannelOption,
    VadOption,
)
from .one_line_errors import warn

if TYPE_CHECKING:
    from ..audio import AudioFile
    from ..calibration import Player
    from .recordings import Channels


def label(
    call: Annotated[
        Path,
        typer.Argument(
            metavar="CALL.wav",
            show_default=False,
            help="The recording: WAV, FLAC, Ogg, MP3 or AIFF, 8 to 48 kHz.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="MANIFEST.jsonl",
            show_default=False,
            rich_help_panel=OUTPUT,
            help="The manifest to write; it may hold other calls. Default: next to the call, with the same name.",
        ),
    ] = None,
    user_channel: UserChannelOption = None,
    agent_channel: AgentChannelOption = None,
    agent: AgentOption = None,
    speaker: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            rich_help_panel=WHO,
            help="Name of the user; tune keeps all calls of one speaker together.",
        ),
    ] = None,
    sensitivity: SensitivityOption = None,
    profile: ProfileOption = None,
    listener: ListenerOption = None,
    vad: VadOption = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: NameValueOption = None,
    silent: Annotated[bool, typer.Option("--silent", rich_help_panel=OUTPUT, help="Do not play the overlaps.")] = False,
) -> None:
    """Go through the overlaps that the gate finds in a call, and label each with one key.

    Each is played, if there is a sound device. Keys: **b** backchannel, **i** interruption, **n** noise, **c** cough or
    laugh, **a** not sure; **p** plays it again, **s** skips it, **u** takes the last label back, **q** quits. Every
    label is saved at once: run the command again to go on where you left off.

        prosody-gate label call.wav --agent-channel 0 --user-channel 1 --output calls.jsonl
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..atomic_file import check_writable
    from ..audio import AudioFile
    from ..labelling import HELP, Labelling, LabelStore, proposals_of
    from ..replay import replay
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line, guard_from_command_line
    from .progress import progress_of
    from .recordings import choose_channels

    manifest = call.with_suffix(".jsonl") if output is None else output
    setup = gates_from_command_line(
        profile=profile,
        sensitivity=sensitivity,
        option=option,
        languages=language,
        lexicons=lexicon,
        listener=listener,
    )
    detector = create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    with AudioFile(call) as recording:
        channels = choose_channels(recording, user=user_channel, agent=agent_channel, agent_speech=agent)
        check_writable(manifest)
        store = LabelStore(manifest, _line(call, manifest, channels, recording, speaker))
        passes = 1 if channels.agent is None else 2
        gate, guard = setup.gate(), guard_from_command_line(setup, channels)
        with progress_of(passes * recording.duration) as advance:
            result = replay(
                recording,
                gate,
                user_channel=channels.user,
                agent_channel=channels.agent,
                agent=channels.agent_speech,
                detector=detector,
                trace=True,
                echo_guard=guard,
                progress=advance,
            )
        samples, sample_rate = recording.read(channels.user), recording.sample_rate
    if gate.failure is not None:
        raise gate.failure
    proposals = proposals_of(result, setup.options)
    labelling = Labelling(
        proposals,
        store,
        samples=samples,
        sample_rate=sample_rate,
        player=None if silent else _player(),
        key=_key,
        show=typer.echo,
    )
    if not proposals:
        typer.echo("no overlap found: nothing to label")
        return
    if labelling.left:
        if not sys.stdin.isatty():
            raise OptionError("label: asks for a key for each overlap; expected a terminal")
        typer.echo(HELP)
        labelling.run()
    typer.echo(f"{len(store.events)} labelled, {labelling.left} left: {manifest}")


def _line(call: Path, manifest: Path, channels: Channels, recording: AudioFile, speaker: str | None) -> dict[str, Any]:
    """The call's line without its events."""
    folder = os.path.abspath(manifest.parent)
    line: dict[str, Any] = {
        "audio": Path(os.path.relpath(os.path.abspath(call), folder)).as_posix(),
        "user_channel": channels.user,
    }
    if channels.agent is not None:
        line["agent_channel"] = channels.agent
    elif channels.agent_speech == "never":
        raise OptionError("--agent never: without an agent there is no overlap; expected always or SPANS.json")
    elif channels.agent_speech == "always":
        line["agent"] = [[0.0, round(recording.duration, 3)]]
    else:
        line["agent"] = [[*span] for span in channels.agent_speech]
    if speaker is not None:
        line["speaker"] = speaker
    return line


def _player() -> Player | None:
    from ..calibration import LoudspeakerPlayer

    try:
        return LoudspeakerPlayer()
    except ProsodyGateError as error:
        warn(f"{error}; label by time and text, or on another machine")
        return None


def _key() -> str:
    try:
        key: str = typer.getchar()
    except EOFError:  # Ctrl-D
        return "q"
    return key

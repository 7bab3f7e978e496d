"""`prosody-gate calibrate`: measures a microphone, its room and its user, and writes a profile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OptionError
from .arguments import OUTPUT, JsonOption, QuietOption, UserChannelOption
from .json_output import is_alone, name_json_file

if TYPE_CHECKING:
    from ..calibration import Calibration, Rehearsal
    from ..profile import Profile
    from .json_output import JsonOutput

FROM, GUIDED = "From recordings", "Guided, at the microphone"
"""The panels of the help."""


def calibrate(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="P.toml", rich_help_panel=OUTPUT, help="The profile to write."),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="One recording with both: speech, and pauses in which only the room sounds.",
        ),
    ] = None,
    room: Annotated[
        Path | None,
        typer.Option(metavar="ROOM.wav", rich_help_panel=FROM, help="The room while nobody speaks, 2 s or more."),
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(metavar="SPEECH.wav", rich_help_panel=FROM, help="Yourself speaking as in a call, 3 s or more."),
    ] = None,
    user_channel: UserChannelOption = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            rich_help_panel=GUIDED,
            help="Record now: silence, speech, a few backchannels, a few stops. About a minute.",
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|N",
            show_default=False,
            rich_help_panel=GUIDED,
            help="The microphone. Default: the system's own choice.",
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            rich_help_panel=GUIDED,
            help="Keep the recordings here, with a manifest for bench and tune. Default: nothing is kept.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default=False,
            rich_help_panel=OUTPUT,
            help="Name of the microphone. Default: that of the device, or the output's.",
        ),
    ] = None,
    as_json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure your microphone, your room and your voice, and write a profile of them.

    Says in plain words what it measured and what is wrong where something is: clipping, a voice too close to the
    room, mains hum, a wrong device. With too little speech nothing is written (exit status 2). A profile is a starting
    point: in the call the gate goes on adapting to room and speaker.

    From two recordings, or from one with pauses:

        prosody-gate calibrate --room room.wav --speech speech.wav --output headset.toml

        prosody-gate calibrate call.wav --user-channel 1 --output headset.toml

    At the microphone:

        prosody-gate calibrate --record --output headset.toml
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..atomic_file import check_writable
    from ..calibration import RecordedSound
    from ..calibration import calibrate as measure

    _check_sources(file=file, room=room, speech=speech, record=record)
    if not record and (device is not None or keep is not None):
        raise OptionError(f"--{'device' if device is not None else 'keep'}: is for --record; expected --record too")
    check_writable(output)
    if record:
        _record(output, device=device, keep=keep, name=name, as_json=as_json, quiet=quiet)
        return
    spoken = RecordedSound.read(_first(file, speech), user_channel)
    silent = None if room is None else RecordedSound.read(room, user_channel)
    calibration = measure(spoken, silent)
    sources = [path.name for path in (room, speech, file) if path is not None]
    profile = calibration.profile(name=name or output.stem, source=f"calibrate {', '.join(sources)}")
    profile.save(output)
    _tell(calibration, profile, output, as_json=as_json, quiet=quiet)


def _check_sources(*, file: Path | None, room: Path | None, speech: Path | None, record: bool) -> None:
    given = [file is not None, speech is not None, record]
    if sum(given) != 1:
        raise OptionError("expected one of FILE, --room ROOM.wav with --speech SPEECH.wav, or --record")
    if room is not None and speech is None:
        raise OptionError("--room: expected --speech too")


def _first(*paths: Path | None) -> Path:
    return next(path for path in paths if path is not None)


def _record(
    output: Path,
    *,
    device: str | None,
    keep: Path | None,
    name: str | None,
    as_json: JsonOutput | None,
    quiet: bool,
) -> None:
    from collections.abc import Callable
    from contextlib import ExitStack

    from rich.console import Console

    from ..calibration import MicrophoneRecorder, Samples, Task, check_keep_folder, record_tasks, rehearse
    from ..calibration import calibrate as measure
    from ..calibration import keep as keep_recordings
    from ..gate_factory import GateFactory
    from .progress import level_meter

    if keep is not None:
        check_keep_folder(keep)
    recorder = MicrophoneRecorder(device)
    if not sys.stdin.isatty():
        raise OptionError("--record: asks for a key before each step; expected a terminal")
    alone = is_alone(as_json)
    console = Console(stderr=alone, highlight=False)
    console.print(f"microphone: {recorder.name}, {recorder.sample_rate} Hz", markup=False)

    with ExitStack() as meter:

        def ready(task: Task) -> None:
            meter.pop_all().close()
            console.print(f"\n{task.says} ({task.seconds:g} s)", markup=False)
            typer.prompt("Enter begins", default="", show_default=False, prompt_suffix=" ... ", err=alone)

        def level(task: Task) -> Callable[[Samples], None]:
            return meter.enter_context(level_meter(console, task.seconds, recorder.sample_rate))

        recorded = record_tasks(recorder, ready=ready, level=level)
    by_name = {one.task.name: one for one in recorded}
    calibration = measure(by_name["speech"].sound, by_name["room"].sound)
    profile = calibration.profile(name=name or recorder.name, source=f"calibrate --record, {recorder.name}")
    gates = GateFactory.create(profile)
    rehearsals = [rehearse(one, gates) for one in recorded if one.task.label is not None]
    if keep is not None:
        manifest = keep_recordings(keep, recorded, rehearsals, sample_rate=recorder.sample_rate)
        typer.echo(f"kept: {keep}, labelled in {manifest}", err=alone)
    profile.save(output)
    _tell(calibration, profile, output, as_json=as_json, quiet=quiet, rehearsals=rehearsals)


def _tell(
    calibration: Calibration,
    profile: Profile,
    output: Path,
    *,
    as_json: JsonOutput | None,
    quiet: bool,
    rehearsals: list[Rehearsal] | None = None,
) -> None:
    for warning in calibration.warnings:
        typer.echo(f"prosody-gate: warning: {warning}", err=True)
    if as_json is not None:
        as_json.write({"measured": calibration.to_dict(), "profile": profile.to_dict()})
    if is_alone(as_json):
        return
    if not quiet:
        for finding in (*calibration.findings, *(one.sentence for one in rehearsals or ())):
            typer.echo(finding)
    name_json_file(as_json)
    typer.echo(f"written: {output}")

"""`prosody-gate run`: the gate over one recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .gate_arguments import GATE, LanguageOption, LexiconOption, ListenerOption
from .progress import progress_of

if TYPE_CHECKING:
    from ..replay import ReplayResult

WHO, OUTPUT = "Who speaks when", "Output"
"""The panels of the help."""


def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="The recording: WAV, FLAC, Ogg, MP3 or AIFF, 8 to 48 kHz.",
        ),
    ],
    user_channel: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=WHO,
            help="The user's channel, counted from 0. Of a stereo file name one: the other follows.",
        ),
    ] = None,
    agent_channel: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=WHO,
            help="The agent's channel, counted from 0: the agent speaks where this carries speech.",
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            show_default=False,
            rich_help_panel=WHO,
            help="When the agent speaks, where it has no channel: always, never, or SPANS.json, a file with "
            "a list of \\[start, end] in seconds. Default for a mono file: always.",
        ),
    ] = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(
            metavar="T.jsonl",
            rich_help_panel=WHO,
            help="Recorded speech-to-text, fed in as it arrived; one a line: "
            '{"at": seconds, "text": "...", "final": true, "start": seconds, "end": seconds}; '
            "the last three may be left out.",
        ),
    ] = None,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            metavar="0..1",
            show_default=False,
            rich_help_panel=GATE,
            help="The one knob: 0 confirms on strong evidence alone, 1 at the first hint. Default: 0.5.",
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(metavar="P.toml", rich_help_panel=GATE, help="Profile of the user's microphone."),
    ] = None,
    listener: ListenerOption = None,
    vad: Annotated[
        str,
        typer.Option(
            metavar="silero|webrtc",
            rich_help_panel=GATE,
            help="What tells speech: a small neural network, or a light one.",
        ),
    ] = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            rich_help_panel=GATE,
            help="Any other option of the gate, durations in seconds, for instance max_hold=2.0; may be "
            "repeated. A wrong name lists them all.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", rich_help_panel=OUTPUT, help="Print JSON, and nothing else, on standard output."),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            rich_help_panel=OUTPUT,
            help="Draw what was heard, measured and decided on one time axis (.png, .svg or .pdf).",
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="No table and no progress, the sum alone."),
    ] = False,
) -> None:
    """Run the gate over a recorded call and print what it decided, an overlap a row.

    An overlap is speech of the user that begins while the agent speaks. The gate **confirms** it (the agent
    should stop), **cancels** it (a backchannel or a noise: the agent talks on) or **releases** it (the agent
    ended first). The table tells when and why, how sure the gate was (P), and what each source of evidence
    had to say.

    A stereo call, with a picture:

        prosody-gate run call.wav --agent-channel 0 --user-channel 1 --plot call.png

    A microphone alone, the agent speaking from 2 to 9.5 s, for a machine to read:

        echo '[[2.0, 9.5]]' > spans.json; prosody-gate run mic.flac --agent spans.json --json
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..audio import AudioFile
    from ..replay import read_transcripts, replay
    from ..report import check_plot_path, plot_timeline, to_json
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line
    from .recordings import check_recording, choose_channels

    languages = language or ["en"]
    setup = gates_from_command_line(
        profile=profile,
        sensitivity=sensitivity,
        option=option or (),
        languages=languages,
        lexicons=lexicon or (),
        listener=listener,
    )
    heard = () if transcripts is None else read_transcripts(transcripts)
    if plot is not None:
        check_plot_path(plot)
    detector = create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    with AudioFile(file) as recording:
        channels = choose_channels(recording, user=user_channel, agent=agent_channel, agent_speech=agent)
        for channel in (channels.user, channels.agent):
            warning = None if channel is None else check_recording(recording, channel)
            if warning is not None:
                typer.echo(f"prosody-gate: warning: {warning}", err=True)
        gate = setup.gate(expects_transcripts=transcripts is not None)
        passes = 1 if channels.agent is None else 2
        with progress_of(passes * recording.duration, wanted=not quiet) as advance:
            result = replay(
                recording,
                gate,
                user_channel=channels.user,
                agent_channel=channels.agent,
                agent=channels.agent_speech,
                transcripts=heard,
                detector=detector,
                input_gain_db=setup.input_gain_db,
                trace=plot is not None,
                progress=advance,
            )
    if gate.failure is not None:
        raise gate.failure

    if plot is not None:
        plot_timeline(result, file, plot, options=setup.options, user_channel=channels.user)
    if as_json:
        about = {
            "vad": vad,
            "listener": setup.listens,
            "languages": list(setup.lexicon.languages),
            "profile": None if setup.profile is None else setup.profile.microphone.name,
            "user_channel": channels.user,
            "agent_channel": channels.agent,
        }
        report = to_json(result, recording=file, options=setup.options, setup=about)
        # As bytes: the same on every terminal, whatever letters it has.
        typer.echo(report.encode("utf-8", "backslashreplace"), nl=False)
        return
    _print_for_people(result, with_table=not quiet)
    if plot is not None:
        typer.echo(f"picture: {plot}")


def _print_for_people(result: ReplayResult, *, with_table: bool) -> None:
    from rich.console import Console

    from ..report import Summary, decision_table

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if with_table and result.decisions:
        console.print(decision_table(result, width=console.width))
        console.print()
    console.print(Summary.of(result).sentence, markup=False)

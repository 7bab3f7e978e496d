"""`prosody-gate run`: the gate over one recording."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import OptionError
from .arguments import (
    GATE,
    OUTPUT,
    WHO,
    AgentChannelOption,
    AgentOption,
    JsonOption,
    LanguageOption,
    LexiconOption,
    ListenerOption,
    NameValueOption,
    ProfileOption,
    QuietOption,
    SensitivityOption,
    UserChannelOption,
    VadOption,
)
from .json_output import is_alone, name_json_file
from .one_line_errors import warn

if TYPE_CHECKING:
    from ..replay import ReplayResult

PART: Final = "A part of a long recording"
"""Panel of the help."""


def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="The recording: WAV, FLAC, Ogg, MP3 or AIFF, 8 to 48 kHz.",
        ),
    ],
    user_channel: UserChannelOption = None,
    agent_channel: AgentChannelOption = None,
    agent: AgentOption = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(
            metavar="T.jsonl",
            rich_help_panel=WHO,
            help="Recorded speech-to-text, given to the gate at the times it arrived. One JSON object per line: "
            '{"at": seconds, "text": "...", "final": true, "start": seconds, "end": seconds}; '
            "final, start and end may be left out.",
        ),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            "--from",
            metavar="S",
            show_default=False,
            rich_help_panel=PART,
            help="Show the overlaps that begin from this time on, in seconds of the recording. The gate runs from 30 s "
            "earlier, so that it knows the room and the user by then.",
        ),
    ] = None,
    end: Annotated[
        float | None,
        typer.Option(
            "--to",
            metavar="S",
            show_default=False,
            rich_help_panel=PART,
            help="Show the overlaps that begin before this time. The gate runs for 10 s more, to decide the last one.",
        ),
    ] = None,
    sensitivity: SensitivityOption = None,
    profile: ProfileOption = None,
    echo_guard: Annotated[
        bool | None,
        typer.Option(
            "--echo-guard/--no-echo-guard",
            show_default=False,
            rich_help_panel=GATE,
            help="Cancel what is on the agent's channel in the user's, as a live call with the echo guard does. "
            "Default: as the profile says.",
        ),
    ] = None,
    listener: ListenerOption = None,
    vad: VadOption = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: NameValueOption = None,
    as_json: JsonOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            rich_help_panel=OUTPUT,
            help="Draw the user's voice, what was measured and what was decided on one time axis (.png, .svg or .pdf).",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=OUTPUT,
            help="Record each overlap with 2 s around it, and why it was decided so, as ProsodyGate(record=...) does "
            "in a call. bench, label, tune and page take the folder as it is.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Run the gate over a recorded call and print what it decided, one row per overlap.

    An overlap is speech of the user that begins while the agent speaks. The gate **confirms** it (the agent
    should stop), **cancels** it (a backchannel or a noise: the agent talks on) or **releases** it (the agent
    ended first). The table shows when and why, how likely an interruption was (P), and how much each source of
    evidence counted for or against one.

    A stereo call, with a picture:

        prosody-gate run call.wav --agent-channel 0 --user-channel 1 --plot call.png

    A minute of a long call:

        prosody-gate run call.wav --agent-channel 0 --from 1200 --to 1260 --plot minute.png

    A microphone alone, the agent speaking from 2 to 9.5 s, for a machine to read:

        echo '[[2.0, 9.5]]' > spans.json; prosody-gate run mic.flac --agent spans.json --json
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..audio import AudioFile
    from ..replay import length_with_leads, read_transcripts, replay, replay_part
    from ..report import check_plot_path, plot_timeline, to_json
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line, guard_from_command_line
    from .progress import progress_of
    from .recordings import check_recording, choose_channels, choose_part, recorder_of

    setup = gates_from_command_line(
        profile=profile,
        sensitivity=sensitivity,
        option=option,
        languages=language,
        lexicons=lexicon,
        listener=listener,
    )
    recorded = () if transcripts is None else read_transcripts(transcripts)
    if plot is not None:
        check_plot_path(plot)
    if record is not None and (start is not None or end is not None):
        raise OptionError("--record: records the overlaps of a whole recording; expected it without --from and --to")
    detector = create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    with AudioFile(file) as recording:
        channels = choose_channels(recording, user=user_channel, agent=agent_channel, agent_speech=agent)
        part = choose_part(recording, start=start, end=end)
        for channel in (channels.user, channels.agent):
            checked = recording if part is None else recording.part(*part)
            warning = None if channel is None else check_recording(checked, channel)
            if warning is not None:
                warn(warning)
        guard = guard_from_command_line(setup, channels, wanted=echo_guard)
        gate = setup.gate(expects_transcripts=transcripts is not None)
        recorder = None if record is None else recorder_of(record, recording, channels, setup.profile)
        seconds = recording.duration if part is None else length_with_leads(recording, part)
        passes = 1 if channels.agent is None else 2
        with progress_of(passes * seconds, wanted=not (quiet or is_alone(as_json))) as advance:
            given: dict[str, Any] = {
                "user_channel": channels.user,
                "agent_channel": channels.agent,
                "agent": channels.agent_speech,
                "transcripts": recorded,
                "detector": detector,
                "echo_guard": guard,
                "trace": plot is not None,
                "progress": advance,
            }
            if part is None:
                result = replay(recording, gate, watcher=recorder, **given)
            else:
                result = replay_part(recording, gate, part, **given)
        if recorder is not None:
            recorder.close(wait=60.0)
    if gate.failure is not None:
        raise gate.failure

    if plot is not None:
        plot_timeline(result, file, plot, options=setup.options, user_channel=channels.user)
    if as_json is not None:
        about = {
            "vad": vad,
            "listener": setup.listens,
            "languages": list(setup.lexicon.languages),
            "profile": None if setup.profile is None else setup.profile.microphone.name,
            "user_channel": channels.user,
            "agent_channel": channels.agent,
        }
        if guard is not None:
            about["echo_guard"] = {"delay": None if guard.echo is None else round(guard.echo.delay, 3)}
        as_json.write(to_json(result, recording=file, options=setup.options, setup=about))
    if is_alone(as_json):
        return
    _print_for_people(result, with_table=not quiet)
    if guard is not None and not quiet:
        found = "not found in the user's channel"
        if guard.echo is not None:
            found = f"found in the user's channel, {1e3 * guard.echo.delay:.0f} ms later"
        typer.echo(f"echo guard: the agent's voice was {found}")
    name_json_file(as_json)
    if plot is not None:
        typer.echo(f"picture: {plot}")
    if recorder is not None:
        lost = sum(recorder.counts.dropped.values())
        typer.echo(f"recorded: {recorder.counts.written} overlaps in {record}" + (f", {lost} lost" if lost else ""))


def _print_for_people(result: ReplayResult, *, with_table: bool) -> None:
    from rich.console import Console

    from ..report import Summary, decision_table

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if with_table and result.decisions:
        console.print(decision_table(result, width=console.width))
        console.print()
    console.print(Summary.of(result).sentence, markup=False)

"""`prosody-gate page`: one HTML file to see and hear what the gate decided, and to label it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OptionError
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
    QuietOption,
    SensitivityOption,
    UserChannelOption,
    VadOption,
)
from .one_line_errors import warn

if TYPE_CHECKING:
    from ..gate_factory import GateFactory
    from ..page import PageData


def page(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CALL|FOLDER|REPORT.json",
            show_default=False,
            help="A recording, a folder of recorded overlaps, or a report of bench --json.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PAGE.html", rich_help_panel=OUTPUT, help="The page to write.")
    ],
    link_audio: Annotated[
        bool,
        typer.Option(
            "--link-audio",
            rich_help_panel=OUTPUT,
            help="Leave the sound where it is, and play it from there: a smaller page, which must stay beside it.",
        ),
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST",
            show_default=False,
            help="For a report: what it was made with. Default: the file or folder of that name beside the report.",
        ),
    ] = None,
    user_channel: UserChannelOption = None,
    agent_channel: AgentChannelOption = None,
    agent: AgentOption = None,
    transcripts: Annotated[
        Path | None,
        typer.Option(metavar="T.jsonl", rich_help_panel=WHO, help="For a call: recorded speech-to-text, as for run."),
    ] = None,
    sensitivity: SensitivityOption = None,
    profile: ProfileOption = None,
    listener: ListenerOption = None,
    vad: VadOption = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: NameValueOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write one HTML page: every overlap with its sound, what was measured, what was decided and why.

    The page needs no network and no server; open it in any browser. Listen, filter, sort, and label with one key each:
    **b** backchannel, **i** interruption, **n** noise, **c** cough or laugh, **a** cannot be sure, **u** undo. The
    labels stay in the browser until you export them as a manifest for bench and tune. `prosody-gate label --page`
    writes them to the file at once.

        prosody-gate page call.wav --agent-channel 0 --output page.html

        prosody-gate page recorded --output page.html

        prosody-gate page report.json --output page.html
    """
    from ..atomic_file import check_writable
    from ..page import link_to, write_page
    from .gate_setup import gates_from_command_line

    check_writable(output)
    link = (lambda path: link_to(path, output)) if link_audio else None
    if source.is_dir():
        data = folder_page(source, link=link, quiet=quiet)
    else:
        setup = gates_from_command_line(
            profile=profile,
            sensitivity=sensitivity,
            option=option,
            languages=language,
            lexicons=lexicon,
            listener=listener,
        )
        if source.suffix.lower() == ".json":
            if link_audio:
                raise OptionError("--link-audio: a report is shown as the gate got it, in scenes; expected it without")
            data = _report_page(source, manifest, setup, quiet=quiet)
        else:
            data = _call_page(
                source,
                setup,
                user_channel=user_channel,
                agent_channel=agent_channel,
                agent=agent,
                transcripts=transcripts,
                vad=vad,
                link=link,
                quiet=quiet,
            )
    for problem in data.problems:
        warn(problem)
    write_page(data, output)
    typer.echo(f"{data.about}; written: {output} ({output.stat().st_size / 1e6:.1f} MB)")


def folder_page(folder: Path, *, link: Callable[[Path], str] | None, quiet: bool) -> PageData:
    """The page of a folder of recorded overlaps, with a progress bar.

    Args:
        folder: That a call was recorded in.
        link: The address of a clip; None puts the sound into the page.
        quiet: Whether there is no progress bar.

    Raises:
        RecordingError: Nothing in it can be shown.
    """
    from ..page import page_of_folder
    from ..recording import overlap_files
    from .progress import step_progress

    with step_progress("reading", len(overlap_files(folder)), wanted=not quiet) as advance:
        return page_of_folder(folder, link=link, progress=advance)


def _call_page(
    call: Path,
    setup: GateFactory,
    *,
    user_channel: int | None,
    agent_channel: int | None,
    agent: str | None,
    transcripts: Path | None,
    vad: str,
    link: Callable[[Path], str] | None,
    quiet: bool,
) -> PageData:
    from ..audio import AudioFile
    from ..page import page_of_call
    from ..replay import read_transcripts, replay
    from ..vad import create_detector
    from .progress import progress_of
    from .recordings import choose_channels, manifest_line

    recorded = () if transcripts is None else read_transcripts(transcripts)
    detector = create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    with AudioFile(call) as recording:
        channels = choose_channels(recording, user=user_channel, agent=agent_channel, agent_speech=agent)
        gate = setup.gate(expects_transcripts=transcripts is not None)
        passes = 1 if channels.agent is None else 2
        with progress_of(passes * recording.duration, wanted=not quiet) as advance:
            result = replay(
                recording,
                gate,
                user_channel=channels.user,
                agent_channel=channels.agent,
                agent=channels.agent_speech,
                transcripts=recorded,
                detector=detector,
                trace=True,
                progress=advance,
            )
        if gate.failure is not None:
            raise gate.failure
        return page_of_call(
            result,
            recording,
            options=setup.options,
            line=manifest_line(call, call.with_suffix(".jsonl"), channels, recording, None),
            user_channel=channels.user,
            agent_channel=channels.agent,
            link=None if link is None else link(call),
        )


def _report_page(path: Path, manifest: Path | None, setup: GateFactory, *, quiet: bool) -> PageData:
    from ..bench import read_manifest
    from ..page import PageError, page_of_report, read_bench_report, settings_of
    from .progress import step_progress

    report = read_bench_report(path)
    found = path.parent / str(report.get("manifest", "")) if manifest is None else manifest
    if not found.exists():
        raise PageError(f"{path}: was made with {found.name}, which is not beside it; expected --manifest PATH")
    items = read_manifest(found)
    lines = {outcome.get("line") for outcome in report["outcomes"] if isinstance(outcome, dict)}
    with step_progress("running the gate", len(lines), wanted=not quiet) as advance:
        return page_of_report(path, report, items, setup, settings_of(report), progress=advance)

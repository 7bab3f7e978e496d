"""`prosody-gate label`: labels the overlaps of a recorded call, for bench and tune."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

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

BROWSER: Final = "In the browser"
"""Panel of the help."""

if TYPE_CHECKING:
    from ..calibration import Player
    from ..gate import GateOptions
    from ..labelling import LabelStore, Sitting
    from ..page import LabelServer, PageData
    from ..replay import ReplayResult
    from .recordings import Channels


def label(
    call: Annotated[
        Path,
        typer.Argument(
            metavar="CALL.wav|FOLDER",
            show_default=False,
            help="The recording: WAV, FLAC, Ogg, MP3 or AIFF, 8 to 48 kHz; or a folder of recorded overlaps.",
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
    page: Annotated[
        bool,
        typer.Option(
            "--page", rich_help_panel=BROWSER, help="Label in the browser: served on this machine alone, saved at once."
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=65535, rich_help_panel=BROWSER, help="Port of the page. Default: any that is free."
        ),
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", rich_help_panel=BROWSER, help="Whether to open the page in a browser."),
    ] = True,
) -> None:
    """Go through the overlaps that the gate finds in a call, and label each with one key.

    Each is played, if there is a sound device. Keys: **b** backchannel, **i** interruption, **n** noise, **c** cough or
    laugh, **a** not sure; **p** plays it again, **s** skips it, **u** takes the last label back, **q** quits. Every
    label is saved at once: run the command again to go on where you left off.

    With --page the same in a browser, with all that was measured. The labels of a folder of recorded overlaps
    are written into the folder itself.

        prosody-gate label call.wav --agent-channel 0 --user-channel 1 --output calls.jsonl

        prosody-gate label recorded --page
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..atomic_file import check_writable
    from ..audio import AudioFile
    from ..labelling import Labelling, LabelStore, proposals_of
    from ..replay import replay
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line, guard_from_command_line
    from .progress import progress_of
    from .recordings import choose_channels, manifest_line

    if call.is_dir():
        if output is not None:
            raise OptionError(f"--output: the labels of {call} are written into it; expected no --output")
        _label_folder(call, page=page, silent=silent, port=port, browser=browser)
        return
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
        store = LabelStore(manifest, manifest_line(call, manifest, channels, recording, speaker))
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
    if page:
        _label_call_in_browser(call, result, setup.options, store, channels, manifest, port=port, browser=browser)
        return
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
    _ask(labelling)
    typer.echo(f"{len(store.events)} labelled, {labelling.left} left: {manifest}")


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


def _ask(labelling: Sitting) -> None:
    from ..labelling import HELP

    if labelling.left:
        if not sys.stdin.isatty():
            raise OptionError("label: asks for a key for each overlap; expected a terminal, or --page")
        typer.echo(HELP)
        labelling.run()


def _label_folder(folder: Path, *, page: bool, silent: bool, port: int, browser: bool) -> None:
    """Label recorded overlaps; each label goes into the overlap's own file."""
    from ..labelling import FolderLabelling
    from ..page import LabelServer
    from ..recording import set_label
    from .page import folder_page

    if page:

        def save(key: str, label: str | None) -> Path:
            path = folder / f"{key}.json"
            if key not in keys:
                raise KeyError(key)
            set_label(path, label)
            return path

        server = LabelServer(save, port=port)
        data = folder_page(folder, link=server.link, quiet=False)
        keys = {item.key for item in data.items}
        for problem in data.problems:
            warn(problem)
        _serve(server, data, browser=browser)
    labelling = FolderLabelling(folder, player=None if silent or page else _player(), key=_key, show=typer.echo)
    for problem in labelling.problems if not page else ():
        warn(problem)
    if not page:
        _ask(labelling)
    typer.echo(f"{labelling.count - labelling.left} labelled, {labelling.left} left: {folder}")


def _label_call_in_browser(
    call: Path,
    result: ReplayResult,
    options: GateOptions,
    store: LabelStore,
    channels: Channels,
    manifest: Path,
    *,
    port: int,
    browser: bool,
) -> None:
    from ..audio import AudioFile
    from ..page import LabelServer, page_of_call
    from .recordings import manifest_line

    def save(key: str, label: str | None) -> Path:
        start, end = spans[key]
        if label is None:
            store.remove(start, end)
        else:
            store.put(label, start, end)
        return manifest

    server = LabelServer(save, port=port)
    with AudioFile(call) as recording:
        data = page_of_call(
            result,
            recording,
            options=options,
            line=manifest_line(call, manifest, channels, recording, None),
            user_channel=channels.user,
            agent_channel=channels.agent,
            labels=store.label_of,
            link=server.link(call),
        )
    spans = {item.key: item.span for item in data.items}
    _serve(server, data, browser=browser)
    left = sum(store.label_of(item.span.start, item.span.end) is None for item in data.items)
    typer.echo(f"{len(store.events)} labelled, {left} left: {manifest}")


def _serve(server: LabelServer, data: PageData, *, browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    import webbrowser

    from ..page import page_parts

    server.show("".join(page_parts(replace(data, saves=server.saves))))
    typer.echo(f"label in the browser: {server.url} (Ctrl-C ends)")
    if browser:
        webbrowser.open(server.url)
    try:
        server.run()
    except KeyboardInterrupt:
        typer.echo("")
    finally:
        server.close()

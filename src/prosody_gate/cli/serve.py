"""`prosody-gate serve`: the gate as a server for LiveKit's adaptive interruption mode."""

from __future__ import annotations

import logging
from typing import Annotated, Final

import typer

from ..errors import OptionError
from .arguments import LanguageOption, ListenerOption, ProfileOption, SensitivityOption
from .one_line_errors import warn

WHERE: Final = "Where"
LIMITS: Final = "Limits, of one process"
RECORDING: Final = "Recording"
"""Panels of the help."""


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            show_default=False,
            rich_help_panel=WHERE,
            help="Address to listen at; 0.0.0.0 for all. Default: 127.0.0.1, this machine alone.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", show_default=False, rich_help_panel=WHERE, help="Port to listen at. Default: 8080."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=False,
            rich_help_panel=WHERE,
            help="Processes; each uses one core. Default: 1.",
        ),
    ] = None,
    profile: ProfileOption = None,
    language: LanguageOption = None,
    sensitivity: SensitivityOption = None,
    listener: ListenerOption = None,
    listeners: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=False,
            rich_help_panel=LIMITS,
            help="Overlaps whose words are recognised at the same time, by one worker. Default: 8.",
        ),
    ] = None,
    max_sessions: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=False,
            rich_help_panel=LIMITS,
            help="Open sockets; more are refused with status 429, and their agents use their own VAD. Default: 5000.",
        ),
    ] = None,
    max_sessions_per_key: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=False,
            rich_help_panel=LIMITS,
            help="Open sockets of one API key. Default: 5000.",
        ),
    ] = None,
    drain: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            show_default=False,
            rich_help_panel=LIMITS,
            help="Seconds that open sessions may go on after SIGTERM. Default: 600.",
        ),
    ] = None,
    auth: Annotated[
        bool | None,
        typer.Option(
            "--auth/--no-auth",
            show_default=False,
            rich_help_panel=WHERE,
            help="Ask each client for a token made with LIVEKIT_API_KEY and LIVEKIT_API_SECRET. Default: if these are "
            "in the environment; without them the server listens on this machine alone.",
        ),
    ] = None,
    metrics: Annotated[
        bool | None,
        typer.Option(
            "--metrics/--no-metrics",
            show_default=False,
            rich_help_panel=WHERE,
            help="Serve Prometheus figures at /metrics. Default: on.",
        ),
    ] = None,
    playground: Annotated[
        bool | None,
        typer.Option(
            "--playground/--no-playground",
            show_default=False,
            rich_help_panel=WHERE,
            help="Serve a page at / to try the gate with, for browsers on this machine. Default: on.",
        ),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=RECORDING,
            help="Record each overlap, the user's sound from up to 2 s before it and why it was decided so. bench, "
            "label, tune and page take the folder as it is.",
        ),
    ] = None,
    record_share: Annotated[
        float | None,
        typer.Option(
            metavar="0-1",
            show_default=False,
            rich_help_panel=RECORDING,
            help="Share of the overlaps that are recorded, drawn by chance. Default: 1.",
        ),
    ] = None,
    record_text: Annotated[
        bool | None,
        typer.Option(
            "--record-text/--no-record-text",
            show_default=False,
            rich_help_panel=RECORDING,
            help="Write down what the listener has recognised. Default: on.",
        ),
    ] = None,
    record_quota_mb: Annotated[
        float | None,
        typer.Option(
            metavar="MB",
            show_default=False,
            rich_help_panel=RECORDING,
            help="Megabytes that the folder may have, of all workers; then the oldest overlaps without a label make "
            "room. Default: 1000.",
        ),
    ] = None,
    record_keep_days: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            show_default=False,
            rich_help_panel=RECORDING,
            help="Days after which a recording is deleted; 0 for never. Default: 30.",
        ),
    ] = None,
) -> None:
    """Serve the gate to LiveKit agents in adaptive interruption mode, Python and Node, with no change to their code.

    The agents need its address, the mode, and the same key and secret as the server:

        LIVEKIT_INFERENCE_URL=http://gate:8080

    Every option can be set in the environment too: PROSODY_GATE_PORT=9000, PROSODY_GATE_LISTENER=false. SIGTERM lets
    nobody in any more, waits for the open sessions, and ends.

    On this machine:

        prosody-gate serve

    For other machines:

        LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=... prosody-gate serve --host 0.0.0.0
    """
    from ..recording import RecordingWriter

    try:
        from ..server import ServerSettings, address_of, check_port, is_open_to_all
        from ..server import serve as serve_forever
    except ImportError as error:
        raise OptionError(f"serve needs the extra 'server': pip install 'prosody-gate[server]' ({error})") from None

    settings = ServerSettings.from_environment(
        host=host,
        port=port,
        workers=workers,
        profile=profile,
        language=None if language is None else tuple(language),
        sensitivity=sensitivity,
        listener=listener,
        listeners=listeners,
        max_sessions=max_sessions,
        max_sessions_per_key=max_sessions_per_key,
        drain=drain,
        auth=auth,
        metrics=metrics,
        playground=playground,
        record=record,
        record_share=record_share,
        record_text=record_text,
        record_quota_mb=record_quota_mb,
        record_keep_days=record_keep_days,
    )
    # A wrong setting is one line here, and a traceback in a worker.
    settings.factory()
    recording = settings.recording()
    if recording is not None:
        RecordingWriter(recording)
    check_port(settings)
    if is_open_to_all(settings):
        warn(f"--no-auth: everybody who reaches {settings.host} may use this server")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    typer.echo(f"LIVEKIT_INFERENCE_URL={address_of(settings)}", err=True)
    serve_forever(settings)

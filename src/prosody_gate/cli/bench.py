"""`prosody-gate bench`: the gate against labelled recordings, side by side with what people use today."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OptionError
from .arguments import (
    GATE,
    OUTPUT,
    WORK,
    JobsOption,
    JsonOption,
    LanguageOption,
    LexiconOption,
    ListenerOption,
    NameValueOption,
    ProfileOption,
    QuietOption,
    SensitivityOption,
    VadOption,
)
from .json_output import is_alone, name_json_file
from .one_line_errors import warn_of_skipped, warn_of_unlabelled

if TYPE_CHECKING:
    from ..bench import BenchReport, WorstError

WHAT, SCENE = "What to measure", "Scenes, for clips"
"""The panels of the help."""


def bench(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="JSONL or JSONL.gz: one labelled clip, call or overlap per line; or a folder of recorded overlaps.",
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="clips|calls|overlaps",
            show_default=False,
            rich_help_panel=WHAT,
            help="What the lines describe. Default: found from the fields of the first line.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            rich_help_panel=WHAT,
            help="Stop at a line that cannot be used. Default: skip it, count it and say so.",
        ),
    ] = False,
    interim_lag: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            show_default=False,
            rich_help_panel=WHAT,
            help="For overlaps: seconds from a word's end to its interim transcript. Default: 0.3.",
        ),
    ] = None,
    listener: ListenerOption = None,
    sensitivity: SensitivityOption = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            show_default=False,
            rich_help_panel=GATE,
            help="Run the gate at these sensitivities as well and report the curve, for instance 0,0.25,0.5,0.75,1.",
        ),
    ] = None,
    profile: ProfileOption = None,
    vad: VadOption = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: NameValueOption = None,
    gain_db: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            show_default=False,
            rich_help_panel=SCENE,
            help="Make every scene louder (above 0) or softer (below 0).",
        ),
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=SCENE, help="Recording to mix into every scene as background noise."
        ),
    ] = None,
    snr_db: Annotated[
        float | None,
        typer.Option(metavar="DB", rich_help_panel=SCENE, help="Level of the clip above that noise."),
    ] = None,
    band: Annotated[
        str | None,
        typer.Option(
            metavar="wide|telephone",
            show_default=False,
            rich_help_panel=SCENE,
            help="telephone: 300 to 3400 Hz at 8 kHz. Default: wide, as recorded.",
        ),
    ] = None,
    silence_dbfs: Annotated[
        float | None,
        typer.Option(
            metavar="DBFS",
            rich_help_panel=SCENE,
            help="Put white noise of this level before and after the clip. Default: noise like the clip's room.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            show_default=False,
            rich_help_panel=SCENE,
            help="Seed of everything random, such as noise. Default: 0.",
        ),
    ] = None,
    jobs: JobsOption = None,
    backend: Annotated[
        str,
        typer.Option(
            metavar="loky|dask|ray",
            rich_help_panel=WORK,
            help="Where to work: in processes of this machine (loky), or on a Dask or Ray cluster.",
        ),
    ] = "loky",
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=WORK,
            help="The cluster's scheduler, or auto for Ray's. Its workers need prosody-gate, and the recordings under "
            "the same paths.",
        ),
    ] = None,
    as_json: JsonOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="DIR", rich_help_panel=OUTPUT, help="Write pictures (PNG) into this folder."),
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default=False,
            rich_help_panel=OUTPUT,
            help="List the N errors that the gate was most certain about, with the evidence behind each; --plot draws "
            "them.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Measure the gate on labelled recordings: what it catches, what stops the agent by mistake, how fast.

    The same recordings also go through the rules that agents use today: a plain VAD with 0.2, 0.5 and 0.8 s of
    speech, word lists on the transcript, at least two or three words. INPUT holds one JSON object per line:

    - **clips**: {"audio": "yes.flac", "label": "backchannel", "set": "desk"}; optional start, end, transcripts.
      Each is put into a scene in which the agent speaks throughout.
    - **calls**: {"audio": "call.flac", "user_channel": 1, "agent_channel": 0, "events": [{"label":
      "interruption", "start": 7.1, "end": 8.0}]}; instead of agent_channel: agent, a list of [start, end].
    - **overlaps**, without audio: {"label": "backchannel", "words": [["yeah", 0.0, 0.31]]}.

    Labels: interruption, backchannel, nonspeech, noise; ambiguous is not scored. Lines and events may also have a
    "kind" in words of your own (hum, laugh, filler, command): the errors are then counted by kind, too.
    Audio paths start at INPUT's folder.

        prosody-gate bench clips.jsonl --json figures.json --plot pictures --sweep 0,0.25,0.5,0.75,1

        prosody-gate bench clips.jsonl --worst 10 --plot pictures
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..audio import AudioFile
    from ..bench import (
        BenchSettings,
        SceneOptions,
        check_plot_folder,
        default_baselines,
        plot_bench,
        plot_worst,
        read_manifest,
        run_bench,
        work_on,
        worst_errors,
    )
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line
    from .progress import step_progress

    setup = gates_from_command_line(
        profile=profile,
        sensitivity=sensitivity,
        option=option,
        languages=language,
        lexicons=lexicon,
        listener=listener,
    )
    create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    scene_fields = {
        "gain_db": gain_db,
        "noise": noise,
        "snr_db": snr_db,
        "band": band,
        "silence_dbfs": silence_dbfs,
        "seed": seed,
    }
    scene = {name: value for name, value in scene_fields.items() if value is not None}
    settings = BenchSettings(
        options=setup.options,
        vad=vad,  # type: ignore[arg-type]
        input_gain_db=setup.input_gain_db,
        echo_guard=setup.echo_guard,
        scene=SceneOptions(**scene),  # type: ignore[arg-type]
        interim_lag=0.3 if interim_lag is None else interim_lag,
        sweep=_sensitivities(sweep),
    )
    if noise is not None:
        AudioFile(noise).close()
    items = read_manifest(manifest, kind=kind, strict=strict)
    warn_of_unlabelled(items)
    if scene and items.kind != "clips":
        raise OptionError(f"--{min(scene).replace('_', '-')}: makes scenes of clips; {manifest} holds {items.kind}")
    if interim_lag is not None and items.kind != "overlaps":
        raise OptionError(f"--interim-lag: is for overlaps; {manifest} holds {items.kind}")
    if plot is not None:
        check_plot_folder(plot, sweep=bool(settings.sweep))

    cores = os.cpu_count() or 1
    with (
        work_on(backend, jobs=cores if jobs is None else jobs, scheduler=scheduler),
        step_progress("evaluating", len(items.items), wanted=not (quiet or is_alone(as_json))) as advance,
    ):
        report = run_bench(
            items,
            settings,
            gates=setup,
            baselines=default_baselines(setup.lexicon),
            strict=strict,
            progress=advance,
            about={"listener": setup.listens and items.kind != "overlaps", **setup.about},
        )
    warn_of_skipped(report.skipped)
    if as_json is not None:
        as_json.write(report.to_json(worst=worst))
    errors = () if worst is None else worst_errors(report.outcomes, worst)
    pictures: tuple[Path, ...] = ()
    if plot is not None:
        pictures = plot_bench(report, plot)
        if worst is not None:
            pictures += plot_worst(errors, items.items, settings, setup, plot)
    if is_alone(as_json):
        return
    _print_for_people(report, None if worst is None else errors, with_tables=not quiet)
    name_json_file(as_json)
    for picture in pictures:
        typer.echo(f"written: {picture}")


def _sensitivities(sweep: str | None) -> tuple[float, ...]:
    if sweep is None:
        return ()
    try:
        return tuple(float(value) for value in sweep.split(","))
    except ValueError:
        raise OptionError(f"--sweep: expected numbers from 0 to 1 with commas between, got {sweep!r}") from None


def _print_for_people(report: BenchReport, errors: tuple[WorstError, ...] | None, *, with_tables: bool) -> None:
    from rich.console import Console

    from ..bench import bench_tables, gate_sentence, worst_lines

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    if with_tables:
        for table in bench_tables(report):
            console.print(table)
            console.print()
        for line in () if errors is None else (*worst_lines(errors), ""):
            console.print(line, markup=False)
    console.print(gate_sentence(report.gate), markup=False, soft_wrap=True)

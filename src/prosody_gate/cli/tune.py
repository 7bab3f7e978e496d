"""`prosody-gate tune`: the options that suit one microphone, searched on labelled recordings."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from ..errors import OptionError
from .gate_arguments import GATE, LanguageOption, LexiconOption, ListenerOption

if TYPE_CHECKING:
    from ..bench import Share, SkippedLine, SystemScore
    from ..tuning import Gain, TuneResult, TuneScores


def scores_table(scores: TuneScores, *, with_default: bool) -> Table:
    """Before and after, on held-out recordings and on those of the search.

    Args:
        scores: What to show.
        with_default: Whether the search began with other options than the default.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    columns = {
        "before": scores.start,
        "after,\non held-out\nrecordings": scores.expected,
        "after,\non these very\nrecordings": scores.best,
    }
    if with_default:
        columns = {"default": scores.default, **columns}
    for heading in columns:
        table.add_column(heading, justify="right")
    shown = columns.values()

    def share(value: Share) -> str:
        # Four of them side by side are too wide for a terminal.
        return _share(value, "\n" if with_default else "  ")

    table.add_row("caught within 3 s", *(share(score.caught) for score in shown))
    table.add_row("false interruptions", *(share(score.false_interruptions) for score in shown))
    for label in scores.start.false_by_label:
        table.add_row(f"  {label}", *(share(score.false_by_label[label]) for score in shown))
    if scores.start.unlabelled is not None:
        table.add_row("unlabelled, stopped", *(str(score.unlabelled) for score in shown))
    table.add_row("latency, median", *(_latency(score, "p50") for score in shown))
    table.add_row("latency, 90 % within", *(_latency(score, "p90") for score in shown))
    return table


def options_table(result: TuneResult) -> Table:
    """Each option before and after, with how much it mattered."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("option")
    for heading in ("before", "after", "mattered"):
        table.add_column(heading, justify="right")
    before, after = result.start.options.model_dump(), result.best.options.model_dump()
    names = [*result.importance, *(name for name in after if name not in result.importance)]
    for name in names:
        if name in result.importance or before[name] != after[name]:
            share = result.importance.get(name)
            table.add_row(
                name, f"{before[name]:g}", f"{after[name]:g}", "" if share is None else f"{100.0 * share:.0f} %"
            )
    return table


def _share(share: Share, between: str) -> str:
    if share.value is None or share.interval is None:
        return "n/a"
    low, high = share.interval
    return f"{100.0 * share.value:.1f} %{between}({100.0 * low:.1f}–{100.0 * high:.1f})"


def _latency(score: SystemScore, percentile: str) -> str:
    return "n/a" if score.latency is None else f"{1000.0 * getattr(score.latency, percentile).value:.0f} ms"


AIM, SEARCH, OUTPUT = "The aim", "The search", "Output"
"""The panels of the help."""

TOLD = 5
"""Skipped lines that are told one by one."""


def tune(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            show_default=False,
            help="JSONL, or JSONL.gz: a labelled clip or call a line, as for bench.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="P.toml", rich_help_panel=OUTPUT, help="The profile to write."),
    ],
    trials: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=SEARCH,
            help="Sets of options to try, with those that the storage has already.",
        ),
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, rich_help_panel=SEARCH, help="The same seed and recordings, the same result."),
    ] = 0,
    max_false: Annotated[
        float,
        typer.Option(metavar="SHARE", rich_help_panel=AIM, help="False interruptions that you accept, 0 to 1."),
    ] = 0.02,
    min_caught: Annotated[
        float,
        typer.Option(
            metavar="SHARE", rich_help_panel=AIM, help="Interruptions that must stop the agent within 3 s, 0 to 1."
        ),
    ] = 0.99,
    false_weight: Annotated[
        float,
        typer.Option(
            metavar="S", rich_help_panel=AIM, help="Seconds of latency that a share of 1 beyond --max-false weighs."
        ),
    ] = 50.0,
    missed_weight: Annotated[
        float,
        typer.Option(metavar="S", rich_help_panel=AIM, help="The same for interruptions missed beyond --min-caught."),
    ] = 50.0,
    latency_weight: Annotated[
        float, typer.Option(metavar="W", rich_help_panel=AIM, help="Weight of a second of latency.")
    ] = 1.0,
    margin: Annotated[
        float,
        typer.Option(
            metavar="NATS",
            rich_help_panel=AIM,
            help="How far the threshold is moved against each limit before errors are counted: room for recordings to "
            "come. 0 counts as it is.",
        ),
    ] = 0.5,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            rich_help_panel=SEARCH,
            help="An option to search; may be repeated. Default: all that can be tuned, but of sensitivity, prior and "
            "confirm_probability, which move one threshold, the last alone.",
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(metavar="N", min=1, rich_help_panel=SEARCH, help="Trials without gain after which to stop."),
    ] = 40,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL|FILE",
            show_default=False,
            rich_help_panel=SEARCH,
            help="Where to keep the trials: an Optuna storage (sqlite:///tune.db, mysql://..., redis://...) or a "
            "journal file. An interrupted search is resumed from it, and several machines can share one.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, show_default=False, rich_help_panel=SEARCH, help="Processes. Default: one a core."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|P.toml",
            show_default=False,
            rich_help_panel=GATE,
            help="Profile to start from: its microphone is kept, its options and the default are to be beaten.",
        ),
    ] = None,
    listener: ListenerOption = None,
    vad: Annotated[
        str,
        typer.Option(metavar="silero|webrtc", rich_help_panel=GATE, help="What tells speech."),
    ] = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", rich_help_panel=GATE, help="Any other option to start from; may be repeated."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default=False,
            rich_help_panel=OUTPUT,
            help="Name of the microphone. Default: that of --profile, or the output's.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", rich_help_panel=OUTPUT, help="Write a profile that is no better on held-out recordings, too."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print JSON, and nothing else, on standard output.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="No tables and no progress.")
    ] = False,
) -> None:
    """Search the options that suit your microphone, on labelled recordings of it.

    Tries durations, thresholds and hold limits, and keeps what reaches your aim: at most 2 % false interruptions, at
    least 99 % of the interruptions caught, then the smallest latency. Speakers or files are held out in turns, so the
    table tells what to expect on new recordings, beside what the options at the start do on the same ones, and the
    default where the search begins with others. A profile that is not surely better than both is not written.

    MANIFEST is that of bench, clips or calls; `prosody-gate label` makes one of your own calls. It takes at least 20
    interruptions and 20 others, each kind of 2 or more speakers or recordings; a few hundred are better.

        prosody-gate tune clips.jsonl --profile headset.toml --output headset-tuned.toml --storage sqlite:///tune.db
    """
    # The imports that a help page or a wrong option need not wait for.
    from ..atomic_file import check_writable
    from ..bench import read_manifest
    from ..tuning import (
        Objective,
        SearchSpace,
        Tuner,
        TuneSettings,
        check_counts,
        check_material,
        check_storage,
        score,
        spread,
        tuned_profile,
    )
    from ..vad import create_detector
    from .gate_setup import gates_from_command_line
    from .progress import step_progress

    objective = Objective(
        max_false=max_false,
        min_caught=min_caught,
        false_weight=false_weight,
        missed_weight=missed_weight,
        latency_weight=latency_weight,
        margin=margin,
    )
    setup = gates_from_command_line(
        profile=None if profile is None else Path(profile),
        option=option or (),
        languages=language or ["en"],
        lexicons=lexicon or (),
        listener=listener,
    )
    create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    space = SearchSpace.of(setup.options, search or ())
    check_writable(output)
    if name is not None and not name.strip():
        raise OptionError(f"--name: expected text, got {name!r}")
    read = read_manifest(manifest)
    _tell_skipped(read.skipped)
    items = check_material(read)
    check_storage(storage)
    settings = TuneSettings(
        start=setup.options,
        profile=setup.profile,
        lexicon=setup.lexicon,
        listener=setup.listens,
        vad=vad,  # type: ignore[arg-type]
    )
    silent = quiet or as_json
    with (
        step_progress("listening", len(items), wanted=not silent) as advance,
        spread(items, settings, source=str(manifest), jobs=jobs or os.cpu_count() or 1, progress=advance) as recordings,
    ):
        _tell_skipped(recordings.skipped)
        check_counts(((event.group, event.is_interruption) for event in recordings.events), source=str(manifest))
        tuner = Tuner(recordings, space, objective, seed=seed, storage=storage)
        with step_progress("trying", trials, wanted=not silent) as tried:
            result = tuner.run(
                trials, patience=patience, progress=None if tried is None else lambda done, _cost: tried(done)
            )
        scores = score(tuner, result, recordings.events)
    if as_json:
        _print_json(result, scores)
    elif not quiet:
        _print_tables(result, scores, aim=objective.sentence, groups=tuner.groups)
    if not result.is_better and not force:
        raise OptionError(f"{output}: not written, for {_why_not(result)}")
    written = tuned_profile(
        result.best.options,
        start=setup.profile,
        name=name or output.stem,
        source=f"tune {manifest.name}: {len(recordings.events)} events of {tuner.groups} speakers or files",
        expected=scores.expected,
    )
    if name is not None:
        written = written.renamed(name)
    written.save(output)
    typer.echo(f"written: {output}", err=as_json)


def _tell_skipped(skipped: tuple[SkippedLine, ...]) -> None:
    for line in skipped[:TOLD]:
        typer.echo(f"prosody-gate: warning: skipped: {line.problem}", err=True)
    if len(skipped) > TOLD:
        typer.echo(f"prosody-gate: warning: {len(skipped) - TOLD} more lines skipped", err=True)


def _why_not(result: TuneResult) -> str:
    from ..tuning import LEAST_FOLDS

    gain, before = result.gain, "what the search began with"
    if gain.is_sure:
        gain, before = result.gain_over_default, "the default options"
    if gain.is_sure:
        return "over all recordings nothing is likely better than what the search began with; --force writes that"
    if gain.folds < LEAST_FOLDS:
        return (
            f"{gain.folds} speakers or recordings do not tell whether anything is better than {before}; "
            f"expected at least {LEAST_FOLDS}, or --force"
        )
    return (
        f"nothing found is surely better on held-out recordings than {before} (gain {gain.value:.3f} s, standard "
        f"error {gain.error:.3f} s); expected more: add recordings, or --force"
    )


def _rounded(gain: Gain) -> dict[str, float]:
    return {"value": round(gain.value, 4), "standard_error": round(gain.error, 4)}


def _print_json(result: TuneResult, scores: TuneScores) -> None:
    import json

    report = {
        "trials": result.trials,
        "stopped_early": result.stopped_early,
        "better": result.is_better,
        "gain": _rounded(result.gain),
        "gain_over_default": _rounded(result.gain_over_default),
        "options": {"start": result.start.options.model_dump(), "best": result.best.options.model_dump()},
        "importance": {name: round(share, 4) for name, share in result.importance.items()},
        "start": scores.start.to_dict(),
        "default": scores.default.to_dict(),
        "expected": scores.expected.to_dict(),
        "best": scores.best.to_dict(),
    }
    typer.echo(json.dumps(report, indent=2))


def _print_tables(result: TuneResult, scores: TuneScores, *, aim: str, groups: int) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    console.print(scores_table(scores, with_default=result.default is not result.start))
    console.print()
    console.print(options_table(result))
    console.print()
    why = "; stopped early, for nothing was getting better" if result.stopped_early else ""
    console.print(f"aim: {aim}; {result.trials} trials on recordings of {groups} speakers or files{why}", markup=False)

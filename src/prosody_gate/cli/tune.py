"""`prosody-gate tune`: the options that suit one microphone, searched on labelled recordings."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from ..errors import OptionError
from .arguments import (
    OUTPUT,
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
from .one_line_errors import NOTHING_BETTER, PROGRAM, warn_of_skipped, warn_of_unlabelled

if TYPE_CHECKING:
    from ..bench import Share, SystemScore
    from ..tuning import Gain, Tuner, TuneResult, TuneScores


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


AIM, SEARCH = "The aim", "The search"
"""The panels of the help."""


def tune(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            show_default=False,
            help="JSONL or JSONL.gz, as for bench: one labelled clip or call per line; or a folder of recorded "
            "overlaps.",
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
            help="How many sets of options to try; those already in the storage count.",
        ),
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, rich_help_panel=SEARCH, help="The same seed and recordings give the same result."
        ),
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
            metavar="S",
            rich_help_panel=AIM,
            help="What false interruptions beyond --max-false cost: seconds of latency for a share of 1.",
        ),
    ] = 50.0,
    missed_weight: Annotated[
        float,
        typer.Option(metavar="S", rich_help_panel=AIM, help="The same for interruptions missed beyond --min-caught."),
    ] = 50.0,
    latency_weight: Annotated[
        float, typer.Option(metavar="W", rich_help_panel=AIM, help="What a second of latency costs.")
    ] = 1.0,
    margin: Annotated[
        float,
        typer.Option(
            metavar="NATS",
            rich_help_panel=AIM,
            help="Safety margin, for new recordings differ from these: errors are counted with the threshold moved "
            "this far towards them. 0 for none.",
        ),
    ] = 0.5,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            rich_help_panel=SEARCH,
            help="An option to search; may be repeated. Default: all that can be tuned, except sensitivity and prior, "
            "which move the same threshold as confirm_probability.",
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, rich_help_panel=SEARCH, help="Stop after this many trials without improvement."
        ),
    ] = 40,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL|FILE",
            show_default=False,
            rich_help_panel=SEARCH,
            help="Where to keep the trials: an Optuna storage (sqlite:///tune.db, mysql://..., redis://...) or a "
            "journal file. A search that was stopped goes on from there, and several machines can share one.",
        ),
    ] = None,
    jobs: JobsOption = None,
    sensitivity: SensitivityOption = None,
    profile: ProfileOption = None,
    listener: ListenerOption = None,
    vad: VadOption = "silero",
    language: LanguageOption = None,
    lexicon: LexiconOption = None,
    option: NameValueOption = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default=False,
            rich_help_panel=OUTPUT,
            help="Name of the microphone. Default: the name in --profile, or that of the output file.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", rich_help_panel=OUTPUT, help="Write the profile even if it is not better on held-out recordings."
        ),
    ] = False,
    as_json: JsonOption = None,
    quiet: QuietOption = False,
) -> None:
    """Search the options that suit your microphone, on labelled recordings of it.

    Tries durations, thresholds and hold limits, and keeps what reaches your aim: at most 2 % false interruptions, at
    least 99 % of the interruptions caught, then the smallest latency. Speakers or files are held out in turns, so the
    table shows what to expect on new recordings, beside the scores of the options it began with, and of the default
    options where it began with others. A profile is written only if it is reliably better than both.

    MANIFEST is one of clips or calls, as for bench; `prosody-gate label` makes one of your own calls. It takes at least
    20 interruptions and 20 other events, each kind from 2 or more speakers or recordings; a few hundred are better.
    The search begins with --profile, --sensitivity and --option, else with the defaults. With --storage a search that
    was stopped goes on when the same command is run again.

    Exit status: 0 the profile is written; 2 bad input; 3 nothing reliably better was found, nothing is written (--force
    writes it); 130 stopped with Ctrl-C.

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
        prepare_recordings,
        score,
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
        profile=profile,
        sensitivity=sensitivity,
        option=option,
        languages=language,
        lexicons=lexicon,
        listener=listener,
    )
    create_detector(vad)  # type: ignore[arg-type]  # it says itself what it knows
    space = SearchSpace.of(setup.options, search or ())
    check_writable(output)
    if name is not None and not name.strip():
        raise OptionError(f"--name: expected text, got {name!r}")
    read = read_manifest(manifest)
    warn_of_skipped(read.skipped)
    warn_of_unlabelled(read)
    items = check_material(read)
    check_storage(storage)
    settings = TuneSettings(
        gates=setup,
        vad=vad,  # type: ignore[arg-type]
    )
    silent = quiet or is_alone(as_json)
    with (
        step_progress("listening", len(items), wanted=not silent) as advance,
        prepare_recordings(
            items, settings, source=str(manifest), jobs=jobs or os.cpu_count() or 1, progress=advance
        ) as recordings,
    ):
        warn_of_skipped(recordings.skipped)
        check_counts(((event.group, event.is_interruption) for event in recordings.events), source=str(manifest))
        tuner = Tuner(recordings, space, objective, seed=seed, storage=storage)
        with step_progress("trying", trials, wanted=not silent) as tried, _resumable(tuner, storage):
            result = tuner.run(
                trials, patience=patience, progress=None if tried is None else lambda done, _cost: tried(done)
            )
        scores = score(tuner, result, recordings.events)
    if as_json is not None:
        as_json.write(_report(result, scores))
    if not silent:
        _print_tables(result, scores, aim=objective.sentence, groups=tuner.groups)
    name_json_file(as_json)
    if not result.is_better and not force:
        typer.echo(f"{PROGRAM}: {output} is not written: {_why_not(result, scores)}", err=True)
        raise typer.Exit(NOTHING_BETTER)
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
    typer.echo(f"written: {output}", err=is_alone(as_json))


@contextmanager
def _resumable(tuner: Tuner, storage: str | None) -> Iterator[None]:
    """Say after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        again = shlex.join([PROGRAM, *sys.argv[1:]])
        if storage is None:
            typer.echo(f"{PROGRAM}: stopped; no trial is kept (--storage FILE keeps them)", err=True)
        else:
            kept = "1 trial" if tuner.finished == 1 else f"{tuner.finished} trials"
            typer.echo(f"{PROGRAM}: stopped; {storage} keeps {kept}. To go on, run again: {again}", err=True)
        raise


def _why_not(result: TuneResult, scores: TuneScores) -> str:
    """Why no profile is written, in what the user cares for."""
    from ..tuning import LEAST_FOLDS

    gain, before, name = result.gain, scores.start, "the options that the search began with"
    if gain.is_reliable:
        gain, before, name = result.gain_over_default, scores.default, "the default options"
    if gain.folds < LEAST_FOLDS:
        return (
            f"{gain.folds} speakers or recordings are too few to say whether anything is better than {name}; "
            f"expected at least {LEAST_FOLDS}. --force writes it anyway"
        )
    more = "More recordings may show a difference; --force writes it anyway"
    if all(candidate.options == result.start.options for candidate in result.held_out):
        return f"nothing did better than {name}: {_figures(before)}. {more}"
    if gain.is_reliable:
        return f"over all recordings together, nothing did better than the options that the search began with. {more}"
    verdict = "a difference that may be chance" if gain.value > 0.0 else "no better"
    return (
        f"on held-out recordings, what was found has {_figures(scores.expected)}; {name} have {_figures(before)}: "
        f"{verdict}. {more}"
    )


def _figures(score: SystemScore) -> str:
    """What the user cares for, in words."""
    caught, false = _percent(score.caught), _percent(score.false_interruptions)
    return (
        f"{caught} of the interruptions caught within 3 s, {false} of the other events stopping the agent, and a "
        f"median latency of {_latency(score, 'p50')}"
    )


def _percent(share: Share) -> str:
    return "n/a" if share.value is None else f"{100.0 * share.value:.1f} %"


def _rounded(gain: Gain) -> dict[str, float]:
    return {"value": round(gain.value, 4), "standard_error": round(gain.error, 4)}


def _report(result: TuneResult, scores: TuneScores) -> dict[str, Any]:
    return {
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


def _print_tables(result: TuneResult, scores: TuneScores, *, aim: str, groups: int) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False, soft_wrap=False)
    console.print(scores_table(scores, with_default=result.default is not result.start))
    console.print()
    console.print(options_table(result))
    console.print()
    why = "; stopped early, for nothing was getting better" if result.stopped_early else ""
    console.print(f"aim: {aim}; {result.trials} trials on recordings of {groups} speakers or files{why}", markup=False)

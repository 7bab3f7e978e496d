"""Makes a page of a bench report: every event that it scored, decided anew to be seen."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..audio import FRAME_SAMPLES
from ..bench import BenchSettings, Call, Clip, Manifest, SceneOptions, read_report_fields
from ..errors import AudioError
from ..gate import GateEventKind, GateOptions
from ..gate_factory import GateFactory
from ..replay import ReplayResult, Span
from .page_data import PageClip, PageData, PageError, PageItem, threshold_of
from .page_sources import Progress, as_int16, told

SAME_ONSET: Final = 0.002
"""Seconds by which a report's rounding may move an onset."""

LEAST: Final = 0.1
"""Seconds of an event that are shown, where its speech is not known."""


def read_bench_report(path: Path) -> dict[str, Any]:
    """The fields of a bench report.

    Args:
        path: Of the JSON file.

    Raises:
        PageError: It cannot be read, or is none.
    """
    expected = (
        "expected a recording, a folder of recorded overlaps, or a report that prosody-gate bench --json has written"
    )
    return read_report_fields(path, expected=expected, error=PageError)


def settings_of(report: Mapping[str, Any]) -> BenchSettings:
    """What a report was measured with, as far as it says so; of the noise in scenes it has the name alone.

    Raises:
        OptionError: The report's options are not this version's.
    """
    settings = report.get("settings") or {}
    scene = {name: (settings.get("scene") or {}).get(name) for name in ("gain_db", "band", "silence_dbfs", "seed")}
    return BenchSettings(
        options=GateOptions.create("report", **(settings.get("options") or {})),
        vad=settings.get("vad", "silero"),
        input_gain_db=float(settings.get("input_gain_db", 0.0)),
        scene=SceneOptions(**{name: value for name, value in scene.items() if value is not None}),
    )


def page_of_report(
    path: Path,
    report: Mapping[str, Any],
    manifest: Manifest,
    gates: GateFactory,
    settings: BenchSettings,
    *,
    progress: Progress = None,
) -> PageData:
    """The page of a bench report: its events as they were scored, with what the gate saw of each.

    The list has the report's own figures. The curves come from running the gate again.

    Args:
        path: Of the report.
        report: Its fields.
        manifest: What it was made with.
        gates: Make the gates.
        settings: As the report has them.
        progress: Called with the number of recordings done so far.

    Raises:
        PageError: No event of the report is in the manifest.
    """
    by_line: dict[int, list[Mapping[str, Any]]] = {}
    items_by_line = {item.line: item for item in manifest.items}
    problems: list[str] = []
    for outcome in report["outcomes"]:
        by_line.setdefault(int(outcome["line"]), []).append(outcome)
    reader = settings.reader()
    items: list[PageItem] = []
    clips: list[Callable[[], PageClip]] = []
    lines: list[Mapping[str, Any]] = []
    for done, (number, outcomes) in enumerate(sorted(by_line.items()), start=1):
        item = items_by_line.get(number)
        if not isinstance(item, (Clip, Call)):
            problems.append(f"line {number} of the report is not in {manifest.path}, or has no sound")
            continue
        try:
            stream = reader.read(item)
        except AudioError as error:
            problems.append(str(error))
            continue
        result = stream.replay(gates.gate(options=settings.options, expects_transcripts=stream.transcribed))
        ends = {segment.start: segment.end for segment in stream.segments}
        shown = [
            _scored(item, outcome, result, ends, options=settings.options, place=len(clips)) for outcome in outcomes
        ]
        items += shown
        frames = stream.frames
        clip = PageClip(
            duration=result.duration,
            user=None if frames is None else as_int16(frames.reshape(-1)),
            trace=result.trace[: round(result.duration * 16_000 / FRAME_SAMPLES)],
            agent_spans=result.agent,
            transcripts=result.transcripts,
            events=result.events,
        )
        clips.append(partial(_same, clip))
        lines.append(_manifest_line(item, manifest.path.parent if manifest.path.is_file() else manifest.path, shown))
        if progress is not None:
            progress(done)
    if not items:
        raise PageError(f"{path}: no event of it can be shown; the first: {problems[0] if problems else 'it has none'}")
    return PageData(
        title=f"{path.name}: {report.get('manifest', '')}",
        kind="report",
        about=f"{len(items)} events of {len(clips)} recordings",
        items=items,
        clips=clips,
        lines=lines,
        export_name=f"{path.stem}-labels.jsonl",
        export_place=f"beside {manifest.path.name}",
        problems=told(problems),
    )


def _same(clip: PageClip) -> PageClip:
    return clip


def _scored(
    item: Clip | Call,
    outcome: Mapping[str, Any],
    result: ReplayResult,
    ends: Mapping[float, float],
    *,
    options: GateOptions,
    place: int,
) -> PageItem:
    name, label = str(outcome["name"]), str(outcome["label"])
    span = Span(0.0, 0.0)
    if isinstance(item, Call):
        labelled = (event for event in item.events if name == f"{item.name} {event.start:g}-{event.end:g}")
        span = next((Span(event.start, event.end) for event in labelled), span)
    onset = float(span.start if outcome["onset"] is None else outcome["onset"])
    holds = [
        one.time for one in result.events if one.kind is GateEventKind.HOLD and abs(one.onset - onset) < SAME_ONSET
    ]
    confirmed, decided = outcome["confirmed"], outcome["decided"]
    kind = "confirm" if confirmed is not None else "cancel" if decided is not None else ""
    if not kind and outcome.get("reason") == "agent_stopped":
        kind = "release"
    after = decided if confirmed is None else confirmed
    return PageItem(
        clip=place,
        key=f"{outcome['line']} {name} {label}",
        name=Path(name).name,
        onset=onset,
        end=next((end for start, end in ends.items() if abs(start - onset) < SAME_ONSET), max(span.end, onset + LEAST)),
        line=place,
        span=span,
        hold=holds[0] if holds else None,
        decided=None if after is None else onset + float(after),
        kind=kind,
        reason=str(outcome.get("reason", "")),
        probability=outcome.get("probability"),
        threshold=threshold_of(options),
        evidence=dict(outcome.get("evidence") or {}),
        transcript=str(outcome.get("transcript", "")),
        recognised=str(outcome.get("recognised", "")),
        label=label,
        right=outcome.get("right"),
        set=str(outcome["set"]),
    )


def _manifest_line(item: Clip | Call, folder: Path, shown: Sequence[PageItem]) -> dict[str, Any]:
    """The item as a line of a manifest, without the labels that the page shows."""
    line: dict[str, Any] = {
        "audio": Path(os.path.relpath(item.audio, folder)).as_posix(),
        "speaker": item.group,
    }
    if item.transcripts is not None:
        line["transcripts"] = [
            {name: value for name, value in fields.items() if value is not None}
            for fields in (
                {"at": one.at, "text": one.text, "final": one.final, "start": one.start, "end": one.end}
                for one in item.transcripts
            )
        ]
    if isinstance(item, Clip):
        cut = {} if item.end is None else {"end": item.end}
        return {**line, "set": item.set, "start": item.start, **cut}
    spoken = {"agent": [list(span) for span in item.agent]}
    learned = {} if item.learned is None else {"learned": item.learned.to_dict()}
    spans = {one.span for one in shown}
    return {
        **line,
        "user_channel": item.user_channel,
        **(spoken if item.agent_channel is None else {"agent_channel": item.agent_channel}),
        **learned,
        "events": [
            {"label": event.label, "start": event.start, "end": event.end, "set": event.set}
            for event in item.events
            if Span(event.start, event.end) not in spans
        ],
    }

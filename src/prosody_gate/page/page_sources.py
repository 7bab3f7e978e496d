"""Makes pages of a call and of a folder of recorded overlaps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from ..audio import AudioFile, Resampler
from ..errors import AudioError, ProsodyGateError
from ..gate import GateEvent, GateEventKind, GateOptions, Transcript
from ..labelling import proposals_of
from ..recording import RecordingError, label_of, overlap_files, read_line
from ..replay import ReplayResult, Span, TracePoint
from .page_data import PageClip, PageData, PageItem, Samples, pitch_of

Progress = Callable[[int], None] | None

TOLD: Final = 3
"""Problems that the page lists one by one."""


def link_to(path: Path, page: Path) -> str:
    """The address of a file relative to a page.

    Args:
        path: The file.
        page: The page's own path.
    """
    relative = os.path.relpath(os.path.abspath(path), os.path.dirname(os.path.abspath(page)))
    return quote(Path(relative).as_posix())


def voice_at_16_khz(recording: AudioFile, channel: int | None) -> Samples:
    """One channel of a recording, [n] int16 at 16 kHz; the mean of all when None."""
    resampler, parts = Resampler(recording.sample_rate), []
    for block in recording.blocks(channel):
        parts.append(as_int16(resampler.push(block)))
    parts.append(as_int16(resampler.flush()))
    return np.concatenate(parts)


def as_int16(samples: Any) -> Samples:
    """Samples in [-1, 1] as int16."""
    whole: Samples = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return whole


def page_of_call(
    result: ReplayResult,
    recording: AudioFile,
    *,
    options: GateOptions,
    line: Mapping[str, Any],
    user_channel: int | None,
    agent_channel: int | None,
    labels: Callable[[float, float], str | None] = lambda start, end: None,
    link: str | None = None,
) -> PageData:
    """The page of one call.

    Args:
        result: What the gate did, replayed with `trace=True`.
        recording: The open recording.
        options: In force.
        line: The call's line of a manifest, without its events.
        user_channel: From 0; None for the mean of all.
        agent_channel: None where the agent has none.
        labels: The label of a span, where it has one.
        link: Address of the sound; None puts it into the page.

    Raises:
        AudioError: The recording cannot be read.
    """
    name = recording.path.name
    ends = {proposal.start: proposal.end for proposal in proposals_of(result, options)}
    by_onset: dict[float, list[GateEvent]] = {}
    for event in result.events:
        by_onset.setdefault(event.onset, []).append(event)
    items: list[PageItem] = []
    for onset in sorted(by_onset):
        events = by_onset[onset]
        end = ends.get(onset, max(event.onset + event.speech_duration for event in events))
        items.append(
            PageItem.of_events(
                events,
                options=options,
                clip=0,
                key=f"{name} {onset:.3f}",
                name=f"Overlap {len(items) + 1}",
                onset=onset,
                end=end,
                line=0,
                span=Span(onset, end),
                label=labels(onset, end),
            )
        )
    clip = PageClip(
        duration=result.duration,
        user=voice_at_16_khz(recording, user_channel),
        agent=None if agent_channel is None else voice_at_16_khz(recording, agent_channel),
        link=link,
        trace=result.trace,
        agent_spans=result.agent,
        transcripts=result.transcripts,
        events=result.events,
    )
    return PageData(
        title=name,
        kind="call",
        about=f"{len(items)} overlaps in {result.duration:.0f} s",
        items=items,
        clips=[lambda: clip],
        has_agent_sound=clip.agent is not None and link is None,
        lines=[{**line, "events": []}],
        export_name=f"{recording.path.stem}.jsonl",
        export_place=f"beside {name}",
    )


# A folder of recorded overlaps


def page_of_folder(folder: Path, *, link: Callable[[Path], str] | None = None, progress: Progress = None) -> PageData:
    """The page of a folder of recorded overlaps.

    What cannot be used is left out and named on the page.

    Args:
        folder: That a call was recorded in.
        link: The address of a clip; None puts the sound into the page.
        progress: Called with the number of overlaps done so far.

    Raises:
        RecordingError: The folder cannot be read, or nothing in it can be used.
    """
    items: list[PageItem] = []
    clips: list[Callable[[], PageClip]] = []
    lines: list[Mapping[str, Any]] = []
    problems: list[str] = []
    has_agent = False
    for done, path in enumerate(overlap_files(folder), start=1):
        try:
            fields = read_line(path)
            item = _recorded_item(fields, place=len(items), key=path.stem)
            _trace(fields["trace"], None, None)
            line = _line_of(fields)
            missing = _missing_sound(path, fields)
        except RecordingError as error:
            problems.append(str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            problems.append(f"{path}: is damaged ({error}); expected one recorded overlap")
        else:
            address = None if link is None or missing else link(path.parent / str(fields["audio"]))
            clips.append(partial(_clip_of, path, address))
            items.append(item)
            lines.append(line)
            has_agent = has_agent or "agent_audio" in fields
            if missing:
                problems.append(missing)
        if progress is not None:
            progress(done)
    if not items:
        raise RecordingError(f"{folder}: nothing in it can be shown; the first: {problems[0]}")
    calls = len({line.get("speaker") for line in lines})
    return PageData(
        title=f"Recorded overlaps: {folder.resolve().name}",
        kind="folder",
        about=f"{len(items)} overlaps of {calls} call{'' if calls == 1 else 's'}",
        items=items,
        clips=clips,
        has_agent_sound=has_agent and link is None,
        lines=lines,
        export_name="labels.jsonl",
        export_place=f"into the folder {folder.resolve().name}",
        problems=told(problems),
    )


def told(problems: Sequence[str]) -> list[str]:
    """The problems that a page lists."""
    left = len(problems) - TOLD
    return [f"{problem}." for problem in problems[:TOLD]] + ([f"And {left} more like these."] if left > 0 else [])


def _line_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The line of a manifest of calls, without the overlap's own label."""
    kept = ("audio", "user_channel", "agent", "speaker", "transcripts", "learned")
    neighbours = [event for event in fields["events"] if isinstance(event, dict) and event.get("set") == "neighbour"]
    return {**{name: fields[name] for name in kept if name in fields}, "events": neighbours}


def _clip_of(path: Path, link: str | None) -> PageClip:
    """The clip of a recorded overlap; an empty one that says why where its file is damaged, or gone by now."""
    try:
        return _recorded_clip(path, link)
    except RecordingError as error:
        missing = str(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        missing = f"{path}: is damaged ({error}); expected one recorded overlap"
    return PageClip(duration=1.0, missing=missing)


def _recorded_clip(path: Path, link: str | None) -> PageClip:
    """The clip of a recorded overlap, read when the page is written: thousands do not fit into memory."""
    fields = read_line(path)
    user, agent, missing, address = None, None, "", None
    if "audio" in fields:
        sound = path.parent / str(fields["audio"])
        try:
            with AudioFile(sound) as recording:
                user = voice_at_16_khz(recording, 0)
                agent = voice_at_16_khz(recording, 1) if "agent_audio" in fields and recording.channels > 1 else None
            address = link
        except AudioError as error:
            missing = str(error)
    else:
        missing = f"{path.name}: was recorded without sound"
    options = _options(fields.get("options"))
    return PageClip(
        duration=float(fields["duration"]),
        user=user,
        agent=agent,
        link=address,
        missing=missing,
        trace=_trace(fields["trace"], user, options),
        agent_spans=[Span(*map(float, span)) for span in fields.get("agent_spoke", fields["agent"])],
        transcripts=[
            Transcript(at=float(one["at"]), text=str(one["text"]), final=bool(one.get("final")))
            for one in fields.get("transcripts", ())
        ],
        events=[_event(event) for event in fields["decisions"]],
    )


def _missing_sound(path: Path, fields: Mapping[str, Any]) -> str:
    """Why a recorded overlap has no sound; empty where it has."""
    if "audio" not in fields:
        return f"{path.name}: was recorded without sound"
    try:
        AudioFile(path.parent / str(fields["audio"])).close()
    except AudioError as error:
        return str(error)
    return ""


def _recorded_item(fields: Mapping[str, Any], *, place: int, key: str) -> PageItem:
    name, speech = str(fields["name"]), Span(*map(float, fields["overlap"]))
    about = {key: fields[key] for key in ("at", "profile", "prosody_gate", "source") if fields.get(key) is not None}
    return PageItem.of_events(
        [_event(event) for event in fields["decisions"]],
        options=_options(fields.get("options")),
        clip=place,
        key=key,
        name=name,
        onset=speech.start,
        end=speech.end,
        line=place,
        span=speech,
        label=label_of(fields),
        when=str(fields["at"])[5:16].replace("T", " "),
        about=about,
    )


def _event(fields: Mapping[str, Any]) -> GateEvent:
    return GateEvent(
        kind=GateEventKind(fields["kind"]),
        overlap=int(fields["overlap"]),
        onset=float(fields["onset"]),
        time=float(fields["time"]),
        speech_duration=float(fields["speech_duration"]),
        reason=str(fields["reason"]),
        probability=float(fields["probability"]),
        evidence={str(name): float(nats) for name, nats in fields["evidence"].items()},
        transcript=str(fields["transcript"]),
        recognised=str(fields["recognised"]),
    )


def _options(fields: Any) -> GateOptions | None:
    """The options in force; None where this version cannot read them, and the defaults stand in for the threshold."""
    try:
        return GateOptions(**fields)
    except (TypeError, ValueError, ProsodyGateError):
        return None


def _trace(fields: Mapping[str, Any], user: Samples | None, options: GateOptions | None) -> list[TracePoint]:
    def known(value: float | None) -> float:
        return float("nan") if value is None else float(value)

    step, first, speech = float(fields["step"]), float(fields["first"]), fields["speech"]
    pitch = [known(value) for value in fields["pitch"]]
    if user is not None and not any(value == value for value in pitch):
        # A live call has no time to measure it.
        pitch = pitch_of(user, speech, (options or GateOptions()).deactivation_threshold)
    columns = {str(name): values for name, values in fields["evidence"].items()}
    return [
        TracePoint(
            time=first + place * step,
            speech_probability=float(speech[place]),
            level_dbfs=known(fields["level"][place]),
            noise_floor_dbfs=known(fields["floor"][place]),
            pitch_hz=pitch[place],
            probability=float("nan"),
            evidence={name: float(values[place]) for name, values in columns.items() if values[place] is not None},
        )
        for place in range(len(speech))
    ]

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import matplotlib.image
import numpy as np
import pytest
import soundfile
from matplotlib.text import Text
from rich.cells import cell_len
from rich.console import Console

from prosody_gate.audio import AudioFile
from prosody_gate.errors import OptionError
from prosody_gate.gate import GateEvent, GateEventKind, GateOptions, Transcript
from prosody_gate.replay import ReplayResult, Span, TracePoint
from prosody_gate.report import Summary, check_plot_path, decision_table, plot_timeline, to_json
from prosody_gate.report.timeline_figure import TimelineFigure, rows_of
from prosody_gate.report.timeline_labels import Placed, place_labels
from prosody_gate.report.timeline_row import read_envelope

NAN = float("nan")
SHARES = {"prior": 0.0, "words": -2.34, "listener": 3.16, "time": -10.05, "voice": 0.04, "context": -0.25}


def decided(
    number: int,
    kind: GateEventKind = GateEventKind.CONFIRM,
    *,
    onset: float = 2.0,
    time: float = 2.32,
    reason: str = "phrase",
    text: str = "",
    recognised: str = "",
    evidence: dict[str, float] | None = None,
) -> GateEvent:
    return GateEvent(
        kind=kind,
        overlap=number,
        onset=onset,
        time=time,
        speech_duration=min(time - onset, 0.5),
        reason=reason,
        probability=0.91,
        evidence=MappingProxyType(SHARES if evidence is None else evidence),
        transcript=text,
        recognised=recognised,
    )


def result_of(*events: GateEvent, duration: float = 8.0, transcripts: tuple[Transcript, ...] = ()) -> ReplayResult:
    times = np.arange(1, int(duration / 0.032)) * 0.032
    held = [any(event.onset < time < event.time for event in events) for time in times]
    trace = tuple(
        TracePoint(
            time=float(time),
            speech_probability=0.9 if holds else 0.0,
            level_dbfs=-20.0 if holds else -60.0,
            noise_floor_dbfs=-60.0,
            pitch_hz=150.0 if holds else NAN,
            probability=0.5 if holds else NAN,
        )
        for time, holds in zip(times, held, strict=True)
    )
    return ReplayResult(events, duration, (Span(0.5, duration - 1.0),), transcripts, trace)


def eight_overlaps() -> ReplayResult:
    confirm, cancel, release = GateEventKind.CONFIRM, GateEventKind.CANCEL, GateEventKind.RELEASE
    return result_of(
        decided(1, cancel, onset=1.0, time=2.48, reason="ignore_phrase", text="mm-hmm"),
        decided(2, cancel, onset=101.5, time=102.98, reason="evidence"),
        decided(3, confirm, onset=1203.104, time=1203.36, text="yeah, but wait a second please"),
        decided(4, cancel, onset=1300.0, time=1301.5, reason="evidence", text="[/bold] and [red]this"),
        decided(5, confirm, onset=1400.0, time=1400.384, reason="max_hold", text="so " * 40),
        decided(6, cancel, onset=1500.0, time=1501.5, reason="evidence"),
        decided(7, cancel, onset=1600.0, time=1601.5, reason="evidence"),
        decided(8, release, onset=1700.0, time=1700.5, reason="agent_stopped", text="हाँ ठीक है"),
        duration=1800.0,
    )


def printed(result: ReplayResult, *, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(decision_table(result, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_number_kind_or_reason_of_the_table_is_cut(width: int) -> None:
    result = eight_overlaps()
    text = printed(result, width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    words = text.split()
    for event in result.decisions:
        for value in (
            f"{event.onset:.2f}",
            str(event.kind),
            event.reason,
            f"{1000 * event.latency:.0f}",
            "0.91",
        ):
            assert value in words, value
    for share in ("-2.3", "+3.2", "-10.1", "-0.2"):
        assert words.count(share) == 8, share
    for name in ("onset", "P", "text", "words", "listener", "time", "context"):
        assert name in words


def test_a_narrow_terminal_loses_the_shares_but_no_number() -> None:
    text = printed(eight_overlaps(), width=48)
    assert "1203.10" in text
    assert "listener" not in text
    assert all(cell_len(line) <= 48 for line in text.splitlines())


def test_a_source_that_said_nothing_gets_no_column() -> None:
    text = printed(eight_overlaps(), width=120)
    assert "prior" not in text
    assert "voice" not in text  # 0.04 nats round to nothing


def test_why_a_source_has_no_say_stands_once_below_the_table() -> None:
    events = [replace(decided(number), notes={"level": "no turn of the user has been heard"}) for number in (1, 2)]
    assert printed(result_of(*events), width=120).count("level: no turn of the user has been heard") == 1


def test_a_users_own_source_gets_a_column() -> None:
    text = printed(result_of(decided(1, evidence={"prior": 1.0, "long_talk": 2.0})), width=80)
    assert "long_talk" in text
    assert "prior" in text


def test_square_brackets_in_what_was_said_are_not_markup() -> None:
    assert "“[/bold] and [red]this”" in printed(eight_overlaps(), width=160)


def test_a_transcript_stands_in_quotes_and_recognised_text_is_marked_as_a_guess() -> None:
    result = result_of(
        decided(1, text="wait a second", recognised="weigh the sec"),
        decided(2, recognised="or bet"),
        decided(3),
    )
    text = printed(result, width=120)
    assert "“wait a second”" in text
    assert "~or bet" in text
    assert "weigh" not in text  # the transcript is what was said
    assert "“…” transcript · ~… recognised on this machine, a guess" in text


def test_the_legend_names_only_the_marks_that_occur() -> None:
    assert "transcript" not in printed(result_of(decided(1, recognised="aw")), width=80)
    assert "guess" not in printed(result_of(decided(1, text="stop")), width=80)
    silent = printed(result_of(decided(1)), width=80)
    assert "transcript" not in silent
    assert "guess" not in silent
    assert "P: probability of an interruption; + and -: evidence for and against it, in nats" in silent


def test_recognised_text_has_a_style_of_its_own_where_there_is_one() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(decision_table(result_of(decided(1, text="stop"), decided(2, recognised="aw")), width=120))
    assert "\x1b[2;3m~aw" in out.getvalue()
    assert "m“stop”" not in out.getvalue()


def test_long_text_is_shortened() -> None:
    text = printed(eight_overlaps(), width=160)
    assert "…”" in text
    assert "so " * 20 not in text


def test_the_table_reads_the_same_with_and_without_colour() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="truecolor", legacy_windows=False)
    console.print(decision_table(eight_overlaps(), width=120))
    assert "\x1b[1;31mconfirm" in out.getvalue()
    assert "\x1b[32mcancel" in out.getvalue()
    assert "\x1b[36mrelease" in out.getvalue()
    assert "\x1b" not in printed(eight_overlaps(), width=120)


def test_the_closing_line_counts_the_decisions() -> None:
    assert Summary.of(eight_overlaps()).sentence == "8 overlaps: 2 confirmed (median 320 ms), 5 cancelled, 1 released"
    assert Summary.of(result_of(decided(1))).sentence == (
        "1 overlap: 1 confirmed (median 320 ms), 0 cancelled, 0 released"
    )


def test_a_replay_that_held_nothing_says_why_that_may_be() -> None:
    assert "the agent is silent throughout" in Summary.of(ReplayResult((), 9.0, ())).sentence
    spoke = Summary.of(ReplayResult((), 9.0, (Span(1.0, 4.5),))).sentence
    assert "no speech of the user began in the 3.5 s that the agent spoke" in spoke


def test_json_keeps_its_order_and_no_folder() -> None:
    result = eight_overlaps()
    text = to_json(result, recording="/home/someone/calls/a call.wav", options=GateOptions(), setup={"vad": "silero"})
    assert text == to_json(
        result, recording="/home/someone/calls/a call.wav", options=GateOptions(), setup={"vad": "silero"}
    )
    assert text.endswith("}\n")
    assert "someone" not in text
    report = json.loads(text)
    assert list(report) == [
        "prosody_gate",
        "recording",
        "duration",
        "setup",
        "options",
        "agent",
        "events",
        "summary",
    ]
    assert report["recording"] == "a call.wav"
    assert report["agent"] == [[0.5, 1799.0]]
    assert report["options"] == GateOptions().model_dump()
    assert report["events"][2] == result.events[2].to_dict()
    assert report["summary"] == {
        "overlaps": 8,
        "confirmed": 2,
        "cancelled": 5,
        "released": 1,
        "median_confirm_latency": 0.32,
        "agent_speech": 1798.5,
    }


def test_json_of_a_part_says_which(tone: Path) -> None:
    report = json.loads(
        to_json(replace(result_of(decided(1)), part=Span(1.0, 6.5)), recording=tone, options=GateOptions())
    )
    assert report["part"] == [1.0, 6.5]
    assert report["duration"] == 8.0


def test_labels_that_would_cover_each_other_go_on_different_lines() -> None:
    places = place_labels([0.0, 1.0, 5.0, 9.5], [2.0, 2.0, 2.0, 2.0], end=10.0, gap=0.5, lanes=2)
    assert places == [Placed(0.0, 0), Placed(1.0, 1), Placed(5.0, 0), Placed(8.0, 0)]


def test_a_label_without_room_is_left_out() -> None:
    assert place_labels([0.0, 0.5], [2.0, 2.0], end=10.0, gap=0.1, lanes=1) == [Placed(0.0, 0), None]


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    path = tmp_path / "tone.wav"
    time = np.arange(8 * 16_000) / 16_000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 200 * time) * (time < 3.0), 16_000)
    return path


@pytest.mark.parametrize("points", [1, 7, 100, 1333])
def test_the_outline_covers_every_sample_whatever_its_length(tmp_path: Path, points: int) -> None:
    samples = np.random.default_rng(points).uniform(-0.9, 0.9, 36_001).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    with AudioFile(path) as audio:
        outline = read_envelope(audio, 0, points=points)
    ends = (np.arange(1, points + 1) * samples.size) // points
    pieces = np.split(samples, ends[:-1])
    np.testing.assert_array_equal(outline.lowest, [piece.min() for piece in pieces])
    np.testing.assert_array_equal(outline.highest, [piece.max() for piece in pieces])


def test_the_outline_of_a_few_samples_has_no_more_points(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.array([0.1, -0.2, 0.3]), 16_000, subtype="FLOAT")
    with AudioFile(path) as audio:
        assert len(read_envelope(audio, 0, points=100).times) == 3


def test_the_picture_shows_the_decisions(tone: Path, tmp_path: Path) -> None:
    kinds = (GateEventKind.CONFIRM, GateEventKind.CANCEL, GateEventKind.RELEASE)
    events = [
        decided(n, kind, onset=2.0 * n - 1, time=2.0 * n - 0.5, text="costs $5, not $6")
        for n, kind in enumerate(kinds, 1)
    ]
    path = tmp_path / "picture.png"
    transcripts = (
        Transcript(2.0, "wait"),
        Transcript(2.5, "Wait.", final=True),
        Transcript(7.9, "हाँ ok", final=True),
    )
    plot_timeline(result_of(*events, transcripts=transcripts), tone, path, options=GateOptions(), user_channel=0)
    image = matplotlib.image.imread(path)[:, :, :3]
    assert image.shape[1] > 1200
    for colour in ("D55E00", "009E73", "0072B2"):
        wanted = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255.0
        assert (np.abs(image - wanted).max(axis=2) < 0.01).sum() > 100, colour
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")])
def test_the_same_replay_gives_the_same_picture(tone: Path, tmp_path: Path, suffix: str, magic: bytes) -> None:
    pictures = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}{suffix}"
        plot_timeline(result_of(decided(1, text="stop")), tone, path, options=GateOptions())
        pictures.append(path.read_bytes())
    assert pictures[0].startswith(magic)
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    ("seconds", "rows", "length"),
    [
        (0.1, 1, 0.1),
        (90.0, 1, 90.0),
        (91.0, 2, 60.0),
        (720.0, 12, 60.0),
        (721.0, 7, 120.0),
        (3600.0, 12, 300.0),
        (3601.0, 7, 600.0),
        (12 * 3600.0, 12, 3600.0),
        (30 * 3600.0, 10, 3 * 3600.0),
    ],
)
def test_a_long_recording_is_drawn_in_at_most_twelve_rows(seconds: float, rows: int, length: float) -> None:
    spans = rows_of(Span(7.0, 7.0 + seconds))
    assert len(spans) == rows
    assert spans[0].start == 7.0
    assert spans[-1].end == 7.0 + seconds
    assert all(before.end == after.start for before, after in itertools.pairwise(spans))
    assert all(span.end - span.start == length for span in spans[:-1])
    assert spans[0].end - spans[0].start == pytest.approx(length)


def test_the_picture_of_an_hour_is_no_wider_than_that_of_a_minute_and_of_bounded_height(tmp_path: Path) -> None:
    path, picture = tmp_path / "long.flac", tmp_path / "long.png"
    soundfile.write(path, np.zeros(8_000 * 3_600, np.int16), 8_000)
    crowded = [decided(n, onset=20.0 * n, time=20.0 * n + 0.5, text="well but then I thought") for n in range(1, 170)]
    plot_timeline(result_of(*crowded, duration=3600.0), path, picture, options=GateOptions())
    height, width, _ = matplotlib.image.imread(picture).shape
    assert width == 15 * 110
    assert 2_000 < height < 6_000


def texts_of(result: ReplayResult, path: Path) -> dict[str, Text]:
    """What is written in the picture."""
    with AudioFile(path) as audio:
        figure = TimelineFigure(result, GateOptions()).draw(audio, None)
    return {text.get_text(): text for text in figure.findobj(Text)}


def test_the_picture_tells_transcripts_from_recognised_text(tone: Path) -> None:
    events = decided(1, text="wait a second", recognised="weigh"), decided(2, onset=5.0, time=5.5, recognised="or bet")
    texts = texts_of(result_of(*events), tone)
    assert texts["“wait a second”"].get_style() == "normal"
    assert texts["~or bet"].get_style() == "italic"
    assert "“…” transcript · ~… recognised on this machine, a guess" in " ".join(texts)


def test_each_overlap_of_a_long_recording_has_its_label_in_one_row(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(8_000 * 600, np.int16), 8_000)
    cancel = GateEventKind.CANCEL
    events = [
        decided(1, onset=10.0, time=10.5, text="stop"),
        decided(2, cancel, onset=59.0, time=61.0, recognised="mm"),
        decided(3, cancel, onset=300.0, time=301.0),
    ]
    texts = texts_of(result_of(*events, duration=600.0), path)
    assert texts["1 ▼ “stop”"].get_style() == "normal"
    assert texts["2 ● ~mm"].get_style() == "italic"
    assert "3 ●" in texts
    assert {"0:00 to 1:00", "1:00 to 2:00", "9:00 to 10:00"} <= texts.keys()


def test_labels_without_room_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(8_000 * 600, np.int16), 8_000)
    events = [decided(n, onset=20.0 + 0.1 * n, time=20.1 + 0.1 * n, text="one two three") for n in range(1, 8)]
    assert "no room for\n3 more" in texts_of(result_of(*events, duration=600.0), path)


def test_the_picture_of_a_part_has_the_times_of_the_recording(tone: Path) -> None:
    result = replace(result_of(decided(1, onset=4.0, time=4.5)), part=Span(3.0, 6.0))
    with AudioFile(tone) as audio:
        figure = TimelineFigure(result, GateOptions()).draw(audio, None)
    assert {axes.get_xlim() for axes in figure.axes} == {(3.0, 6.0)}
    assert any(text.get_text() == "tone.wav, 3 to 6 s" for text in figure.findobj(Text))


def test_a_replay_that_held_nothing_is_drawn_too(tone: Path, tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    plot_timeline(ReplayResult((), 8.0, ()), tone, path, options=GateOptions())
    assert path.stat().st_size > 5_000


def test_an_unknown_kind_of_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"call\.gif: unknown kind of picture; expected .*\.png, \.svg, \.pdf"):
        check_plot_path(tmp_path / "call.gif")


def test_a_picture_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OptionError, match=r"folder\.png: is a folder"):
        check_plot_path(tmp_path / "folder.png")
    with pytest.raises(OptionError, match="there is no folder"):
        check_plot_path(tmp_path / "missing" / "call.png")
    with pytest.raises(OptionError, match="cannot be written"):
        check_plot_path(tmp_path / f"{'x' * 300}.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.png"]


def test_a_failed_drawing_leaves_the_old_picture(tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def interrupted(self: object, target: Path, **_: object) -> None:
        target.write_bytes(b"half a pict")
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plot_timeline(result_of(decided(1)), tone, path, options=GateOptions())
    assert path.read_bytes() == b"old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["picture.png", "tone.wav"]

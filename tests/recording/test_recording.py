"""The recorder of overlaps, on a gate that is fed by hand, and the folder that it makes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from prosody_gate.bench import ManifestError, read_manifest
from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.gate import Gate, Transcript
from prosody_gate.recording import (
    OverlapRecorder,
    RecordingError,
    RecordingFolder,
    RecordingWriter,
    RecordOptions,
    label_of,
    overlap_files,
    read_line,
    set_label,
)

FRAME = 0.032
NOISE = np.random.default_rng(1).normal(0.0, 0.05, 512).astype(np.float32)
QUIET = (NOISE * 0.01).astype(np.float32)


class Stream:
    """A gate with a recorder that looks on, fed in seconds of speech and silence over an agent that speaks."""

    def __init__(self, folder: Path, *, gate: Gate | None = None, **options: Any) -> None:
        given = {
            name: options.pop(name) for name in ("share", "text", "audio", "quota_mb", "keep_days") if name in options
        }
        self.recorder = OverlapRecorder(RecordOptions(folder=folder, **given), waits=True, **options)
        self.gate = gate or Gate(expects_transcripts=True)
        self._tell(self.gate.agent_started(0.0))

    def _tell(self, events: list[Any], **more: Any) -> None:
        self.recorder.after_step(self.gate, events, **more)

    def sound(self, seconds: float, probability: float) -> None:
        frame = NOISE if probability > 0.5 else QUIET
        for _ in range(round(seconds / FRAME)):
            self._tell(self.gate.push(frame, probability), frame=frame, speech_probability=probability)

    def overlap(self, text: str = "", *, speech: float = 0.5) -> None:
        """Silence, speech, what was said, and silence until all is decided."""
        self.sound(2.5, 0.0)
        self.sound(speech, 1.0)
        if text:
            transcript = Transcript(at=self.gate.time, text=text, final=True)
            self._tell(self.gate.push_transcript(transcript), transcript=transcript)
        self.sound(5.0, 0.0)

    def close(self) -> None:
        self._tell(self.gate.close())
        self.recorder.close(wait=10.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recorded"


@pytest.fixture
def recorded(folder: Path) -> Path:
    stream = Stream(folder, call="20260101T000000Z-call")
    stream.overlap("okay")
    stream.overlap("stop")
    stream.close()
    return folder


def lines(folder: Path) -> list[dict[str, Any]]:
    return [read_line(path) for path in overlap_files(folder)]


def test_an_overlap_is_a_clip_and_a_line_with_two_seconds_around_it(recorded: Path) -> None:
    names = [f"20260101T000000Z-call-{number:04d}{suffix}" for number in (1, 2) for suffix in (".flac", ".json")]
    assert sorted(path.name for path in recorded.iterdir()) == names
    for fields in lines(recorded):
        start, end = fields["overlap"]
        decided = fields["decisions"][-1]["time"]
        samples, rate = soundfile.read(recorded / fields["audio"])
        assert rate == 16_000
        assert len(samples) / rate == pytest.approx(fields["duration"], abs=0.001)
        assert start == pytest.approx(2.0, abs=FRAME)
        assert fields["duration"] == pytest.approx(max(decided, end) + 2.0, abs=2 * FRAME)
        # Where the line says that there is speech, there is sound in the clip, and nowhere else.
        loud = np.abs(samples) > 0.01
        assert np.flatnonzero(loud)[0] / rate == pytest.approx(start, abs=FRAME)
        assert np.flatnonzero(loud)[-1] / rate == pytest.approx(end, abs=2 * FRAME)


def test_the_line_has_the_decision_the_evidence_over_time_the_transcripts_and_the_versions(recorded: Path) -> None:
    first, second = lines(recorded)
    assert [one["kind"] for one in first["decisions"]] == ["hold", "cancel"]
    assert [one["kind"] for one in second["decisions"]] == ["hold", "confirm"]
    assert second["transcripts"][-1]["text"] == "stop"
    trace = second["trace"]
    count = round(second["duration"] / FRAME)
    assert all(len(column) == count for column in (trace["speech"], trace["level"], trace["floor"]))
    assert {"prior", "words", "voice"} <= trace["evidence"].keys()
    held = [place for place, nats in enumerate(trace["evidence"]["prior"]) if nats is not None]
    hold, confirm = (one["time"] for one in second["decisions"])
    assert trace["first"] + held[0] * FRAME == pytest.approx(hold, abs=FRAME)
    assert trace["first"] + held[-1] * FRAME == pytest.approx(confirm, abs=2 * FRAME)
    assert {"prosody_gate", "options", "speaker", "at"} <= second.keys()


def test_what_the_agent_said_goes_on_where_the_gate_stopped_it(folder: Path) -> None:
    stream = Stream(folder)
    stream.sound(2.5, 0.0)
    stream.sound(0.5, 1.0)
    transcript = Transcript(at=stream.gate.time, text="stop", final=True)
    stream._tell(stream.gate.push_transcript(transcript), transcript=transcript)
    stream.sound(0.1, 1.0)
    stream._tell(stream.gate.agent_stopped())
    stream.sound(4.0, 0.0)
    stream.close()
    (fields,) = lines(folder)
    confirmed = fields["decisions"][-1]["time"]
    assert fields["agent_spoke"] == [[0.0, pytest.approx(confirmed + 0.1, abs=2 * FRAME)]]
    assert fields["agent"] == [[0.0, fields["duration"]]]


def test_only_the_owner_may_read_it(recorded: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in recorded.iterdir()} == {0o600}
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o700


def test_without_text_no_word_is_written_down(folder: Path) -> None:
    stream = Stream(folder, text=False)
    stream.overlap("okay then")
    stream.close()
    written = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.json"))
    assert "okay" not in written
    assert "transcripts" not in lines(folder)[0]


def test_without_audio_there_are_lines_alone(folder: Path) -> None:
    stream = Stream(folder, audio=False)
    stream.overlap("okay")
    stream.close()
    assert [path.suffix for path in folder.iterdir()] == [".json"]
    assert "audio" not in lines(folder)[0]


def test_a_share_is_drawn_by_chance_and_the_rest_is_counted(folder: Path) -> None:
    drawn = iter([0.05, 0.5, 0.2, 0.09])
    stream = Stream(folder, share=0.1, chance=drawn.__next__)
    for _ in range(4):
        stream.overlap("okay")
    stream.close()
    assert stream.recorder.counts.written == 2
    assert stream.recorder.counts.left_out == 2
    assert [one["name"][-4:] for one in lines(folder)] == ["0001", "0004"]


def test_the_quota_is_kept_and_what_has_a_label_stays(folder: Path) -> None:
    stream = Stream(folder, quota_mb=1.0, call="20260101T000000Z-call")
    stream.overlap("okay")
    while not (folder / "20260101T000000Z-call-0001.json").exists():
        time.sleep(0.005)
    set_label(folder / "20260101T000000Z-call-0001.json", "backchannel")
    biggest = 0
    for _ in range(40):
        stream.overlap("okay")
        biggest = max(biggest, sum(path.stat().st_size for path in folder.glob("2026*") if path.exists()))
    stream.close()
    names = [path.stem for path in overlap_files(folder)]
    assert biggest <= 1_000_000
    assert names[0] == "20260101T000000Z-call-0001"
    assert names[-1] == "20260101T000000Z-call-0041"
    assert 2 < len(names) < 41
    assert stream.recorder.counts.dropped == {}


def test_where_all_that_is_there_has_a_label_new_ones_are_dropped_and_counted(folder: Path) -> None:
    stream = Stream(folder, quota_mb=1.0)
    for _ in range(5):
        stream.overlap("okay")
    stream.close()
    for path in overlap_files(folder):
        set_label(path, "backchannel")
    padding = folder / "20260101T000000Z-padding-0001.flac"
    padding.write_bytes(bytes(900_000))
    (folder / "20260101T000000Z-padding-0001.json").write_text(
        (overlap_files(folder)[0]).read_text(encoding="utf-8"), encoding="utf-8"
    )
    again = Stream(folder, quota_mb=1.0)
    again.overlap("okay")
    again.close()
    assert again.recorder.counts.dropped == {"quota": 1}


def test_what_is_too_old_is_deleted_labelled_or_not(recorded: Path) -> None:
    set_label(recorded / "20260101T000000Z-call-0001.json", "backchannel")
    old = time.time() - 31 * 86_400
    for path in recorded.iterdir():
        os.utime(path, (old, old))
    stream = Stream(recorded, call="20260102T000000Z-new", keep_days=30.0)
    stream.overlap("okay")
    stream.close()
    assert [path.stem for path in overlap_files(recorded)] == ["20260102T000000Z-new-0001"]


def test_what_a_crash_has_left_is_removed_after_an_hour(recorded: Path) -> None:
    half, orphan = recorded / ".20260101T000000Z-x-0001.flac.123.part", recorded / "20260101T000000Z-lost-0001.flac"
    for path in (half, orphan):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 4000.0,) * 2)
    stream = Stream(recorded, call="20260102T000000Z-new")
    stream.overlap("okay")
    stream.close()
    assert not half.exists()
    assert not orphan.exists()
    assert (recorded / "20260101T000000Z-call-0001.flac").exists()


def test_a_clip_that_cannot_be_written_whole_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full_disk(path: Path, *args: Any, **options: Any) -> None:
        Path(path).write_bytes(b"half a clip")
        raise soundfile.LibsndfileError(2)

    stream = Stream(folder)
    monkeypatch.setattr(soundfile, "write", full_disk)
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        for _ in range(3):
            stream.overlap("okay")
        stream.close()
    assert list(folder.iterdir()) == []
    assert stream.recorder.counts.dropped == {"disk": 3}
    assert len(caplog.records) == 1
    assert "the call goes on" in caplog.text


def test_a_folder_that_is_deleted_in_mid_call_is_counted_and_logged_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(folder)
    stream.overlap("okay")
    while stream.recorder.counts.written < 1:
        time.sleep(0.005)
    shutil.rmtree(folder)
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        stream.overlap("okay")
        stream.overlap("stop")
        stream.close()
    assert not folder.exists()
    assert stream.recorder.counts.written == 1
    assert stream.recorder.counts.dropped == {"disk": 2}
    assert len(caplog.records) == 1
    assert stream.gate.failure is None


def test_a_slow_disk_drops_what_does_not_fit_into_the_queue(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(folder)
    stream.recorder._writer._waits, stream.recorder._writer._waiting = False, 1
    gate_write = stream.recorder._writer._folder.write
    begun: list[float] = []

    def slow(*args: Any) -> bool:
        begun.append(time.monotonic())
        time.sleep(0.3)
        return gate_write(*args)

    monkeypatch.setattr(stream.recorder._writer._folder, "write", slow)
    for _ in range(6):
        stream.overlap("okay")
    stream.close()
    counts = stream.recorder.counts
    assert counts.written + counts.dropped["queue"] == 6
    assert counts.dropped["queue"] >= 1


def test_an_error_in_the_recorder_itself_leaves_the_gate_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(folder)
    monkeypatch.setattr(stream.recorder, "_take_frame", lambda *args: 1 / 0)
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        stream.overlap("stop")
        stream.close()
    assert stream.recorder.counts.dropped == {"error": 1}
    assert len(caplog.records) == 1


def test_the_clip_is_as_loud_as_the_microphone_whatever_the_gain_of_the_profile(folder: Path) -> None:
    stream = Stream(folder, gate=Gate(expects_transcripts=True, input_gain_db=12.0))
    stream.overlap("okay")
    stream.close()
    samples, _ = soundfile.read(folder / lines(folder)[0]["audio"])
    assert np.abs(samples).max() == pytest.approx(np.abs(NOISE).max() * 10 ** (-12 / 20), rel=0.01)


def test_overlaps_that_lie_in_the_clip_of_another_do_not_count_there(folder: Path) -> None:
    stream = Stream(folder, call="20260101T000000Z-call")
    stream.sound(2.5, 0.0)
    for text in ("okay", "stop"):
        stream.sound(0.4, 1.0)
        transcript = Transcript(at=stream.gate.time, text=text, final=True)
        stream._tell(stream.gate.push_transcript(transcript), transcript=transcript)
        stream.sound(1.2, 0.0)
    stream.sound(4.0, 0.0)
    stream.close()
    for path, label in zip(overlap_files(folder), ("backchannel", "interruption"), strict=True):
        set_label(path, label)
    manifest = read_manifest(folder)
    assert manifest.ambiguous == 0
    assert [[event.label for event in item.events] for item in manifest.items] == [
        ["backchannel", "ambiguous"], ["ambiguous", "interruption"],
    ]  # fmt: skip


def test_the_folder_is_a_manifest_and_what_has_no_label_is_counted(recorded: Path) -> None:
    with pytest.raises(ManifestError, match="none of its 2 recorded overlaps has a label; prosody-gate label"):
        read_manifest(recorded)
    set_label(recorded / "20260101T000000Z-call-0002.json", "interruption")
    manifest = read_manifest(recorded)
    assert manifest.kind == "calls"
    assert manifest.unlabelled == 1
    (call,) = manifest.items
    assert (call.name, call.group, call.events[0].label) == (
        "20260101T000000Z-call-0002.flac",
        "20260101T000000Z-call",
        "interruption",
    )
    assert call.transcripts is not None


def test_a_label_is_put_taken_away_and_keeps_the_age(recorded: Path) -> None:
    path = recorded / "20260101T000000Z-call-0001.json"
    old = time.time() - 1000.0
    os.utime(path, (old, old))
    set_label(path, "noise")
    assert label_of(read_line(path)) == "noise"
    set_label(path, None)
    assert label_of(read_line(path)) is None
    assert path.stat().st_mtime == pytest.approx(old, abs=1.0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "has no field 'recording'"),
        ('{"recording": 7}', "was recorded in format 7; expected 1"),
        ('{"recording": 1, "overlap": [0, 1]}', "are missing or damaged"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_read(recorded: Path, content: str, problem: str) -> None:
    set_label(recorded / "20260101T000000Z-call-0001.json", "backchannel")
    (recorded / "20260101T000000Z-call-0002.json").write_text(content, encoding="utf-8")
    with pytest.raises(RecordingError, match=problem):
        read_line(recorded / "20260101T000000Z-call-0002.json")
    manifest = read_manifest(recorded)
    assert len(manifest.items) == 1
    assert problem in manifest.skipped[0].problem
    assert str(recorded / "20260101T000000Z-call-0002.json") in manifest.skipped[0].problem


def test_a_missing_clip_is_named_and_the_rest_is_read(recorded: Path) -> None:
    for path in overlap_files(recorded):
        set_label(path, "backchannel")
    (recorded / "20260101T000000Z-call-0001.flac").unlink()
    manifest = read_manifest(recorded)
    assert len(manifest.items) == 1
    assert "20260101T000000Z-call-0001.flac: no such file" in manifest.skipped[0].problem


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: RecordOptions(folder=folder, share=1.5),
            "record: share: expected a number from 0 to 1, got 1.5",
        ),
        (lambda folder: RecordOptions(folder=folder, quota_mb=0), "record: quota_mb: expected a number from 1"),
        (lambda folder: RecordOptions(folder=folder, keep_days=-1), "record: keep_days: expected a number"),
        (lambda folder: RecordOptions.of(None, share=0.1), "record_share: nothing is recorded; expected record=FOLDER"),
        (lambda folder: OverlapRecorder(RecordOptions(folder=Path("/dev/null/x"))), "record: /dev/null/x: cannot be"),
    ],
)
def test_bad_options_are_one_line(folder: Path, make: Callable[[Path], object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make(folder)


def test_run_records_a_call_and_bench_takes_the_folder(tmp_path: Path) -> None:
    demo, folder = Path(__file__).resolve().parents[2] / "examples" / "demo.flac", tmp_path / "recorded"
    ran = CliRunner().invoke(app, ["run", str(demo), "--agent-channel", "0", "--record", str(folder), "-q"])
    assert ran.output.splitlines()[-1] == f"recorded: 7 overlaps in {folder}"
    found = lines(folder)
    assert [one["agent_audio"] for one in found] == [1] * 7
    samples, _ = soundfile.read(folder / found[0]["audio"])
    assert samples.shape[1] == 2
    assert np.abs(samples[:, 1]).max() > 0.05
    labels = ["backchannel"] * 3 + ["nonspeech", "noise", "interruption", "interruption"]
    for path, label in zip(overlap_files(folder), labels, strict=True):
        set_label(path, label)
    report = tmp_path / "report.json"
    benched = CliRunner().invoke(app, ["bench", str(folder), "--json", str(report), "-q", "--jobs", "1"])
    assert benched.exit_code == 0, benched.output
    events = json.loads(report.read_text(encoding="utf-8"))["events"]
    assert (events["scored"], events["ambiguous"]) == (7, 0)


def test_run_cannot_record_a_part(tmp_path: Path) -> None:
    demo = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
    arguments = ["run", str(demo), "--agent-channel", "0", "--from", "1", "--record", str(tmp_path)]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 2
    assert "--record: records the overlaps of a whole recording" in ran.output


def test_files_of_others_in_the_folder_are_never_deleted(recorded: Path) -> None:
    theirs = [recorded / name for name in ("call.flac", "notes.json", ".x.part", "20260101.json")]
    for path in theirs:
        path.write_bytes(bytes(700_000))
        os.utime(path, (time.time() - 400 * 86_400,) * 2)
    stream = Stream(recorded, call="20260102T000000Z-new", keep_days=1.0, quota_mb=1.0)
    for _ in range(4):
        stream.overlap("okay")
    stream.close()
    assert all(path.exists() for path in theirs)
    assert stream.recorder.counts.written == 4


def test_the_oldest_recording_makes_room_whatever_its_name(folder: Path) -> None:
    kept = RecordingFolder(folder, quota=1_000, keep_days=None)
    for name, age in (("20260102T000000Z-b-0001", 200.0), ("20260101T000000Z-a-0001", 100.0)):
        assert kept.write(name, "{}" + " " * 400, None)
        os.utime(folder / f"{name}.json", (time.time() - age,) * 2)
    assert kept.write("20260103T000000Z-c-0001", "{}" + " " * 400, None)
    assert sorted(path.stem for path in folder.iterdir()) == ["20260101T000000Z-a-0001", "20260103T000000Z-c-0001"]


def test_what_comes_after_the_end_is_counted_and_each_reason_is_logged_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = RecordingWriter(RecordOptions(folder=folder))
    writer.close()
    stream = Stream(folder)
    for _ in range(2):
        writer.put(stream.recorder)  # whatever it is: nothing looks at it
        writer.drop("disk", "it is full")
    assert writer.dropped == {"closed": 2, "disk": 2}
    assert [record.args[0] for record in caplog.records] == ["closed", "disk"]

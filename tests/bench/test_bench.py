from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from bench_material import DEMO_EVENTS, OVERLAPS, RATE, babble, clips_manifest, noisy, voice, write_lines
from prosody_gate.audio import AudioFile
from prosody_gate.bench import (
    BenchSettings,
    Item,
    ItemStream,
    SceneMaker,
    SceneOptions,
    default_baselines,
    plot_worst,
    read_manifest,
    run_bench,
    worst_errors,
)
from prosody_gate.cli import app
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.gate_factory import GateFactory
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import ReplayResult, Span, read_frames, replay, spans_of_channel
from prosody_gate.vad import create_detector

LEXICON = Lexicon.load()
LIGHT = ("--vad", "webrtc", "--no-listener", "--jobs", "1")
"""What makes a run quick where the decisions themselves do not matter."""


def bench(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "80"})


def report_of(folder: Path, *arguments: str | Path) -> dict[str, object]:
    result = bench(*arguments, "--json", folder / "out.json")
    assert result.exit_code == 0
    return json.loads((folder / "out.json").read_text())  # type: ignore[no-any-return]


class RecordingFactory(GateFactory):
    """Keeps what it was asked for, and what it made."""

    def gate(self, **asked: Any) -> Gate:
        ASKED.append(asked)
        MADE.append(super().gate(**asked))
        return MADE[-1]


ASKED: list[dict[str, Any]] = []
MADE: list[Gate] = []


@pytest.fixture
def gates() -> GateFactory:
    """Gates without evidence and listener."""
    ASKED.clear()
    MADE.clear()
    return RecordingFactory(lexicon=LEXICON, listener=False, sources=())


def test_the_demo_conversation_is_decided_as_it_was_when_this_was_committed() -> None:
    report = run_bench(
        read_manifest(DEMO_EVENTS, strict=True),
        BenchSettings(),
        gates=GateFactory(lexicon=LEXICON),
        baselines=default_baselines(LEXICON),
    )
    assert report.agent_speech == pytest.approx(33.2, abs=0.5)
    assert report.no_speech == 0
    by_name = {system.name: system for system in report.systems}
    for seconds in ("0.2", "0.5", "0.8"):
        plain = by_name[f"speech {seconds} s"]
        assert (plain.caught.count, plain.false_interruptions.count, plain.unlabelled) == (2, 5, 0)
    gate = by_name["gate"]
    assert (gate.caught.count, gate.caught.of) == (2, 2)
    assert gate.false_interruptions.count == 0
    assert gate.unlabelled == 0
    assert gate.latency is not None
    assert gate.latency.p90.value == pytest.approx(1.03, abs=0.1)
    assert report.not_applicable == ("word list", "2 words", "3 words")


def test_invented_overlaps_that_leave_no_doubt_are_all_decided_rightly(tmp_path: Path) -> None:
    report = run_bench(
        read_manifest(write_lines(tmp_path / "o.jsonl", OVERLAPS)),
        BenchSettings(interim_lag=0.3),
        gates=GateFactory(lexicon=LEXICON),
        baselines=default_baselines(LEXICON),
    )
    assert (report.gate.caught.count, report.gate.caught.of) == (3, 3)
    assert report.gate.false_interruptions.count == 0
    assert report.ambiguous == 1
    by_name = {system.name: system for system in report.systems}
    assert by_name["speech 0.5 s"].false_interruptions.count == 4
    assert by_name["word list"].false_interruptions.count == 0
    assert by_name["2 words"].false_interruptions.count == 1
    # "wait" ends at 0.3 s and is read 0.3 s later; the rule needs nothing more.
    wait = next(outcome for outcome in report.outcomes if outcome.name == "i1")
    assert wait.verdicts["word list"].confirmed == pytest.approx(0.6, abs=0.05)


def test_the_gate_sees_what_a_replay_shows_it() -> None:
    recording = DEMO_EVENTS.with_name("demo.flac")
    replayed = replay(recording, Gate(lexicon=LEXICON), user_channel=1, agent_channel=0)
    detector = create_detector("silero")
    with AudioFile(recording) as audio:
        spans = spans_of_channel(read_frames(audio, 0), detector)
        frames = list(read_frames(audio, 1))
    detector.reset()
    probabilities = [detector.frame_probability(frame) for frame in frames]
    stream = ItemStream.of(probabilities, spans, (), GateOptions(), frames=np.stack(frames))
    assert tuple(stream.drive(Gate(lexicon=LEXICON))) == replayed.events
    onsets = {event.onset for event in replayed.events}
    assert {overlap.start for overlap in stream.overlaps} == onsets


def test_the_report_is_the_same_in_any_order_and_with_any_number_of_processes(tmp_path: Path) -> None:
    manifest = read_manifest(clips_manifest(tmp_path, count=10))
    settings = BenchSettings(vad="webrtc", sweep=(0.2, 0.5))
    gates = GateFactory(lexicon=LEXICON, listener=False)
    baselines = default_baselines(LEXICON)
    alone = run_bench(manifest, settings, gates=gates, baselines=baselines, jobs=1)
    assert run_bench(manifest, settings, gates=gates, baselines=baselines, jobs=2).to_json() == alone.to_json()
    turned = replace(manifest, items=manifest.items[::-1])
    other = run_bench(turned, settings, gates=gates, baselines=baselines, jobs=1)
    assert sorted(other.outcomes, key=lambda one: one.line) == list(alone.outcomes)
    assert other.systems == alone.systems


def test_word_rules_and_gate_know_that_speech_to_text_ran_though_it_said_nothing(
    tmp_path: Path, gates: GateFactory
) -> None:
    lines = []
    for index, texts in enumerate(([{"at": 0.9, "text": "wait", "final": True}], [], [])):
        soundfile.write(tmp_path / f"{index}.wav", noisy(voice(0.5), before=0.2, after=0.2), RATE)
        label = "interruption" if texts else "nonspeech"
        lines.append({"audio": f"{index}.wav", "label": label, "transcripts": texts})
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", lines))
    report = run_bench(manifest, BenchSettings(vad="webrtc"), gates=gates, baselines=default_baselines(LEXICON))
    by_name = {system.name: system for system in report.systems}
    assert by_name["word list"].false_interruptions.of == 2
    assert [gate.expects_transcripts for gate in MADE] == [True] * 3


def test_calls_score_no_event_while_the_agent_is_silent_and_cap_what_it_runs_on(tmp_path: Path) -> None:
    sound = np.concatenate([noisy(voice(1.2), before=2.8, after=4.0, seed=1), noisy(voice(0.6), before=1.0, after=1.0)])
    soundfile.write(tmp_path / "call.wav", sound, RATE)
    events = [
        {"label": "interruption", "start": 2.8, "end": 4.0},
        {"label": "interruption", "start": 9.0, "end": 9.6},
    ]
    line = {"audio": "call.wav", "agent": [[0.1, 3.1]], "user_channel": 0, "events": events}
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", [line]))
    report = run_bench(manifest, BenchSettings(vad="webrtc"), gates=GateFactory(lexicon=LEXICON, listener=False))
    assert report.outside == 1
    assert (report.gate.caught.count, report.gate.caught.of) == (1, 1)
    assert report.gate.runs_on is not None
    assert report.gate.runs_on.value < 0.4


def test_a_floor_that_the_agent_left_is_the_users_though_the_agent_speaks_again(tmp_path: Path) -> None:
    sound = noisy(voice(4.3), before=3.7, after=3.0)
    soundfile.write(tmp_path / "call.wav", sound, RATE)
    events = [{"label": "interruption", "start": 3.7, "end": 8.0}]
    line = {"audio": "call.wav", "agent": [[0.0, 4.0], [5.5, 10.0]], "user_channel": 0, "events": events}
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", [line]))
    report = run_bench(manifest, BenchSettings(vad="webrtc"), gates=GateFactory(lexicon=LEXICON, listener=False))
    assert (report.gate.caught.count, report.gate.caught.of) == (1, 1)
    assert report.gate.runs_on is not None
    assert report.gate.runs_on.value < 0.5


def test_a_sweep_decides_what_single_runs_with_a_listener_decide(tmp_path: Path) -> None:
    call = json.loads(DEMO_EVENTS.read_text(encoding="utf-8"))
    samples, rate = soundfile.read(DEMO_EVENTS.with_name("demo.flac"), dtype="float32")
    lines = []
    for number, event in enumerate(call["events"]):
        # Twice with a pause: the listener carries its norms from one overlap to the next.
        said = samples[round(event["start"] * rate) : round((event["end"] + 0.6) * rate), 1]
        soundfile.write(tmp_path / f"{number}.wav", np.concatenate((said, said)), rate)
        lines.append({"audio": f"{number}.wav", "label": event["label"], "set": event["set"]})
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", lines))
    gates = GateFactory(lexicon=LEXICON)
    levels = (0.0, 0.3, 0.7, 1.0)
    swept = run_bench(manifest, BenchSettings(sweep=levels), gates=gates)
    decided = set()
    for level in levels:
        alone = run_bench(manifest, BenchSettings(options=GateOptions(sensitivity=level)), gates=gates)
        for one, other in zip(swept.outcomes, alone.outcomes, strict=True):
            assert one.sweep[level] == other.verdicts["gate"]
        decided.add(tuple(outcome.verdicts["gate"].confirmed for outcome in alone.outcomes))
    assert len(decided) > 1


def test_gates_are_asked_for_each_item_so_that_folds_can_have_their_own(tmp_path: Path, gates: GateFactory) -> None:
    manifest = read_manifest(write_lines(tmp_path / "o.jsonl", OVERLAPS[:2]))
    groups: list[str] = []

    def gates_of(item: Item) -> GateFactory:
        groups.append(item.group)
        return gates

    report = run_bench(manifest, BenchSettings(sweep=(0.1,)), gates=gates_of)
    assert groups == ["a"] * 2
    assert [asked["options"].sensitivity for asked in ASKED] == [0.5, 0.1] * 2
    assert report.sweep[0].sensitivity == 0.1


def test_an_interruption_in_which_the_vad_finds_no_speech_is_missed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hush.wav", noisy(voice(0.5, level=1e-4), before=0.1, after=0.1), RATE)
    path = write_lines(tmp_path / "m.jsonl", [{"audio": "hush.wav", "label": "interruption"}])
    report = run_bench(read_manifest(path), BenchSettings(), gates=GateFactory(listener=False))
    assert (report.no_speech, report.gate.caught.count, report.gate.caught.of) == (1, 0, 1)
    assert report.gate.by_set[0].no_speech == 1
    assert report.outcomes[0].onset is None


def test_transcripts_of_a_clip_are_moved_into_its_scene_and_feed_the_word_rules(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noisy(voice(0.8), before=1.5, after=0.3), RATE)
    transcripts = [{"at": 2.1, "text": "wait", "start": 1.5, "end": 1.9}]
    line = {"audio": "a.wav", "label": "interruption", "start": 1.0, "transcripts": transcripts}
    report = run_bench(
        read_manifest(write_lines(tmp_path / "m.jsonl", [line])),
        BenchSettings(),
        gates=GateFactory(listener=False),
        baselines=default_baselines(LEXICON),
    )
    outcome = report.outcomes[0]
    assert outcome.onset == pytest.approx(1.024 + 0.5, abs=0.07)
    # Heard 0.6 s after the voice began.
    assert outcome.verdicts["word list"].confirmed == pytest.approx(0.6, abs=0.07)
    assert outcome.verdicts["2 words"].confirmed is None


def test_what_was_confirmed_and_not_labelled_counts_an_hour(tmp_path: Path) -> None:
    user = noisy(np.concatenate((voice(1.5), np.zeros(3 * RATE, np.float32), voice(1.5))), before=1.0, after=2.0)
    soundfile.write(tmp_path / "call.wav", user, RATE)
    events = [{"label": "interruption", "start": 1.0, "end": 2.5}]
    line = {"audio": "call.wav", "user_channel": 0, "agent": [[0.5, 9.0]], "events": events}
    report = run_bench(
        read_manifest(write_lines(tmp_path / "m.jsonl", [line])),
        BenchSettings(vad="webrtc"),
        gates=GateFactory(listener=False),
        baselines=default_baselines(LEXICON)[:1],
    )
    plain = report.systems[1]
    assert (plain.caught.count, plain.unlabelled) == (1, 1)
    assert plain.false_per_hour is not None
    assert plain.false_per_hour.value == pytest.approx(3600.0 / 8.5)


def test_the_tables_fit_80_columns_and_name_every_system(tmp_path: Path) -> None:
    result = bench(write_lines(tmp_path / "o.jsonl", OVERLAPS), "--jobs", "1", "--sweep", "0,0.5,1")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout
    for name in ("gate", "speech 0.2 s", "speech 0.5 s", "speech 0.8 s", "word list", "2 words", "3 words"):
        assert name in result.stdout
    assert result.stdout.splitlines()[-1].startswith("gate: 3 of 3 interruptions caught (median ")


def test_errors_by_kind_are_in_the_console_and_in_the_json(tmp_path: Path) -> None:
    kinds = {"b1": "yeah", "b2": "hum", "b3": "hum", "i1": "command"}
    lines = [{**line, "kind": kinds[line["id"]]} if line["id"] in kinds else line for line in OVERLAPS]
    result = bench(write_lines(tmp_path / "o.jsonl", lines), "--jobs", "1", "--json", tmp_path / "out.json")
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines() if not line.startswith("written: ")) <= 80
    table = result.stdout[result.stdout.index("gate, by kind") :].splitlines()
    assert [row.split() for row in table[:7]] == [
        ["gate,", "by", "kind", "label", "n", "wrong", "share"],
        ["─" * len(table[1].strip())],
        ["command", "interruption", "1", "0", "0.0", "%"],
        ["0.0–79.3"],
        ["hum", "backchannel", "2", "0", "0.0", "%"],
        ["0.0–65.8"],
        ["yeah", "backchannel", "1", "0", "0.0", "%"],
    ]
    report = json.loads((tmp_path / "out.json").read_text())
    assert [one["kind"] for one in report["systems"][0]["by_kind"]] == ["command", "hum", "yeah"]
    assert [one["kind"] for one in report["outcomes"]] == ["yeah", "hum", "hum", "", "command", "", ""]


def test_json_and_pictures_are_written_and_the_json_is_the_same_every_time(tmp_path: Path) -> None:
    manifest = clips_manifest(tmp_path)
    first = report_of(tmp_path, manifest, *LIGHT, "--plot", tmp_path / "pictures", "--sweep", "0.2,0.8")
    text = (tmp_path / "out.json").read_bytes()
    second = bench(manifest, *LIGHT, "--sweep", "0.2,0.8", "--json", tmp_path / "out.json", "--quiet")
    assert second.stdout.startswith("gate: ")
    assert (tmp_path / "out.json").read_bytes() == text
    assert first["format"] == 2
    assert first["kind"] == "clips"
    assert first["events"]["by_label"] == {"backchannel": 2, "interruption": 2}  # type: ignore[index]
    assert "onset" in first["definitions"]  # type: ignore[operator]
    pictures = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert pictures == ["decided_by.png", "latency.png", "sensitivity.png"]


def test_a_manifest_without_interruptions_has_no_latency_and_is_drawn_all_the_same(tmp_path: Path) -> None:
    manifest = write_lines(tmp_path / "o.jsonl", OVERLAPS[:4])
    result = bench(manifest, "--jobs", "1", "--sweep", "0,1", "--plot", tmp_path / "pictures")
    assert result.exit_code == 0
    assert "gate: 0 of 0 interruptions caught, 0 of 4 other events confirmed" in result.stdout
    assert len(list((tmp_path / "pictures").iterdir())) == 3


def test_the_sweep_shows_the_sensitivity_in_force(tmp_path: Path) -> None:
    manifest = write_lines(tmp_path / "o.jsonl", OVERLAPS)
    result = bench(manifest, "--jobs", "1", "--sweep", "0.2,0.8", "--sensitivity", "0.4", "--json", tmp_path / "o.json")
    sweep = json.loads((tmp_path / "o.json").read_text())["sweep"]
    assert [(point["sensitivity"], point["in_force"]) for point in sweep] == [(0.2, False), (0.4, True), (0.8, False)]
    assert re.search(r"^0\.4 \* +100\.0 %", result.stdout, re.MULTILINE)
    assert "* in force: what the figures above were" in result.stdout


def test_transcripts_and_recognised_text_are_two_fields(tmp_path: Path) -> None:
    report = report_of(tmp_path, write_lines(tmp_path / "o.jsonl", OVERLAPS), "--jobs", "1")
    said = {one["name"]: (one["transcript"], one["recognised"]) for one in report["outcomes"]}  # type: ignore[attr-defined]
    assert said["b1"] == ("yeah", "")
    report = report_of(tmp_path, DEMO_EVENTS, "--jobs", "1")
    recognised = [(one["transcript"], bool(one["recognised"])) for one in report["outcomes"]]  # type: ignore[attr-defined]
    assert ("", True) in recognised
    assert all(transcript == "" for transcript, _ in recognised)


EAGER = ("--sensitivity", "1", "--jobs", "1")
"""With so little evidence asked for, every sound of the demonstration stops the agent."""


def test_the_worst_errors_are_listed_with_the_evidence_behind_each_and_drawn(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("worst-03.png", "worst-case.png"):  # of an earlier run with more errors, and somebody's own
        (tmp_path / "pictures" / name).touch()
    result = bench(DEMO_EVENTS, *EAGER, "--worst", "2", "--plot", tmp_path / "pictures", "--json", tmp_path / "o.json")
    report = json.loads((tmp_path / "o.json").read_text())
    first, second = report["worst"]
    assert first["error"] == second["error"] == "false interruption"
    assert first["probability"] >= second["probability"]
    false = [one for one in report["outcomes"] if one["label"] != "interruption" and one["confirmed"] is not None]
    assert len(false) > 2
    assert first["probability"] == max(one["probability"] for one in false)
    shown = " ".join(result.stdout.split())
    assert "the 2 worst errors, those the gate was most certain about first" in shown
    assert f"1. {first['name']} (line 1): {first['label']}" in shown
    assert f"false interruption: confirmed after {1000.0 * first['confirmed']:.0f} ms ({first['reason']})" in shown
    voice_share = first["evidence"]["voice"]
    assert f"P(interruption) {first['probability']:.2f}; evidence in nats: " in shown
    assert f"voice {voice_share:+.2f}" in shown
    drawn = sorted(path.name for path in (tmp_path / "pictures").glob("worst-*.png"))
    assert drawn == ["worst-01.png", "worst-02.png", "worst-case.png"]
    assert f"written: {tmp_path / 'pictures' / 'worst-02.png'}" in "".join(result.stdout.splitlines())


def test_pictures_of_the_worst_stay_where_a_run_does_not_ask_for_any(tmp_path: Path) -> None:
    (tmp_path / "worst-01.png").touch()
    assert bench(clips_manifest(tmp_path), *LIGHT, "--quiet", "--plot", tmp_path).exit_code == 0
    assert (tmp_path / "worst-01.png").exists()


def test_a_run_without_errors_says_so_and_overlaps_without_audio_are_not_drawn(tmp_path: Path) -> None:
    manifest = write_lines(tmp_path / "o.jsonl", OVERLAPS)
    result = bench(manifest, "--jobs", "1", "--worst", "3")
    assert "no errors: every interruption was caught, and nothing else was confirmed" in " ".join(result.stdout.split())
    mislabelled = {"id": "w", "label": "backchannel", "words": [["wait", 0.0, 0.3], ["please", 0.3, 0.7]]}
    write_lines(manifest, [*OVERLAPS, mislabelled])
    result = bench(manifest, "--jobs", "1", "--worst", "9", "--plot", tmp_path / "pictures")
    assert "the worst error" in result.stdout
    assert "1. w (line 9): backchannel, set overlaps" in result.stdout
    assert "   false interruption: confirmed after 600 ms (phrase)" in result.stdout
    assert '   transcript: "wait"' in result.stdout
    assert list((tmp_path / "pictures").glob("worst-*")) == []


def test_of_a_call_only_the_part_around_an_error_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[ReplayResult] = []
    monkeypatch.setattr("prosody_gate.bench.worst_error.plot_timeline", lambda result, *_, **__: drawn.append(result))
    sound = np.concatenate(
        [noisy(babble(1.5), before=8.0, after=12.0), noisy(voice(0.1, level=1e-4), before=1, after=9)]
    )
    soundfile.write(tmp_path / "call.wav", sound, RATE)
    events = [
        {"label": "backchannel", "start": 8.0, "end": 9.5},
        {"label": "interruption", "start": 22.5, "end": 22.6},
    ]
    line = {"audio": "call.wav", "agent": [[0.0, 30.0]], "user_channel": 0, "events": events}
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", [line]))
    settings, gates = BenchSettings(vad="webrtc"), GateFactory(listener=False)
    report = run_bench(manifest, settings, gates=gates)
    errors = worst_errors(report.outcomes, 2)
    assert [error.kind for error in errors] == ["false interruption", "missed"]
    plot_worst(errors, manifest.items, settings, gates, tmp_path)
    false, missed = drawn
    assert false.part is not None
    assert false.part.start == pytest.approx(6.0, abs=0.1)
    assert [event.onset for event in false.decisions] == pytest.approx([8.0], abs=0.1)
    assert missed.part == Span(20.5, 25.5)
    assert missed.decisions == ()


def test_interruptions_in_which_the_vad_found_nothing_are_the_last_of_the_worst(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hush.wav", noisy(voice(0.5, level=1e-4), before=0.1, after=0.1), RATE)
    soundfile.write(tmp_path / "loud.wav", noisy(voice(1.5), before=0.1, after=0.1), RATE)
    lines = [
        {"audio": "hush.wav", "label": "interruption"},
        {"audio": "loud.wav", "label": "backchannel"},
        {"audio": "loud.wav", "label": "interruption"},
    ]
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", lines))
    settings = BenchSettings(vad="webrtc", options=GateOptions(sensitivity=1.0))
    report = run_bench(manifest, settings, gates=GateFactory(listener=False))
    false, missed = worst_errors(report.outcomes, 5)
    assert (false.outcome.line, false.kind) == (2, "false interruption")
    assert (missed.outcome.line, missed.sentence) == (1, "missed: the VAD found no speech")
    assert worst_errors(report.outcomes, 1) == (false,)


def test_relative_paths_hold_though_the_workers_were_started_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, count in (("first", 2), ("second", 4)):
        folder = tmp_path / place
        folder.mkdir()
        clips_manifest(folder, count=count)
        monkeypatch.chdir(folder)
        noise = ("--noise", f"clip{count - 1}.wav", "--snr-db", "20")
        result = bench("clips.jsonl", *noise, *LIGHT[:-2], "--jobs", "2", "--quiet")
        assert (result.exit_code, result.stderr) == (0, "")


def test_what_makes_scenes_harder_reaches_the_report(tmp_path: Path) -> None:
    manifest = clips_manifest(tmp_path, count=2)
    harder = ("--gain-db", "-6", "--noise", tmp_path / "clip0.wav", "--snr-db", "20", "--band", "telephone")
    report = report_of(tmp_path, manifest, *LIGHT, *harder, "--seed", "3")
    assert report["settings"]["scene"] == {  # type: ignore[index]
        "lead_in": 1.024,
        "tail": 2.0,
        "gain_db": -6.0,
        "noise": "clip0.wav",
        "snr_db": 20.0,
        "band": "telephone",
        "silence_dbfs": None,
        "seed": 3,
    }


def test_lines_that_cannot_be_used_are_told_and_counted_or_stop_a_strict_run(tmp_path: Path) -> None:
    manifest = clips_manifest(tmp_path, count=2)
    (tmp_path / "text.wav").write_text("this is no recording")
    with manifest.open("a") as file:
        file.write('{"audio": "gone.wav", "label": "noise"}\n{"audio": "text.wav", "label": "noise"}\n')
    result = bench(manifest, *LIGHT, "--json", tmp_path / "out.json")
    assert result.exit_code == 0
    assert "clips.jsonl:3: audio gone.wav: no such file" in result.stderr
    assert "clips.jsonl:4: " in result.stderr
    assert "is not audio" in result.stderr
    assert json.loads((tmp_path / "out.json").read_text())["events"]["skipped_lines"] == 2
    strict = bench(manifest, *LIGHT, "--strict")
    assert strict.exit_code == 2
    assert "clips.jsonl:3: audio gone.wav" in strict.stderr
    write_lines(manifest, [{"audio": "clip0.wav", "label": "noise"}, {"audio": "text.wav", "label": "noise"}])
    assert "clips.jsonl:2: " in bench(manifest, *LIGHT, "--strict").stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.jsonl"], "missing.jsonl: cannot be read"),
        (["empty.jsonl"], "empty.jsonl: is empty"),
        (["unreadable.jsonl"], "nothing in it can be scored; the first: unreadable.jsonl:1: "),
        (["clips.jsonl", "--kind", "tapes"], "kind is 'tapes'"),
        (["clips.jsonl", "--kind", "calls"], "none of its 2 lines can be used; the first: clips.jsonl:1: events"),
        (["clips.jsonl", "--listener", "maybe"], "(maybe)"),
        (["clips.jsonl", "--interim-lag", "0.3"], "--interim-lag: is for overlaps"),
        (["overlaps.jsonl", "--gain-db", "3"], "--gain-db: makes scenes of clips"),
        (["overlaps.jsonl", "--interim-lag", "nan"], "interim_lag: expected a number from 0 to 5"),
        (["clips.jsonl", "--snr-db", "3"], "noise and snr_db: expected both"),
        (["clips.jsonl", "--noise", "no.wav", "--snr-db", "3"], "no.wav: no such file"),
        (["clips.jsonl", "--band", "am"], "band is 'am'"),
        (["clips.jsonl", "--gain-db", "99"], "gain_db: expected a number from -60 to 60"),
        (["clips.jsonl", "--sweep", "0;1"], "--sweep: expected numbers from 0 to 1"),
        (["clips.jsonl", "--sweep", "0,2"], "sweep: expected sensitivities from 0 to 1, got 2"),
        (["clips.jsonl", "--vad", "ear"], "vad is 'ear'"),
        (["clips.jsonl", "--option", "hold=1"], "--option hold: unknown"),
        (["clips.jsonl", "--jobs", "0"], "--jobs: expected 1 or more, got 0"),
        (["clips.jsonl", "--backend", "spark"], "--backend: expected one of loky, dask, ray, got 'spark'"),
        (["clips.jsonl", "--backend", "dask"], "--backend dask and --scheduler ADDRESS: expected both"),
        (["clips.jsonl", "--scheduler", "tcp://127.0.0.1:1"], "expected both or neither"),
        (["clips.jsonl", "--json", "nowhere/out.json"], "nowhere/out.json: there is no folder nowhere"),
        (["clips.jsonl", "--plot", "clips.jsonl"], "clips.jsonl: cannot be made"),
        (["clips.jsonl", "--profile", "missing.toml"], "missing.toml: cannot be read"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    clips_manifest(tmp_path, count=2)
    write_lines(tmp_path / "overlaps.jsonl", OVERLAPS)
    write_lines(tmp_path / "empty.jsonl", [])
    (tmp_path / "text.wav").write_text("this is no recording")
    write_lines(tmp_path / "unreadable.jsonl", [{"audio": "text.wav", "label": "noise"}])
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    result = bench(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("prosody-gate: error: ")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_help_names_every_option_and_an_example() -> None:
    result = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "120", "TERM": "dumb"})
    assert result.exit_code == 0
    for name in ("kind", "strict", "interim-lag", "listener", "sweep", "profile", "option", "gain-db", "noise"):
        assert f"--{name}" in result.stdout
    for name in ("snr-db", "band", "seed", "jobs", "backend", "scheduler", "json", "plot", "quiet"):
        assert f"--{name}" in result.stdout
    assert "prosody-gate bench clips.jsonl --json figures.json" in result.stdout


def test_ctrl_c_ends_with_130_and_leaves_an_earlier_report_alone(tmp_path: Path) -> None:
    manifest = clips_manifest(tmp_path, count=40)
    (tmp_path / "out.json").write_text("earlier")
    before = sorted(tmp_path.iterdir())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "prosody_gate", "bench", str(manifest), "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "--json", str(tmp_path / "out.json")],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    pressed = False
    while True:
        try:
            read = os.read(ours, 65_536)
        except OSError:  # Linux: the command has closed its end
            break
        if not read:  # elsewhere
            break
        shown += read
        if not pressed and b"evaluating" in shown:
            # As a terminal does: to the command and its processes alike.
            os.killpg(process.pid, signal.SIGINT)
            pressed = True
    os.close(ours)
    assert process.wait(30.0) == 130
    assert b"Traceback" not in shown
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out.json").read_text() == "earlier"


def test_every_set_of_the_shared_recordings_makes_a_scene(shared_data: Path) -> None:
    manifest = read_manifest(shared_data / "recordings.jsonl", strict=True)
    firsts = {item.set: item for item in reversed(manifest.items) if hasattr(item, "set")}
    assert len(firsts) == 13
    report = run_bench(
        replace(manifest, items=tuple(firsts.values())),
        BenchSettings(scene=SceneOptions(band="telephone", gain_db=12.0)),
        gates=GateFactory(lexicon=LEXICON),
        baselines=default_baselines(LEXICON),
    )
    assert len(report.outcomes) == 13
    assert SceneMaker(SceneOptions()).make(firsts["cough"]).dtype == np.float32  # type: ignore[arg-type]

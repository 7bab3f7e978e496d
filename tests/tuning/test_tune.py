from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from bench_material import DEMO_EVENTS, OVERLAPS, RATE, babble, noisy, voice, write_lines
from prosody_gate.bench import (
    BenchSettings,
    Call,
    Clip,
    Evaluator,
    Item,
    LabelledEvent,
    Manifest,
    read_manifest,
)
from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.gate import GateEvent, GateOptions, Transcript
from prosody_gate.gate_factory import GateFactory
from prosody_gate.lexicon import Lexicon
from prosody_gate.profile import Microphone, Profile
from prosody_gate.tuning import (
    Candidate,
    Gain,
    Objective,
    SearchSpace,
    Tally,
    Tuner,
    TuneResult,
    TuneSettings,
    check_material,
    prepare_recordings,
    score,
)
from prosody_gate.tuning.front_end import CachedStream, FrontEnd
from prosody_gate.tuning.material import TuningEvent, folds_of
from prosody_gate.tuning.recordings import Evaluation, Recordings
from prosody_gate.tuning.search_space import loosest
from prosody_gate.tuning.selection import best_of, held_out_gain
from prosody_gate.tuning.study import study_name
from prosody_gate.tuning.tally import Confirms

optuna = pytest.importorskip("optuna")

LIGHT = ("--vad", "webrtc", "--no-listener", "--jobs", "1", "--quiet")
HESITANT = ("--option", "confirm_probability=0.99", "--option", "max_hold=9.0")
"""A start so bad that any search finds better: the long voices are caught by the longest hold alone."""

OPTION_SETS = (
    GateOptions(),
    GateOptions(min_speech_duration=0.192, confirm_probability=0.7),
    GateOptions(activation_threshold=0.3, deactivation_threshold=0.3, min_silence_duration=0.16, max_hold=1.5),
    GateOptions(activation_threshold=0.8, min_speech_duration=0.032, confirm_probability=0.99),
    GateOptions(min_silence_duration=0.544, sensitivity=0.2),
    GateOptions(),
)
FEW = (OPTION_SETS[0], OPTION_SETS[2], OPTION_SETS[0])
HEADSET = Profile(
    microphone=Microphone(name="headset", noise_floor_dbfs=-60.0, speaking_level_dbfs=-20.0, pitch_hz=120.0)
)


def live(stream: CachedStream, options: GateOptions, settings: TuneSettings) -> list[GateEvent]:
    """What a gate without any cache decides on a stream."""
    gate = settings.gates.gate(options=options, expects_transcripts=bool(stream.stream.transcripts))
    return stream.stream.drive(gate)


def only_audio(item: Item) -> Clip | Call:
    assert isinstance(item, (Clip, Call))
    return item


def cached_equals_live(
    items: tuple[Item, ...], settings: TuneSettings, option_sets: tuple[GateOptions, ...] = OPTION_SETS
) -> int:
    """Hold option sets to the live gate's events; gives the number of events."""
    front_end = FrontEnd(settings)
    streams = [front_end.stream(only_audio(item)) for item in items]
    events = 0
    for options in option_sets:
        # All streams under one set, then under the next, as in a search: the decoder goes from stream to stream.
        for stream in streams:
            found = stream.play(options)
            assert found == live(stream, options, settings)
            assert found == stream.play(options)
            events += len(found)
    return events


def test_a_cached_call_gives_the_live_gates_events_for_any_options() -> None:
    assert cached_equals_live(read_manifest(DEMO_EVENTS).items, TuneSettings()) > 30


def test_a_cached_call_gives_the_live_gates_events_from_a_profiles_norms() -> None:
    assert (
        cached_equals_live(read_manifest(DEMO_EVENTS).items, TuneSettings(gates=GateFactory(profile=HEADSET)), FEW) > 20
    )


def test_a_cached_call_with_transcripts_gives_the_live_gates_events(tmp_path: Path) -> None:
    fields = json.loads(DEMO_EVENTS.read_text(encoding="utf-8").splitlines()[0])
    fields["audio"] = str(DEMO_EVENTS.parent / fields["audio"])
    fields["transcripts"] = [
        {"at": 7.9, "text": "mm-hmm", "final": True},
        {"at": 10.6, "text": "yeah", "final": True},
        {"at": 26.2, "text": "yeah but"},
        {"at": 27.9, "text": "yeah but wait", "final": True},
    ]
    manifest = read_manifest(write_lines(tmp_path / "calls.jsonl", [fields]))
    assert cached_equals_live(manifest.items, TuneSettings(), FEW) > 20


def test_cached_clips_give_the_live_gates_events(shared_data: Path, tmp_path: Path) -> None:
    seen: dict[str, list[dict[str, object]]] = {}
    for line in (shared_data / "recordings.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        fields["audio"] = str(shared_data / fields["audio"])
        if len(seen.setdefault(fields["set"], [])) < 1:
            seen[fields["set"]].append(fields)
    manifest = write_lines(tmp_path / "clips.jsonl", [fields for chosen in seen.values() for fields in chosen])
    assert cached_equals_live(read_manifest(manifest).items, TuneSettings()) > 60


def test_a_second_look_decodes_nothing() -> None:
    front_end = FrontEnd(TuneSettings())
    stream = front_end.stream(only_audio(read_manifest(DEMO_EVENTS).items[0]))
    assert front_end.decoder is not None
    stream.play(GateOptions())
    decoded = front_end.decoder.decoded_frames
    assert decoded > 0
    stream.play(GateOptions(confirm_probability=0.8))
    again = front_end.decoder.decoded_frames
    stream.play(GateOptions())
    stream.play(GateOptions(confirm_probability=0.8))
    assert front_end.decoder.decoded_frames == again


def test_recordings_are_evaluated_as_in_a_benchmark() -> None:
    manifest = read_manifest(DEMO_EVENTS)
    recordings = Recordings([only_audio(item) for item in manifest.items], TuneSettings(), "demo")
    evaluation = recordings.evaluate(GateOptions())
    evaluator = Evaluator(BenchSettings(), GateFactory(), ())
    outcomes = [outcome for item in manifest.items for outcome in evaluator.evaluate(item).outcomes]
    expected = {outcome.name: outcome.verdicts["gate"].confirmed for outcome in outcomes}
    found = {event.name: time for event, time in zip(recordings.events, evaluation.confirmed, strict=True)}
    assert found.keys() == expected.keys()
    for name, latency in found.items():
        assert latency == (None if expected[name] is None else pytest.approx(expected[name]))


def event(group: str, label: str = "interruption") -> TuningEvent:
    return TuningEvent(name=group, line=1, label=label, set="any", group=group, onset=0.0)


def test_folds_keep_groups_whole_and_do_not_depend_on_the_order() -> None:
    events = [event(f"speaker{number % 13}", ("interruption", "noise")[number % 2]) for number in range(100)]
    folds = folds_of(events, seed=0)
    assert folds == folds_of(events[::-1], seed=0)
    assert len(folds) == 13
    assert set(folds.values()) == set(range(5))
    assert sorted(folds_of([event("a"), event("b")], seed=0).values()) == [0, 1]


def test_both_kinds_are_in_every_fold_where_groups_are_of_one_kind() -> None:
    events = [event(f"{label}{number}", label) for label in ("interruption", "noise") for number in range(10)]
    folds = folds_of(events, seed=3)
    for label in ("interruption", "noise"):
        assert sorted(folds[f"{label}{number}"] for number in range(10)) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def tally(*, caught: int = 100, false: int = 0, latency: float = 0.2) -> Tally:
    return Tally(interruptions=100, caught=caught, timed=caught, latency=latency * caught, others=100, false=false)


def test_within_the_limits_the_faster_is_better_and_beyond_them_the_safer() -> None:
    cost = Objective().cost
    assert cost(tally(latency=0.2)) < cost(tally(latency=0.3))
    assert cost(tally(false=2, latency=0.2)) < cost(tally(false=0, latency=0.3))
    assert cost(tally(false=1)) < cost(tally(false=2))
    assert cost(tally(false=3, latency=0.2)) > cost(tally(false=2, latency=0.6))
    assert cost(tally(caught=98, latency=0.2)) > cost(tally(caught=99, latency=0.6))
    assert Objective(missed_weight=0.0).cost(tally(caught=50)) == pytest.approx(0.2)


def test_a_recording_of_each_kind_alone_is_a_fold_of_its_own() -> None:
    events = [event(name, label) for name, label in (("stops", "interruption"), ("mm-hm", "noise")) for _ in range(25)]
    assert sorted(folds_of(events, seed=0).values()) == [0, 1]


def candidate(costs: Sequence[float], *, max_hold: float = 2.0) -> Candidate:
    """Options that cost so much on each fold, under `plain_cost`."""
    return Candidate(GateOptions(max_hold=max_hold), tuple(Tally(latency=cost) for cost in costs))


def plain_cost(tally: Tally) -> float:
    return tally.latency


def test_where_no_options_help_fewer_than_one_search_in_ten_finds_some_that_do() -> None:
    rng = np.random.default_rng(1)
    searches, written = 200, 0
    for _ in range(searches):
        start = candidate([0.0] * 5)
        tried = [candidate(costs, max_hold=1.5) for costs in rng.normal(0.0, 0.1, (60, 5)).tolist()]
        held_out = [best_of(start, tried, plain_cost, [fold for fold in range(5) if fold != out]) for out in range(5)]
        gain = held_out_gain(start, held_out, plain_cost)
        best = best_of(start, tried, plain_cost, range(5))
        written += TuneResult(start, start, best, tuple(held_out), 60, False, {}, gain, gain).is_better
    assert written < 0.1 * searches


def test_a_result_is_better_only_with_other_options_three_folds_and_a_gain_over_the_default_too() -> None:
    start, best, sure = candidate([1.0] * 3), candidate([0.5] * 3, max_hold=1.5), Gain.of([0.5, 0.5, 0.5])

    def result(best: Candidate, gain: Gain, over_default: Gain) -> TuneResult:
        return TuneResult(start, start, best, (best,) * gain.folds, 5, False, {}, gain, over_default)

    assert result(best, sure, sure).is_better
    assert not result(start, sure, sure).is_better
    assert not result(best, sure, Gain.of([0.0, 0.0, 0.0])).is_better
    assert not result(best, Gain.of([0.5, 0.5]), Gain.of([0.5, 0.5])).is_better


def test_a_gain_that_hangs_on_one_fold_is_not_reliable() -> None:
    assert Gain.of([0.1, 0.12, 0.09, 0.1, 0.11]).is_reliable
    assert not Gain.of([2.0, 0.0, 0.0, 0.0, 0.0]).is_reliable
    assert not Gain.of([0.0, 0.0]).is_reliable
    assert not Gain.of([-0.1, -0.1, -0.1]).is_reliable


def test_errors_are_counted_with_a_margin_and_latency_without() -> None:
    found = Tally.of(
        [
            (event("a"), Confirms(at=0.4, eager=0.2, slow=None)),
            (event("b"), Confirms(at=0.6, eager=0.5, slow=2.0)),
            (event("c", "noise"), Confirms(at=None, eager=0.3, slow=None)),
            (event("d", "noise"), Confirms(at=None, eager=None, slow=None)),
        ]
    )
    assert (found.recall, found.mean_latency) == (0.5, pytest.approx(0.5))
    assert found.false_share == pytest.approx(1 / 2)


@pytest.mark.parametrize("field", ["max_false", "min_caught", "false_weight", "margin"])
def test_an_aim_out_of_range_is_named_as_the_option(field: str) -> None:
    with pytest.raises(OptionError, match=f"--{field.replace('_', '-')}: expected"):
        Objective(**{field: -1.0})


def test_the_search_leaves_out_what_moves_the_same_threshold_unless_asked() -> None:
    names = {tunable.name for tunable in SearchSpace.of(GateOptions()).tunables}
    assert "confirm_probability" in names
    assert not names & {"sensitivity", "prior"}
    assert [tunable.name for tunable in SearchSpace.of(GateOptions(), ["sensitivity"]).tunables] == ["sensitivity"]
    with pytest.raises(OptionError, match="--search utterance_gap: cannot be tuned; expected one of"):
        SearchSpace.of(GateOptions(), ["utterance_gap"])


def test_suggested_durations_are_whole_frames_and_thresholds_stay_in_order() -> None:
    space = SearchSpace.of(GateOptions())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(50):
        options = space.suggest(study.ask())
        for duration in (options.min_speech_duration, options.min_silence_duration):
            assert duration / 0.032 == pytest.approx(round(duration / 0.032))
        assert options.deactivation_threshold <= options.activation_threshold


def test_the_start_lies_in_the_space() -> None:
    for start in (GateOptions(), GateOptions(min_silence_duration=1.0, max_hold=9.0)):
        space = SearchSpace.of(start)
        study = optuna.create_study()
        study.enqueue_trial(space.at_start())
        found = space.suggest(study.ask())
        assert found.confirm_probability == pytest.approx(start.confirm_probability)


def test_the_loosest_options_find_speech_no_later_than_any() -> None:
    assert loosest(GateOptions()).activation_threshold <= 0.3
    assert loosest(GateOptions(activation_threshold=0.1, deactivation_threshold=0.1)).activation_threshold == 0.1


def clips(folder: Path, *, each: int = 6, speakers: int = 3, says: Callable[..., Any] = voice) -> Path:
    """Long and short voices; the long ones are interruptions: hums, unless they say something."""
    lines = []
    for index in range(2 * each):
        long = index % 2 == 0
        sound = noisy(
            (says if long else voice)(3.2 if long else 0.2, pitch=110.0 + index), before=0.1, after=0.1, seed=index
        )
        soundfile.write(folder / f"clip{index}.wav", sound, RATE)
        label = "interruption" if long else "backchannel"
        lines.append({"audio": f"clip{index}.wav", "label": label, "speaker": f"speaker{index // 2 % speakers}"})
    return write_lines(folder / "clips.jsonl", lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with 6 clips of each kind, which are enough here."""
    monkeypatch.setattr("prosody_gate.tuning.material.LEAST_EVENTS", 6)
    monkeypatch.setattr("prosody_gate.tuning.parallel_recordings.LEAST_SHARE", 4)
    monkeypatch.chdir(tmp_path)
    clips(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tune", *arguments], catch_exceptions=False)


def fails(folder: Path, *arguments: str) -> str:
    """The one line on standard error of a search that must fail and leave nothing behind."""
    before = sorted(folder.rglob("*"))
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    return result.stderr.removeprefix("prosody-gate: error: ").rstrip("\n")


def finds_nothing_better(folder: Path, *arguments: str) -> str:
    """What a search says that ends well, but without a profile."""
    before = sorted(folder.rglob("*"))
    result = run(*arguments)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    says = result.stderr.rstrip("\n")
    assert says.startswith("prosody-gate: p.toml is not written: ")
    return says.removeprefix("prosody-gate: p.toml is not written: ")


def test_a_search_writes_a_profile_that_says_where_it_comes_from(folder: Path) -> None:
    result = run("clips.jsonl", "--trials", "6", "--output", "p.toml", *LIGHT, *HESITANT)
    assert result.exit_code == 0
    assert result.stdout == "written: p.toml\n"
    profile = Profile.load("p.toml")
    assert profile.microphone.name == "p"
    assert profile.provenance["source"] == "tune clips.jsonl: 12 events of 3 speakers or files"
    assert str(profile.provenance["score"]).startswith("held out: ")
    assert "confirm_probability" in profile.gate


def test_the_same_seed_gives_the_same_profile_whatever_the_number_of_processes(folder: Path) -> None:
    for name, jobs in (("a", "1"), ("b", "1"), ("c", "2")):
        light = ("--vad", "webrtc", "--no-listener", "--quiet", "--name", "mic", "--jobs", jobs)
        result = run("clips.jsonl", "--trials", "6", "--seed", "5", "--output", f"{name}.toml", *light, *HESITANT)
        assert result.exit_code == 0
    assert Path("a.toml").read_text() == Path("b.toml").read_text() == Path("c.toml").read_text()


def test_the_tables_tell_before_and_after_and_what_mattered(folder: Path) -> None:
    light = ("--vad", "webrtc", "--no-listener", "--jobs", "1")
    result = run("clips.jsonl", "--trials", "8", "--output", "p.toml", *light, *HESITANT)
    for part in (
        "default",
        "before",
        "held-out",
        "caught within 3 s",
        "confirm_probability",
        "mattered",
        "8 trials",
        "aim: at most",
    ):
        assert part in result.stdout


def test_json_alone_on_standard_output(folder: Path) -> None:
    light = ("--vad", "webrtc", "--no-listener", "--jobs", "1", "--json")
    result = run("clips.jsonl", "--trials", "6", "--output", "p.toml", *light, *HESITANT)
    report = json.loads(result.stdout)
    assert report["better"] is True
    assert report["trials"] == 6
    for gain in (report["gain"], report["gain_over_default"]):
        assert gain["value"] > 3.0 * gain["standard_error"]


def test_no_gain_is_refused_and_written_only_by_force(folder: Path) -> None:
    clips(folder, says=babble)
    arguments = ("clips.jsonl", "--trials", "2", "--search", "max_hold", "--output", "p.toml", *LIGHT)
    assert finds_nothing_better(folder, *arguments) == (
        "nothing did better than the options that the search began with: 100.0 % of the interruptions caught within "
        "3 s, 0.0 % of the other events stopping the agent, and a median latency of 1792 ms. More recordings may show "
        "a difference; --force writes it anyway"
    )
    assert run(*arguments, "--force").exit_code == 0
    assert Profile.load("p.toml").provenance["version"]


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        (
            ("--storage", "my tune.journal"),
            "prosody-gate: stopped; my tune.journal keeps 2 trials. To go on, run again: "
            "prosody-gate tune clips.jsonl --storage 'my tune.journal'\n",
        ),
        ((), "prosody-gate: stopped; no trial is kept (--storage FILE keeps them)\n"),
    ],
)
def test_ctrl_c_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, storage: tuple[str, ...], says: str
) -> None:
    run_trials = Tuner.run

    def interrupted(self: Tuner, *_: object, **__: object) -> None:
        run_trials(self, 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuner, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["prosody-gate", "tune", "clips.jsonl", *storage])
    result = run("clips.jsonl", "--output", "p.toml", *LIGHT, *storage)
    assert result.exit_code == 130
    assert result.stderr == says
    assert not (folder / "p.toml").exists()


@pytest.mark.parametrize("storage", ["sqlite:///tune.db", "tune.journal"])
def test_a_search_is_resumed_from_its_storage(folder: Path, storage: str) -> None:
    def trials_after(trials: str) -> int:
        light = ("--vad", "webrtc", "--no-listener", "--jobs", "1", "--json", "--force", "--storage", storage)
        result = run("clips.jsonl", "--trials", trials, "--output", "p.toml", *light, *HESITANT)
        return int(json.loads(result.stdout)["trials"])

    assert trials_after("3") == 3
    assert trials_after("5") == 5
    assert trials_after("5") == 5


def test_a_search_stops_early_when_nothing_gets_better(folder: Path) -> None:
    light = ("--vad", "webrtc", "--no-listener", "--jobs", "1", "--json", "--force", "--search", "max_hold")
    result = run("clips.jsonl", "--trials", "50", "--patience", "3", "--output", "p.toml", *light)
    report = json.loads(result.stdout)
    assert report["stopped_early"] is True
    assert report["trials"] < 10


def test_a_profile_to_start_from_keeps_its_microphone(folder: Path) -> None:
    HEADSET.save(folder / "headset.toml")
    result = run("clips.jsonl", "--trials", "6", "-o", "p.toml", "--profile", "headset.toml", *LIGHT, *HESITANT)
    assert result.exit_code == 0
    assert Profile.load("p.toml").microphone == HEADSET.microphone


def test_labels_of_one_kind_only(folder: Path) -> None:
    lines = (folder / "clips.jsonl").read_text().splitlines()
    write_lines(folder / "one.jsonl", [line for line in lines if "interruption" in line])
    says = fails(folder, "one.jsonl", "-o", "p.toml", *LIGHT)
    assert says.startswith("one.jsonl: holds interruptions only (6); expected at least 6 interruptions and 6")


def test_too_few_clips_tell_how_many_are_needed(folder: Path) -> None:
    lines = (folder / "clips.jsonl").read_text().splitlines()
    write_lines(folder / "few.jsonl", lines[:4])
    says = fails(folder, "few.jsonl", "-o", "p.toml", *LIGHT)
    assert says.startswith("few.jsonl: has 2 interruptions and 2 other events; expected at least 6")


def test_one_speaker_cannot_be_held_out(folder: Path) -> None:
    lines = [json.loads(line) | {"speaker": "me"} for line in (folder / "clips.jsonl").read_text().splitlines()]
    write_lines(folder / "me.jsonl", lines)
    assert "all of one speaker or recording" in fails(folder, "me.jsonl", "-o", "p.toml", *LIGHT)


def test_each_kind_has_to_be_in_two_groups(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    write_lines(folder / "kinds.jsonl", [line | {"speaker": line["label"]} for line in lines])
    says = fails(folder, "kinds.jsonl", "-o", "p.toml", *LIGHT)
    assert says == (
        "kinds.jsonl: all interruptions are of one speaker or recording (interruption); expected each kind in at "
        "least 2, to hold one out"
    )


def test_two_speakers_are_too_few_to_rely_on(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    write_lines(folder / "two.jsonl", [line | {"speaker": "ab"[place // 2 % 2]} for place, line in enumerate(lines)])
    arguments = ("two.jsonl", "-o", "p.toml", "--trials", "4", *LIGHT, *HESITANT)
    says = finds_nothing_better(folder, *arguments)
    assert says.startswith("2 speakers or recordings are too few to say whether anything is better than the options")
    assert "expected at least 3" in says


def test_a_result_no_better_than_the_default_is_refused_whatever_it_began_with(folder: Path) -> None:
    # The longest hold alone catches these voices then, later than the default options do.
    clips(folder, says=babble)
    start = ("--option", "confirm_probability=0.999", "--option", "max_hold=9.0", "--search", "max_hold")
    says = finds_nothing_better(folder, "clips.jsonl", "-o", "p.toml", "--trials", "12", *LIGHT, *start)
    assert "; the default options have 100.0 % of the interruptions caught within 3 s" in says
    assert " ms: no better. More recordings may show a difference" in says


def test_overlaps_without_audio_are_no_recordings_of_a_microphone(folder: Path) -> None:
    write_lines(folder / "words.jsonl", OVERLAPS)
    assert "holds overlaps without audio" in fails(folder, "words.jsonl", "-o", "p.toml", *LIGHT)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--search", "max_wait"), "--search max_wait: cannot be tuned"),
        (("--max-false", "2"), "--max-false: expected a share from 0 to 1, got 2"),
        (("--name", " "), "--name: expected text, got ' '"),
        (("--storage", "nosuch://x"), "--storage nosuch://x: cannot be used"),
        (("--storage", "missing/tune.journal"), "--storage missing/tune.journal: cannot be used"),
        (("--profile", "nosuch"), "profile 'nosuch': there is none of that name"),
        (("--output", "missing/p.toml"), "missing/p.toml: there is no folder missing"),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_written(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in fails(folder, "clips.jsonl", "-o", "p.toml", "--trials", "1", *LIGHT, *arguments)


def test_a_recording_that_cannot_be_used_is_skipped_and_told(folder: Path) -> None:
    lines = (folder / "clips.jsonl").read_text().splitlines()
    (folder / "broken.wav").write_bytes(b"RIFF")
    write_lines(folder / "more.jsonl", [*lines, {"audio": "broken.wav", "label": "noise"}])
    result = run("more.jsonl", "--trials", "6", "-o", "p.toml", *LIGHT, *HESITANT)
    assert result.exit_code == 0
    assert result.stderr.count("\n") == 1
    assert "warning: skipped: more.jsonl:13: " in result.stderr


def test_names_and_storages_are_checked_before_anything_is_prepared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(*_: object, **__: object) -> None:
        raise AssertionError("prepared")

    monkeypatch.setattr("prosody_gate.tuning.prepare_recordings", prepared)
    fails(folder, "clips.jsonl", "-o", "p.toml", *LIGHT, "--name", "")
    fails(folder, "clips.jsonl", "-o", "p.toml", *LIGHT, "--storage", "nosuch://x")
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "Optuna is not installed" in fails(folder, "clips.jsonl", "-o", "p.toml", *LIGHT)


def test_lines_that_cannot_be_used_are_told_before_the_rest_is_found_too_little(folder: Path) -> None:
    lines = (folder / "clips.jsonl").read_text().splitlines()
    soundfile.write("slow.wav", np.zeros(6_000), 6_000)
    others = [{"audio": "missing.wav", "label": "noise"}, {"audio": "slow.wav", "label": "interruption"}]
    write_lines(folder / "some.jsonl", [*[line for line in lines if "backchannel" in line], *others, *lines[:9:2]])
    result = run("some.jsonl", "-o", "p.toml", *LIGHT)
    assert result.exit_code == 2
    first, second, last = result.stderr.splitlines()
    assert "skipped: some.jsonl:7: " in first
    assert "skipped: some.jsonl:8: " in second
    assert "has 5 interruptions and 6 other events" in last


class FakeRecordings:
    """Four speakers of two events each; what is confirmed, and how fast, does not hang on the options."""

    def __init__(
        self, *, items: Sequence[Item] = (), settings: TuneSettings | None = None, unlabelled: int = 0
    ) -> None:
        self.items = tuple(items)
        self.settings = settings or TuneSettings()
        self.events = tuple(event(group, label) for group in "abcd" for label in ("interruption", "noise"))
        self._unlabelled = unlabelled

    def evaluate(self, _: GateOptions) -> Evaluation:
        return Evaluation((0.4, None) * 4, tuple((group, self._unlabelled) for group in "abcde"))


def tuner(recordings: FakeRecordings, *, storage: str | None = None, seed: int = 0) -> Tuner:
    space = SearchSpace.of(GateOptions())
    return Tuner(recordings, space, Objective(), seed=seed, storage=storage)  # type: ignore[arg-type]


def demo_call(**changes: Any) -> Call:
    (item,) = read_manifest(DEMO_EVENTS).items
    assert isinstance(item, Call)
    return replace(item, **changes)


def test_confirmed_overlaps_that_nobody_labelled_are_told_and_cost_nothing() -> None:
    found = []
    for unlabelled in (0, 3):
        search = tuner(FakeRecordings(items=[demo_call()], unlabelled=unlabelled))
        result = search.run(2)
        scores = score(search, result, FakeRecordings().events)
        assert {one.unlabelled for one in (scores.start, scores.expected, scores.best)} == {5 * unlabelled}
        found.append(result.start.folds)
    assert found[0] == found[1]


def test_clips_have_nothing_unlabelled() -> None:
    search = tuner(FakeRecordings())
    assert score(search, search.run(2), FakeRecordings().events).start.unlabelled is None


def named(**settings: Any) -> str:
    items = settings.pop("items", ())
    recordings = FakeRecordings(items=items, settings=TuneSettings(gates=GateFactory(**settings)))
    return study_name(recordings, SearchSpace.of(GateOptions()), Objective(), 0)  # type: ignore[arg-type]


def test_a_study_is_named_by_phrases_transcripts_all_labels_and_the_size_of_the_audio(tmp_path: Path) -> None:
    call = demo_call()
    said = Transcript(at=7.9, text="mm-hmm", final=True)
    longer = tmp_path / "demo.flac"
    longer.write_bytes(call.audio.read_bytes() + b"more")
    names = [
        named(items=[call]),
        named(items=[call], lexicon=Lexicon.load().add(ignore=["kumquat"])),
        named(items=[call], lexicon=Lexicon.load().add(interrupt=["kumquat"])),
        named(items=[replace(call, transcripts=(said,))]),
        named(items=[replace(call, transcripts=(replace(said, text="wait"),))]),
        named(items=[replace(call, events=(*call.events, LabelledEvent("ambiguous", "ambiguous", 1.0, 2.0)))]),
        named(items=[replace(call, audio=longer)]),
    ]
    assert len(set(names)) == len(names)
    # Another machine has the same recordings in another folder, another manifest on another line.
    longer.write_bytes(call.audio.read_bytes())
    assert named(items=[replace(call, audio=longer, line=7)]) == names[0]


def tried(storage: str) -> list[dict[str, float]]:
    (study,) = optuna.get_all_study_summaries(storage)
    return [trial.params for trial in optuna.load_study(study_name=study.study_name, storage=storage).trials]


def test_machines_that_share_a_storage_try_different_options(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/tune.db"
    first, second = (tuner(FakeRecordings(), storage=storage) for _ in range(2))
    for machine, trials in ((first, 3), (second, 6)):
        machine.run(trials)
    assert len({str(params) for params in tried(storage)}) == 6


def test_a_search_that_is_resumed_goes_on_as_it_would_have(tmp_path: Path) -> None:
    whole, halves = (f"sqlite:///{tmp_path}/{name}.db" for name in ("whole", "halves"))
    tuner(FakeRecordings(), storage=whole).run(6)
    for trials in (3, 6):
        tuner(FakeRecordings(), storage=halves).run(trials)
    assert tried(whole) == tried(halves)


class Endless:
    """What a process is still busy with a minute later."""

    def __reduce__(self) -> tuple[object, ...]:
        return time.sleep, (60,)


def test_ctrl_c_does_not_wait_for_what_the_processes_are_at(folder: Path) -> None:
    items: list[Any] = list(check_material(read_manifest("clips.jsonl")))[:8]
    items[1::2] = [Endless() for _ in range(4)]

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    settings = TuneSettings(vad="webrtc", gates=GateFactory(listener=False))
    before = set(multiprocessing.active_children())
    began = time.monotonic()
    preparing = prepare_recordings(items, settings, source="clips.jsonl", jobs=2, progress=interrupted)
    with pytest.raises(KeyboardInterrupt), preparing:
        pass
    assert time.monotonic() - began < 30.0
    assert set(multiprocessing.active_children()) <= before  # another test's pool may be alive


def test_the_bar_moves_while_the_processes_prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prosody_gate.tuning.parallel_recordings.BATCH", 2)
    items, done = check_material(read_manifest("clips.jsonl")), list[int]()
    settings = TuneSettings(vad="webrtc", gates=GateFactory(listener=False))
    with prepare_recordings(items, settings, source="clips.jsonl", jobs=2, progress=done.append):
        assert done == [2, 4, 6, 8, 10, 12]


def test_recordings_of_which_none_can_be_used(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "clips.jsonl").read_text().splitlines()]
    soundfile.write("slow.wav", np.zeros(6_000), 6_000)
    write_lines(folder / "slow.jsonl", [line | {"audio": "slow.wav"} for line in lines])
    last = run("slow.jsonl", "-o", "p.toml", *LIGHT).stderr.splitlines()[-1]
    assert "slow.jsonl: none of its recordings can be used; expected at least 6 interruptions" in last


def test_material_is_counted_by_event_in_calls(tmp_path: Path) -> None:
    manifest = read_manifest(DEMO_EVENTS)
    with pytest.raises(OptionError, match="has 2 interruptions and 5 other events; expected at least 20"):
        check_material(Manifest(manifest.path, manifest.kind, manifest.items))


def test_several_processes_evaluate_as_one_does(folder: Path) -> None:
    items = check_material(read_manifest("clips.jsonl"))
    settings = TuneSettings(vad="webrtc", gates=GateFactory(listener=False))
    found = []
    for jobs in (1, 2):
        with prepare_recordings(items, settings, source="clips.jsonl", jobs=jobs) as recordings:
            evaluation = recordings.evaluate(GateOptions())
            found.append({one.name: time for one, time in zip(recordings.events, evaluation.confirmed, strict=True)})
    assert found[0] == found[1]
    assert np.isfinite([time for time in found[0].values() if time is not None]).all()

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from typer.testing import CliRunner, Result

from prosody_gate.cli import app

RATE = 16_000
LIGHT = ("--vad", "webrtc", "--no-listener")
"""What makes a run quick where the decisions themselves do not matter."""


OPTIONS = (
    *("--user-channel", "--agent-channel", "--agent", "--transcripts", "--sensitivity", "--profile", "--vad"),
    *(
        "--echo-guard",
        "--no-echo-guard",
        "--from",
        "--to",
        "--listener",
        "--no-listener",
        "--language",
        "--lexicon",
        "--option",
        "--json",
        "--plot",
        "--quiet",
    ),
)


def voice(seconds: float, *, pitch: float = 120.0) -> npt.NDArray[np.float32]:
    """A buzz with two resonances: speech enough for a VAD."""
    times = np.arange(round(seconds * RATE)) / RATE
    harmonics = np.arange(1, 30) * pitch
    weights = 1.0 / (1.0 + ((harmonics - 600.0) / 200.0) ** 2) + 0.5 / (1.0 + ((harmonics - 1700.0) / 300.0) ** 2)
    sound = (weights[:, None] * np.sin(2 * np.pi * harmonics[:, None] * times)).sum(axis=0)
    return np.asarray(0.3 * sound / np.abs(sound).max() * np.hanning(times.size) ** 0.25, np.float32)


def call(*onsets: float, duration: float = 6.0) -> npt.NDArray[np.float32]:
    """Silence with 0.4 s of voice at each onset."""
    samples = np.zeros(round(duration * RATE), np.float32)
    for onset in onsets:
        start, said = round(onset * RATE), voice(0.4)
        samples[start : start + said.size] += said
    return samples


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a mono and a stereo call in it."""
    soundfile.write(tmp_path / "mono.wav", call(1.0, 3.5), RATE)
    agent = call()
    agent[RATE // 2 : 5 * RATE] += voice(4.5, pitch=210.0)
    soundfile.write(tmp_path / "stereo.flac", np.stack([agent, call(1.0, 3.5)], axis=1), RATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments], catch_exceptions=False)


def fails(folder: Path, *arguments: str) -> str:
    """The one line on standard error of a run that must fail and leave nothing behind."""
    before = sorted(folder.rglob("*"))
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("prosody-gate: error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    return result.stderr.removeprefix("prosody-gate: error: ").rstrip("\n")


def test_a_mono_call_gives_a_row_an_overlap_and_a_closing_line(folder: Path) -> None:
    result = run("mono.wav", *LIGHT)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["onset", "after"]
    assert lines[-1].startswith("2 overlaps: ")
    assert [line.split()[0] for line in lines if line.strip()[:1].isdigit()] == ["1", "2", "2"]


def test_json_is_alone_on_standard_output_and_the_same_every_time(folder: Path) -> None:
    arguments = ("stereo.flac", "--agent-channel", "0", "--user-channel", "1", *LIGHT, "--json")
    first, second = run(*arguments), run(*arguments)
    assert first.exit_code == 0
    assert first.stdout_bytes == second.stdout_bytes
    report = json.loads(first.stdout)
    assert report["recording"] == "stereo.flac"
    assert report["setup"] == {
        "vad": "webrtc",
        "listener": False,
        "languages": ["en"],
        "profile": None,
        "user_channel": 1,
        "agent_channel": 0,
    }
    assert [event["kind"] for event in report["events"]].count("hold") == report["summary"]["overlaps"] == 2
    assert report["agent"][0][0] == pytest.approx(0.5, abs=0.1)


def test_of_a_stereo_call_the_other_channel_follows(folder: Path) -> None:
    both = run("stereo.flac", "--agent-channel", "0", "--user-channel", "1", *LIGHT, "--json")
    assert run("stereo.flac", "--agent-channel", "0", *LIGHT, "--json").stdout == both.stdout
    assert run("stereo.flac", "--user-channel", "1", *LIGHT, "--json").stdout == both.stdout


def test_a_silent_agent_holds_nothing_and_the_output_says_why(folder: Path) -> None:
    result = run("mono.wav", "--agent", "never", *LIGHT)
    assert result.exit_code == 0
    assert " ".join(result.stdout.split()).startswith("Nothing was held: the agent is silent throughout")


def test_spans_say_when_the_agent_speaks(folder: Path) -> None:
    (folder / "spans.json").write_text("[[0.5, 2.9]]")
    report = json.loads(run("mono.wav", "--agent", "spans.json", *LIGHT, "--json").stdout)
    assert report["agent"] == [[0.5, 2.9]]
    assert report["summary"]["overlaps"] == 1


def test_transcripts_are_heard_when_they_arrived(folder: Path) -> None:
    (folder / "t.jsonl").write_text('{"at": 1.3, "text": "wait", "final": false}\n')
    words_alone = ("--sensitivity", "0", "--option", "confirm_probability=0.999")
    report = json.loads(run("mono.wav", "--transcripts", "t.jsonl", *words_alone, *LIGHT, "--json").stdout)
    confirm = report["events"][1]
    assert (confirm["kind"], confirm["reason"], confirm["transcript"]) == ("confirm", "phrase", "wait")
    assert confirm["time"] == pytest.approx(1.3, abs=0.04)


def test_options_come_from_the_profile_then_from_the_command_line(folder: Path) -> None:
    (folder / "p.toml").write_text('[microphone]\nname = "desk"\n[gate]\nmax_hold = 2.0\nprior = 1.0\n')
    arguments = ("--profile", "p.toml", "--option", "max_hold=1.5", "--sensitivity", "0.7")
    report = json.loads(run("mono.wav", *arguments, *LIGHT, "--json").stdout)
    assert report["options"]["max_hold"] == 1.5
    assert report["options"]["prior"] == 1.0
    assert report["options"]["sensitivity"] == 0.7
    assert report["setup"]["profile"] == "desk"


def test_a_part_shows_the_overlaps_that_begin_in_it_at_the_times_of_the_file(folder: Path) -> None:
    whole = json.loads(run("mono.wav", *LIGHT, "--json").stdout)
    part = json.loads(run("mono.wav", "--from", "2", "--to", "5.5", *LIGHT, "--json").stdout)
    assert "part" not in whole
    assert (part["part"], part["duration"]) == ([2.0, 5.5], 6.0)
    second = [event for event in whole["events"] if event["overlap"] == 2]
    assert second[0]["onset"] == pytest.approx(3.5, abs=0.1)
    assert part["events"] == [{**event, "overlap": 1} for event in second]


def test_from_alone_goes_to_the_end_and_to_alone_begins_at_the_start(folder: Path) -> None:
    assert json.loads(run("mono.wav", "--from", "2", *LIGHT, "--json").stdout)["part"] == [2.0, 6.0]
    first = json.loads(run("mono.wav", "--to", "2", *LIGHT, "--json").stdout)
    assert first["part"] == [0.0, 2.0]
    assert first["summary"]["overlaps"] == 1
    assert json.loads(run("mono.wav", "--to", "99", *LIGHT, "--json").stdout)["part"] == [0.0, 6.0]


def test_a_part_is_drawn(folder: Path) -> None:
    result = run("mono.wav", "--from", "2", "--to", "5", "--plot", "part.png", *LIGHT)
    assert result.stdout.splitlines()[-1] == "picture: part.png"
    assert (folder / "part.png").stat().st_size > 20_000


def test_damage_outside_a_part_does_no_harm(folder: Path) -> None:
    samples = call(1.0, 3.5, duration=60.0)
    samples[50 * RATE] = np.nan
    soundfile.write(folder / "late.wav", samples, RATE, subtype="FLOAT")
    assert "sample 800000 is not a finite number" in fails(folder, "late.wav", *LIGHT)
    assert run("late.wav", "--to", "5", *LIGHT).stdout.splitlines()[-1].startswith("2 overlaps: ")


def test_quiet_leaves_the_closing_line_alone(folder: Path) -> None:
    result = run("mono.wav", "--quiet", *LIGHT)
    assert result.stdout.startswith("2 overlaps: ")
    assert result.stdout.count("\n") == 1


def test_the_picture_is_written_and_named(folder: Path) -> None:
    result = run("mono.wav", "--plot", "call.png", *LIGHT)
    assert result.stdout.splitlines()[-1] == "picture: call.png"
    assert (folder / "call.png").stat().st_size > 20_000


def test_a_clipped_recording_is_used_with_a_warning(folder: Path) -> None:
    soundfile.write(folder / "loud.wav", np.clip(8.0 * call(1.0), -1.0, 1.0), RATE)
    result = run("loud.wav", *LIGHT)
    assert result.exit_code == 0
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("prosody-gate: warning: loud.wav: ")
    assert "clipped" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.wav"], "missing.wav: no such file"),
        (["empty.wav"], "empty.wav: is empty"),
        (["text.wav"], "text.wav: is not audio"),
        (["cut.wav"], "cut.wav: is cut short"),
        (["cut.flac"], "cut.flac: is damaged or cut short after"),
        (["nan.wav"], "nan.wav: sample 8000 is not a finite number"),
        (["mono.wav", "--user-channel", "1"], "mono.wav: has 1 channel (0); asked for channel 1"),
        (["mono.wav", "--user-channel", "-1"], "asked for channel -1"),
        (["mono.wav", "--agent-channel", "1"], "mono.wav: has 1 channel (0); asked for channel 1"),
        (["mono.wav", "--agent-channel", "0"], "--agent-channel: is the user's channel too (0)"),
        (
            ["stereo.flac"],
            "stereo.flac: has 2 channels; expected --user-channel N (from 0)",
        ),
        (["stereo.flac", "--user-channel", "2"], "stereo.flac: has 2 channels (0 to 1); asked for channel 2"),
        (["stereo.flac", "--agent", "always"], "expected --user-channel N"),
        (["stereo.flac", "--agent-channel", "0", "--agent", "always"], "--agent: --agent-channel says when"),
        (["mono.wav", "--agent", "allways"], "--agent: expected always, never or a JSON file"),
        (["mono.wav", "--agent", "missing.json"], "missing.json: cannot be read"),
        (["mono.wav", "--agent", "text.wav"], "text.wav: not JSON"),
        (["mono.wav", "--agent", "spans.json"], "spans.json: entry 2 is [3.0, 1.0]; expected"),
        (["mono.wav", "--transcripts", "missing.jsonl"], "missing.jsonl: cannot be read"),
        (["mono.wav", "--transcripts", "t.jsonl"], "t.jsonl:2: at is 'soon'; expected seconds"),
        (["mono.wav", "--sensitivity", "1.5"], "sensitivity: expected a number from 0 to 1, got 1.5"),
        (["mono.wav", "--sensitivity", "nan"], "sensitivity: expected a number from 0 to 1, got nan"),
        (["mono.wav", "--sensitivity", "high"], "'--sensitivity'"),
        (["mono.wav", "--option", "max_hold=99"], "max_hold: expected a number from 0.2 to 30, got 99"),
        (["mono.wav", "--option", "max_hold=long"], "--option max_hold: expected a number, got 'long'"),
        (["mono.wav", "--option", "max_hold"], "--option 'max_hold': expected name=value"),
        (["mono.wav", "--option", "hold=1"], "--option hold: unknown; expected one of sensitivity,"),
        (["mono.wav", "--option", "prior=1", "--option", "prior=2"], "--option prior: given twice"),
        (["mono.wav", "--option", "activation_threshold=0.2"], "deactivation_threshold 0.35 is above"),
        (["mono.wav", "--vad", "ear"], "vad is 'ear'; expected one of silero, webrtc"),
        (["mono.wav", "--language", "xx"], "unknown language 'xx'; available: de, en"),
        (
            ["mono.wav", "--language", "it", "--lexicon", "it.toml", "--listener"],
            "listener: does not know how any phrase of it is said; expected English, or [pronunciations] in a phrase",
        ),
        (["mono.wav", "--lexicon", "missing.toml"], "missing.toml: cannot read"),
        (["mono.wav", "--profile", "missing.toml"], "missing.toml: cannot be read"),
        (
            ["mono.wav", "--profile", "bad.toml"],
            "bad.toml: [gate]: max_hold: expected a number from 0.2",
        ),
        (["mono.wav", "--plot", "call.gif"], "call.gif: unknown kind of picture"),
        (["mono.wav", "--plot", "nowhere/call.png"], "nowhere/call.png: there is no folder nowhere"),
        (["mono.wav", "--plot", "sub.png"], "sub.png: is a folder"),
        (["mono.wav", "--from", "6"], "--from 6: mono.wav lasts 6.00 s; expected a time in it"),
        (["mono.wav", "--from", "-1"], "--from -1: mono.wav lasts 6.00 s; expected a time in it"),
        (["mono.wav", "--from", "nan"], "--from nan: mono.wav lasts 6.00 s"),
        (["mono.wav", "--from", "3", "--to", "3"], "--to 3: expected a time after 3 s"),
        (["mono.wav", "--to", "nan"], "--to nan: expected a time after 0 s"),
        (["mono.wav", "--volume", "3"], "--volume"),
        ([], "FILE"),
    ],
)
def test_bad_input_is_one_line_that_names_it(folder: Path, arguments: Sequence[str], says: str) -> None:
    samples = call(1.0)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is no recording")
    (folder / "cut.wav").write_bytes((folder / "mono.wav").read_bytes()[:-20_000])
    soundfile.write(folder / "whole.flac", voice(4.0), RATE)
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:-4_000])
    samples[8000] = np.nan
    soundfile.write(folder / "nan.wav", samples, RATE, subtype="FLOAT")
    (folder / "spans.json").write_text("[[0.5, 1.0], [3.0, 1.0]]")
    (folder / "t.jsonl").write_text('{"at": 1.0, "text": "so"}\n{"at": "soon", "text": "so"}\n')
    (folder / "it.toml").write_text('language = "it"\ninterrupt = ["basta"]\n')
    (folder / "bad.toml").write_text('[microphone]\nname = "desk"\n[gate]\nmax_hold = 99\n')
    (folder / "sub.png").mkdir()
    assert says in fails(folder, *arguments)


def test_a_bad_recording_leaves_an_earlier_picture_alone(folder: Path) -> None:
    (folder / "call.png").write_bytes(b"earlier")
    fails(folder, "missing.wav", "--plot", "call.png")
    assert (folder / "call.png").read_bytes() == b"earlier"


def test_a_failure_inside_the_gate_is_not_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, *_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("prosody_gate.prosody.ProsodyAnalyzer.push", broken)
    with pytest.raises(ZeroDivisionError):
        run("mono.wav", *LIGHT)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prosody_gate", *arguments]


def test_the_module_runs_as_the_command_does(folder: Path) -> None:
    done = subprocess.run(command("run", "missing.wav"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "prosody-gate: error: missing.wav: no such file; expected a recording\n"
    assert subprocess.run(command("--version"), capture_output=True, text=True, check=True).stdout.startswith(
        "prosody-gate "
    )


def test_no_command_at_all_gives_the_help() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert "Usage: prosody-gate" in result.stdout


def test_the_help_names_every_option_and_an_example() -> None:
    result = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "120", "TERM": "dumb"})
    assert result.exit_code == 0
    assert "prosody-gate run call.wav --agent-channel 0 --user-channel 1 --plot call.png" in result.stdout
    for name in OPTIONS:
        assert name in result.stdout


def test_the_help_waits_for_no_model_and_no_drawing() -> None:
    heavy = "{'matplotlib', 'librosa', 'livekit'}"
    code = (
        "import sys; from typer.testing import CliRunner, Result; from prosody_gate.cli import app; "
        "CliRunner().invoke(app, ['run', '--help']); "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_ctrl_c_ends_with_130_and_leaves_nothing_behind(folder: Path) -> None:
    soundfile.write(folder / "long.flac", np.zeros(8_000 * 1_800, np.int16), 8_000)
    status, shown = at_a_terminal("run", "long.flac", "--plot", "long.png", *LIGHT, interrupt_at="listening")
    assert status == 130
    assert "Traceback" not in shown
    assert sorted(entry.name for entry in folder.iterdir()) == ["long.flac", "mono.wav", "stereo.flac"]


def test_a_terminal_shows_progress_on_a_long_recording_and_only_there(folder: Path) -> None:
    soundfile.write(folder / "long.flac", np.zeros(RATE * 60, np.int16), RATE)
    assert "listening" in at_a_terminal("run", "long.flac", *LIGHT)[1]
    assert at_a_terminal("run", "long.flac", "--quiet", *LIGHT) == (0, "")
    assert at_a_terminal("run", "mono.wav", *LIGHT) == (0, "")
    assert run("long.flac", *LIGHT).stderr == ""


def at_a_terminal(*arguments: str, interrupt_at: str | None = None) -> tuple[int, str]:
    """Run a command whose standard error is a terminal; give its status and what it printed there.

    Args:
        arguments: Of the command.
        interrupt_at: Press Ctrl-C once this is shown.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65_536)
        except OSError:  # Linux: the command has closed its end
            break
        if not read:  # elsewhere
            break
        shown += read
        if interrupt_at is not None and interrupt_at.encode() in shown:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(ours)
    return process.wait(30.0), shown.decode()


def test_a_bench_of_a_few_items_shows_its_progress(folder: Path) -> None:
    line = '{"label": "backchannel", "words": [["yeah", 0.0, 0.31]]}\n'
    (folder / "few.jsonl").write_text(3 * line, encoding="utf-8")
    assert "evaluating" in at_a_terminal("bench", "few.jsonl", "--jobs", "1")[1]
    assert at_a_terminal("bench", "few.jsonl", "--jobs", "1", "--quiet") == (0, "")


def test_real_clips_of_every_set_run_to_the_end(shared_data: Path) -> None:
    clips: dict[str, str] = {}
    for line in (shared_data / "recordings.jsonl").read_text().splitlines():
        clip = json.loads(line)
        clips.setdefault(clip["set"], clip["audio"])
    assert len(clips) == 13
    for audio in clips.values():
        result = run(str(shared_data / audio), "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["recording"] == Path(audio).name

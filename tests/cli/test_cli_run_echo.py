from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from echo_room import RATE, level, room, voice
from prosody_gate import GateFactory
from prosody_gate.bench import Call
from prosody_gate.cli import app
from prosody_gate.tuning import TuneSettings
from prosody_gate.tuning.front_end import FrontEnd

LIGHT = ("--vad", "webrtc", "--no-listener")
PROFILE = '[microphone]\nname = "speakerphone"\necho_guard = true\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a call in which the agent comes back in the user's microphone."""
    played = voice(8.0)
    soundfile.write(tmp_path / "echo.flac", np.stack([played, room(played, delay=0.2)], axis=1), RATE)
    soundfile.write(tmp_path / "mono.wav", voice(2.0), RATE)
    (tmp_path / "p.toml").write_text(PROFILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments, *LIGHT], catch_exceptions=False)


def test_the_guard_tells_where_it_found_the_agents_voice(folder: Path) -> None:
    result = run("echo.flac", "--agent-channel", "0", "--echo-guard")
    assert result.exit_code == 0
    assert "echo guard: the agent's voice was found in the user's channel, 20" in result.stdout
    other = run("echo.flac", "--agent-channel", "1", "--echo-guard")  # the echo comes first there
    assert "echo guard: the agent's voice was not found in the user's channel" in other.stdout


def test_json_has_the_delay_with_the_guard_and_no_word_of_it_without(folder: Path) -> None:
    with_guard = json.loads(run("echo.flac", "--agent-channel", "0", "--echo-guard", "--json").stdout)
    assert with_guard["setup"]["echo_guard"] == {"delay": pytest.approx(0.2, abs=0.003)}
    without = json.loads(run("echo.flac", "--agent-channel", "0", "--json").stdout)
    assert "echo_guard" not in without["setup"]


def test_a_profile_switches_it_on_and_the_command_line_off_again(folder: Path) -> None:
    by_profile = run("echo.flac", "--agent-channel", "0", "--profile", "p.toml")
    assert "echo guard: the agent's voice was found" in by_profile.stdout
    assert by_profile.stderr == ""
    off = run("echo.flac", "--agent-channel", "0", "--profile", "p.toml", "--no-echo-guard")
    assert "echo guard" not in off.stdout


def test_without_the_agents_channel_the_option_is_refused_and_the_profiles_wish_is_a_warning(folder: Path) -> None:
    refused = run("mono.wav", "--echo-guard")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "prosody-gate: error: --echo-guard: needs what the agent plays; expected --agent-channel N\n"
    )
    warned = run("mono.wav", "--profile", "p.toml")
    assert warned.exit_code == 0
    assert warned.stderr == (
        "prosody-gate: warning: the profile's echo_guard needs what the agent plays; "
        "without --agent-channel N it is off\n"
    )


def test_without_the_module_the_option_is_one_clear_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from livekit import rtc

    monkeypatch.delattr(rtc, "AudioProcessingModule")
    result = run("echo.flac", "--agent-channel", "0", "--echo-guard")
    assert result.exit_code == 2
    assert result.stderr.startswith("prosody-gate: error: echo guard: the installed livekit package has no Audio")
    assert result.stderr.count("\n") == 1


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, *LIGHT], catch_exceptions=False)


def test_bench_judges_the_calls_of_a_profile_with_a_guard_without_the_agents_voice(folder: Path) -> None:
    events = [{"label": "noise", "start": 4.0, "end": 7.9}]
    call = {"audio": "echo.flac", "agent_channel": 0, "user_channel": 1, "events": events}
    (folder / "calls.jsonl").write_text(json.dumps(call) + "\n", encoding="utf-8")

    def judged(*arguments: str) -> tuple[int, bool | None]:
        result = json.loads(invoke("bench", "calls.jsonl", "--json", *arguments).stdout)
        (rule,) = [system for system in result["systems"] if system["name"] == "speech 0.2 s"]
        return rule["false_interruptions"]["count"], result["settings"].get("echo_guard")

    assert judged() == (1, None)
    assert judged("--profile", "p.toml") == (0, True)


def test_a_search_gets_the_calls_of_a_profile_with_a_guard_without_the_agents_voice(folder: Path) -> None:
    path = folder / "echo.flac"
    call = Call(1, "echo.flac", "echo.flac", path, user_channel=1, agent_channel=0, agent=(), events=())
    loud = {}
    for profile in (None, "p.toml"):
        gates = GateFactory.create(profile, listener=False)
        frames = FrontEnd(TuneSettings(gates=gates, vad="webrtc")).stream(call).stream.frames
        assert frames is not None
        loud[profile] = level(np.concatenate(frames)[4 * RATE :])
    assert loud["p.toml"] < 0.2 * loud[None]


def test_label_asks_about_no_echo_where_the_profile_has_a_guard(folder: Path) -> None:
    arguments = ("label", "echo.flac", "--agent-channel", "0", "--user-channel", "1", "--silent")
    assert "no overlap found" not in invoke(*arguments).output
    assert "no overlap found" in invoke(*arguments, "--profile", "p.toml").output
    warned = invoke("label", "mono.wav", "--profile", "p.toml", "--silent")
    assert "without --agent-channel N it is off" in warned.stderr

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from echo_room import RATE, room, voice
from prosody_gate.cli import app

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

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prosody_gate.cli import app


def completed(shell: str, *words: str) -> str:
    """What the shell is told to offer for the last of the words."""
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    line = {"_TYPER_COMPLETE_ARGS": " ".join(words), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    result = CliRunner().invoke(
        app, [], prog_name="prosody-gate", env={**asked, **line, "_PROSODY_GATE_COMPLETE": f"complete_{shell}"}
    )
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_options_and_the_names_of_profiles_are_completed(shell: str) -> None:
    assert "calibrate" in completed(shell, "prosody-gate", "ca")
    assert "--profile" in completed(shell, "prosody-gate", "run", "--pro")
    assert "--json" in completed(shell, "prosody-gate", "profile", "list", "--js")
    assert "telephone" in completed(shell, "prosody-gate", "run", "--profile", "tele")
    assert "max_hold=" in completed(shell, "prosody-gate", "tune", "--option", "max_")
    assert "webrtc" in completed(shell, "prosody-gate", "bench", "--vad", "w")
    assert "es" in completed(shell, "prosody-gate", "run", "--language", "e")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_this_command(shell: str, tmp_path: Path) -> None:
    # Typer looks at the shell that started it; told to, it takes the name as an argument instead.
    environment = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    for flag in ("--show-completion", "--install-completion"):
        command = [sys.executable, "-m", "prosody_gate", flag, shell]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""
    scripts = "".join(path.read_text() for path in tmp_path.rglob("*prosody-gate*") if path.is_file())
    assert f"_PROSODY_GATE_COMPLETE=complete_{shell}" in scripts

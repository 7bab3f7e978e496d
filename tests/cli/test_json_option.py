from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from bench_material import OVERLAPS, write_lines
from prosody_gate.cli import app
from prosody_gate.cli.json_output import with_json_value

RATE = 16_000
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
LIGHT = ("--vad", "webrtc", "--no-listener")
COMMANDS = (
    ("run", *LIGHT, "call.wav"),
    ("bench", *LIGHT, "--jobs", "1", "overlaps.jsonl"),
    ("calibrate", "--user-channel", "1", "--output", "p.toml", str(DEMO)),
    ("options",),
    ("profile", "list"),
    ("profile", "show", "telephone"),
    ("profile", "diff", "telephone", "headset"),
)
"""Every command with --json but tune, whose tests are with the search."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with something for each command to read."""
    soundfile.write(tmp_path / "call.wav", np.zeros(2 * RATE, np.float32), RATE)
    write_lines(tmp_path / "overlaps.jsonl", OVERLAPS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        (["a.wav", "--json"], ["a.wav", "--json=-"]),
        (["--json", "a.wav"], ["--json=-", "a.wav"]),
        (["a.wav", "--json", "out.json"], ["a.wav", "--json=out.json"]),
        (["a.wav", "--json", "OUT.JSON", "-q"], ["a.wav", "--json=OUT.JSON", "-q"]),
        (["a.wav", "--json=out.txt"], ["a.wav", "--json=out.txt"]),
        (["--json", "--quiet", "a.wav"], ["--json=-", "--quiet", "a.wav"]),
        (["--json", "--agent", "spans.json", "a.wav"], ["--json=-", "--agent", "spans.json", "a.wav"]),
        (["--json", "-", "a.wav"], ["--json=-", "a.wav"]),
        (["--json", "--json", "out.json"], ["--json=-", "--json=out.json"]),
        (["--json", "--", "--json"], ["--json=-", "--", "--json"]),
        ([], []),
    ],
)
def test_the_word_after_json_is_its_path_only_where_it_ends_in_json(given: list[str], read_as: list[str]) -> None:
    assert with_json_value(given) == read_as


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
def test_json_without_a_path_is_alone_on_standard_output(folder: Path, command: Sequence[str]) -> None:
    at_the_end, first = invoke(*command, "--json"), invoke(*command[:-1], "--json", *command[-1:])
    assert at_the_end.exit_code == 0, at_the_end.stderr
    json.loads(at_the_end.stdout)
    if len(command) > 1 and command[-1] != "list":  # there --json would come before the name of the command
        assert first.stdout == at_the_end.stdout
    assert not list(folder.glob("*.json"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
def test_json_with_a_path_goes_to_that_file_and_the_rest_is_printed_as_ever(
    folder: Path, command: Sequence[str]
) -> None:
    alone = invoke(*command, "--json").stdout
    without = invoke(*command).stdout.splitlines()
    for given in (("--json", "out.json"), ("--json=out.json",)):
        result = invoke(*command, *given)
        assert result.exit_code == 0
        printed = result.stdout.splitlines()
        assert "written: out.json" in printed
        assert [line for line in printed if line != "written: out.json"] == without
        assert (folder / "out.json").read_text(encoding="utf-8") == alone
        (folder / "out.json").unlink()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[:2]))
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--json=nowhere/out.json"], "nowhere/out.json: there is no folder nowhere"),
        (["--json", "nowhere/out.json"], "nowhere/out.json: there is no folder nowhere"),
        (["--json=sub"], "sub: is a folder; expected the name of a file to write"),
        (["--json="], "--json=: has no file name after the ="),
    ],
)
def test_a_file_that_cannot_be_written_is_named_before_the_work_begins(
    folder: Path, command: Sequence[str], given: list[str], says: str
) -> None:
    (folder / "sub").mkdir()
    before = sorted(folder.rglob("*"))
    result = invoke(*command, *given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"prosody-gate: error: {says}")
    assert result.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_a_recording_after_json_is_read_and_not_written_to(folder: Path) -> None:
    before = (folder / "call.wav").read_bytes()
    result = invoke("run", "--json", "call.wav", *LIGHT)
    assert json.loads(result.stdout)["recording"] == "call.wav"
    assert (folder / "call.wav").read_bytes() == before


def test_another_name_after_json_is_an_error_that_says_how_to_write_it(folder: Path) -> None:
    result = invoke("run", "call.wav", "--json", "out.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "prosody-gate: error: --json out.txt: expected a file name that ends in .json; --json=out.txt takes any name\n"
    )
    assert invoke("run", "call.wav", *LIGHT, "--json=out.txt").exit_code == 0
    assert json.loads((folder / "out.txt").read_text())["recording"] == "call.wav"


def test_an_earlier_report_stays_when_the_command_fails(folder: Path) -> None:
    (folder / "out.json").write_text("earlier")
    assert invoke("run", "missing.wav", "--json", "out.json").exit_code == 2
    assert (folder / "out.json").read_text() == "earlier"

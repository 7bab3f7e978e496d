"""The whole loop: calls with a bad profile are recorded, labelled, tuned on, and `compare` says what that brought."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prosody_gate.cli import app
from prosody_gate.recording import overlap_files, read_line, set_label

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from make_calls import label_at, make_calls

BAD = """\
[microphone]
name = "bad"

[gate]
confirm_probability = 0.5
prior = 2.0
"""


def cli(*arguments: object, status: int = 0) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code == status, ran.output
    return ran.output


@pytest.mark.slow
def test_from_recorded_calls_to_a_better_gate(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    recorded, bad = tmp_path / "recorded", tmp_path / "bad.toml"
    bad.write_text(BAD, encoding="utf-8")
    for call in make_calls(tmp_path / "calls"):
        cli("run", call, "--agent-channel", 0, "--profile", bad, "--no-listener", "--record", recorded, "-q")
    files = overlap_files(recorded)
    assert len(files) > 70
    for path in files:
        fields = read_line(path)
        set_label(path, label_at(fields["stream_start"] + fields["overlap"][0]))
    before, after, tuned = tmp_path / "before.json", tmp_path / "after.json", tmp_path / "tuned.toml"
    cli("bench", recorded, "--profile", bad, "--no-listener", "--json", before, "-q")
    cli("tune", recorded, "--profile", bad, "--no-listener", "--output", tuned, "--trials", 40, "--force", "-q")
    cli("bench", recorded, "--profile", tuned, "--no-listener", "--json", after, "-q")
    output = cli("compare", before, after, "--json")
    found = json.loads(output)
    interruptions, others = found["totals"]
    assert others["right_after"]["share"] > others["right_before"]["share"] + 0.2
    assert others["change"]["low"] > 0.0
    assert interruptions["right_after"]["share"] >= interruptions["right_before"]["share"] - 0.05
    assert found["options"]
    assert "broken; interruptions caught" in cli("compare", before, after, "-q")

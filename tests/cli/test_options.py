from __future__ import annotations

import json
import pydoc
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prosody_gate import GateOptions
from prosody_gate.cli import app
from prosody_gate.gate import NAT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "options.md"


def options(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(
        app, ["options", *arguments], catch_exceptions=False, env={"COLUMNS": str(columns), "TERM": "dumb"}
    )


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_names_every_option_with_default_range_and_meaning(columns: int) -> None:
    lines = options(columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0].split() == ["option", "default", "range", "tune", "searches"]
    rows = [" ".join(line.split()) for line in lines]
    assert "max_hold 2.8 s 0.2 to 30 1.5 to 3" in rows
    assert "utterance_gap 1 s 0 to 5" in rows
    words = " ".join(" ".join(lines).split())
    for option in GateOptions.reference():
        assert option.name in words
        assert option.says in words


def test_the_table_says_what_a_nat_is_in_three_sentences() -> None:
    assert len(NAT) == 3
    assert " ".join(options().stdout.split()).endswith(" ".join(NAT))


def test_json_has_every_option() -> None:
    report = json.loads(options("--json").stdout)
    assert [option["name"] for option in report["options"]] == list(GateOptions.model_fields)
    assert report["options"][6] == {
        "name": "max_hold",
        "default": 2.8,
        "low": 0.2,
        "high": 30.0,
        "unit": "s",
        "says": GateOptions.model_fields["max_hold"].description,
        "tune": [1.5, 3.0],
    }


def test_the_page_in_the_docs_is_the_one_that_the_code_makes() -> None:
    result = options("--markdown")
    assert result.exit_code == 0
    assert result.stdout == PAGE.read_text(encoding="utf-8")


def test_markdown_and_json_cannot_share_standard_output(tmp_path: Path) -> None:
    result = options("--markdown", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("prosody-gate: error: --markdown: ")
    both = options("--markdown", "--json", str(tmp_path / "options.json"))
    assert both.exit_code == 0
    assert both.stdout.startswith("# Options of the gate\n")


def test_the_tunable_options_lie_within_their_ranges() -> None:
    for option in GateOptions.reference():
        assert option.low <= option.default <= option.high
        if option.tune is not None:
            assert option.low <= option.tune[0] < option.tune[1] <= option.high
    assert [option.name for option in GateOptions.reference() if option.tune] == [
        option.name for option in GateOptions.tunable()
    ]


def test_help_in_python_shows_every_option() -> None:
    page = " ".join(line.strip(" |") for line in pydoc.plain(pydoc.render_doc(GateOptions)).splitlines())
    for option in GateOptions.reference():
        assert f"{option.name}: {option.default:g}" in page
        assert option.says in page

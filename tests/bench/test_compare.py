from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from prosody_gate.bench import compare_reports, paired_difference, read_report
from prosody_gate.cli import app


def outcome(name: str, label: str, confirmed: float | None, **more: Any) -> dict[str, Any]:
    return {"name": name, "line": 1, "label": label, "set": more.pop("set", label), "confirmed": confirmed, **more}


def report(path: Path, outcomes: list[dict[str, Any]], **more: Any) -> Path:
    fields = {"format": 2, "manifest": "calls.jsonl", "settings": {"options": {"prior": 0.0}}, "outcomes": outcomes}
    path.write_text(json.dumps({**fields, **more}), encoding="utf-8")
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    before = [outcome(f"i{n}", "interruption", 0.8 if n < 6 else None, reason="evidence") for n in range(10)]
    before += [outcome(f"b{n}", "backchannel", 0.3 if n < 2 else None) for n in range(10)]
    after = [outcome(f"i{n}", "interruption", 0.4 if n < 9 else 3.5, reason="phrase") for n in range(10)]
    after += [outcome(f"b{n}", "backchannel", 0.3 if n == 5 else None) for n in range(10)]
    after.append(outcome("new", "noise", None))
    options = {"settings": {"options": {"prior": 0.5}}, "about": {"profile": "tuned"}}
    return report(tmp_path / "a.json", before), report(tmp_path / "b.json", after, **options)


def test_two_reports_side_by_side(two: tuple[Path, Path]) -> None:
    comparison = compare_reports(*map(read_report, two))
    interruptions, others = comparison.totals
    assert (interruptions.before.count, interruptions.after.count, interruptions.before.of) == (6, 9, 10)
    assert (interruptions.mended, interruptions.broken) == (3, 0)
    assert (others.before.count, others.after.count, others.mended, others.broken) == (8, 9, 2, 1)
    assert (interruptions.latency_before, interruptions.latency_after) != (None, None)
    assert interruptions.latency_before is not None
    assert interruptions.latency_after is not None
    assert (interruptions.latency_before.value, interruptions.latency_after.value) == (0.8, 0.4)
    assert [(one.before.name, one.is_mended) for one in comparison.changed] == [
        ("b5", False), ("b0", True), ("b1", True), ("i6", True), ("i7", True), ("i8", True),
    ]  # fmt: skip
    assert (comparison.only_first, comparison.only_second) == (0, 1)
    assert comparison.options == {"prior": (0.0, 0.5)}
    assert comparison.sentence.startswith(
        "20 events in both: 5 mended, 1 broken; interruptions caught 60.0 % -> 90.0 %"
    )


def test_what_a_report_itself_says_is_right_counts(tmp_path: Path) -> None:
    # The agent had ended before: caught, although nothing was confirmed.
    before = report(tmp_path / "a.json", [outcome("i", "interruption", None, right=True)])
    after = report(tmp_path / "b.json", [outcome("i", "interruption", None, right=False)])
    assert [one.is_mended for one in compare_reports(read_report(before), read_report(after)).changed] == [False]


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Two of the paper's examples, method 10; here second minus first.
        ((36, 2, 12, 0), 0.0569, 0.3404),
        ((20, 2, 12, 16), 0.0562, 0.3292),
    ],
)
def test_the_interval_of_paired_shares_is_newcombes(table: tuple[int, int, int, int], low: float, high: float) -> None:
    estimate = paired_difference(*table)
    assert estimate.low <= estimate.value <= estimate.high
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.0001)


def test_the_command_prints_tables_changes_and_a_sentence(two: tuple[Path, Path]) -> None:
    ran = CliRunner().invoke(app, ["compare", *map(str, two)], env={"COLUMNS": "120"})
    assert ran.exit_code == 0, ran.output
    assert "broken: b5 (backchannel): not confirmed -> confirmed after 300 ms" in ran.output
    assert "mended: i6 (interruption): not confirmed (evidence) -> confirmed after 400 ms (phrase)" in ran.output
    assert "option prior: 0.0 -> 0.5" in ran.output
    assert "profile: None -> tuned" in ran.output
    assert "0 events of the first report alone, 1 of the second alone" in ran.output
    assert ran.output.splitlines()[-1].startswith("20 events in both: 5 mended, 1 broken")


def test_the_command_gives_json(two: tuple[Path, Path]) -> None:
    ran = CliRunner().invoke(app, ["compare", *map(str, two), "--json"])
    found = json.loads(ran.output)
    assert found["totals"][0]["right_after"]["count"] == 9
    assert len(found["changed"]) == 6


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not JSON"),
        ("{}", "has no outcomes"),
        ('{"format": 1, "outcomes": []}', "is a report of format 1; expected 2"),
        ('{"format": 2, "manifest": "x", "outcomes": [{}]}', "an outcome is damaged"),
        ('{"format": 2, "manifest": "x", "outcomes": []}', "have no event in common"),
    ],
)
def test_a_bad_report_is_one_line(two: tuple[Path, Path], tmp_path: Path, content: str, problem: str) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(content, encoding="utf-8")
    ran = CliRunner().invoke(app, ["compare", str(two[0]), str(bad)])
    assert ran.exit_code == 2
    assert problem in ran.output
    missing = CliRunner().invoke(app, ["compare", str(two[0]), str(tmp_path / "none.json")])
    assert "none.json: cannot be read" in missing.output


def test_events_of_the_same_name_and_label_are_compared_one_by_one(tmp_path: Path) -> None:
    before = report(tmp_path / "a.json", [outcome("i", "interruption", at) for at in (0.5, None)])
    after = report(tmp_path / "b.json", [outcome("i", "interruption", at) for at in (0.5, 0.7, 0.9)])
    comparison = compare_reports(read_report(before), read_report(after))
    assert [(one.before.confirmed, one.after.confirmed) for one in comparison.changed] == [(None, 0.7)]
    assert (comparison.totals[0].before.of, comparison.only_first, comparison.only_second) == (2, 0, 1)

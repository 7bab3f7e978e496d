"""CONTRIBUTING.md names what there is, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [ROOT / "README.md", CONTRIBUTING, *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_the_map_has_every_package_and_no_other() -> None:
    table = CONTRIBUTING.read_text(encoding="utf-8").partition("| package |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    packages = sorted(path.parent.name for path in (ROOT / "src" / "prosody_gate").glob("*/__init__.py"))
    assert sorted(named) == packages


def test_every_script_is_in_the_table_of_scripts() -> None:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix == ""]
    assert [path.name for path in scripts if f"| `scripts/{path.name}` |" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path)
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", [CONTRIBUTING, ROOT / "docs" / "measurements.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs|benchmarks|examples|scripts)/[\w./-]*)`", text)
    made_by_a_run = {"benchmarks/cache/"}
    assert [name for name in named if name not in made_by_a_run and not (ROOT / name).exists()] == []

"""The pictures in docs/pictures are what their script draws, with the numbers of today's gate."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PIXEL = 1.0
"""How far a point may lie off: another processor computes the last digits of P otherwise."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    subprocess.run([sys.executable, PICTURES / "draw.py", "--output", folder], check=True)
    return folder


@pytest.mark.parametrize("name", sorted(path.name for path in PICTURES.glob("*.svg")))
def test_a_picture_is_what_its_script_draws(drawn: Path, name: str) -> None:
    kept, now = (list(ElementTree.parse(folder / name).iter()) for folder in (PICTURES, drawn))
    assert [(element.tag, element.text) for element in now] == [(element.tag, element.text) for element in kept]
    for element, expected in zip(now, kept, strict=True):
        assert element.keys() == expected.keys()
        for attribute, value in expected.items():
            assert NUMBER.sub("#", element.attrib[attribute]) == NUMBER.sub("#", value)
            numbers = [float(number) for number in NUMBER.findall(value)]
            found = [float(number) for number in NUMBER.findall(element.attrib[attribute])]
            assert found == pytest.approx(numbers, abs=PIXEL)


def test_every_picture_can_be_read_on_a_dark_page_and_by_a_screen_reader() -> None:
    for path in PICTURES.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text, path.name
        root = ElementTree.fromstring(text)
        described = {element.tag.partition("}")[2] for element in root}
        assert {"title", "desc"} <= described, path.name


def test_every_picture_is_shown_somewhere() -> None:
    root = PICTURES.parents[1]
    pages = "".join(path.read_text(encoding="utf-8") for path in [root / "README.md", *root.glob("docs/*.md")])
    assert [path.name for path in PICTURES.glob("*.svg") if f"pictures/{path.name}" not in pages] == []

"""Puts a page together: one HTML file with its style, its script and its data, which loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..atomic_file import replacing
from .page_data import PageData

WEB: Final = Path(__file__).with_name("web")
SCRIPTS: Final = ("list.js", "overlap.js", "tracks.js", "sound.js", "controls.js")
"""The page's one script, in this order: what a part runs at once needs the parts before it alone."""

PLACES: Final = re.compile(r"(%(?:CSP|TITLE|STYLE|DATA|SCRIPT)%)")
"""Where the page's template has something put in."""


def write_page(data: PageData, path: Path) -> None:
    """Write the page; an earlier one of the same name is replaced once the new one is whole.

    Args:
        data: What it shows.
        path: Where to.

    Raises:
        OptionError: The file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for part in page_parts(data):
            file.write(part)


def page_parts(data: PageData) -> Iterator[str]:
    """The page's HTML, part by part: with an hour of sound it is long."""
    code = "".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f"(() => {{\n'use strict';\n{code}}})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    connect = "" if data.saves is None else "connect-src 'self'; "
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"media-src blob: 'self' file:; {connect}base-uri 'none'; form-action 'none'"
    )
    page = (WEB / "page.html").read_text(encoding="utf-8")
    texts = {
        "%CSP%": policy,
        "%TITLE%": html.escape(data.title),
        "%STYLE%": (WEB / "page.css").read_text(encoding="utf-8"),
        "%SCRIPT%": script,
    }
    # In one pass: a file name that is the title may look like a place, too.
    for part in PLACES.split(page):
        if part == "%DATA%":
            yield from _data_parts(data)
        else:
            yield texts.get(part, part)


def _data_parts(data: PageData) -> Iterator[str]:
    yield _json_element("page-data", data.to_dict())
    for place, make in enumerate(data.clips):
        clip = make()
        yield _json_element(f"clip-{place}", clip.to_dict())
        sound = clip.sound()
        if sound is not None:
            content = base64.b64encode(sound).decode()
            yield f'<script type="text/plain" id="audio-{place}" data-type="audio/ogg">{content}</script>\n'


def _json_element(name: str, value: Any) -> str:
    # As \\u003c, for what somebody said may look like the end of the element.
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'

"""What the documentation tells people to type, and a folder in which it can be typed."""

from __future__ import annotations

import asyncio
import doctest
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELL = ("sh", "console", "bash")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    """Of its first line of content, from 1."""
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in some languages, in order.

    Args:
        page: Path from the repository's folder.
        languages: As the fence names them.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = []
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start(3)) + 1
        blocks.append(Block(page, line, found[2], textwrap.dedent(found[3])))
    return [block for block in blocks if block.language in languages]


def commands_of(page: str) -> list[str]:
    """The commands of a page's shell blocks, without comments, continued lines joined."""
    commands = []
    for block in blocks_of(page, *SHELL):
        for line in block.text.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+#\s.*$", "", line.strip())
            if command and not command.startswith("#"):
                commands.append(command)
    return commands


def workplace(folder: Path) -> Path:
    """Fill a folder with all that the pages speak of: a call, a room, a voice, clips, the repository's own folders."""
    for name in ("benchmarks", "docs", "examples", "scripts", "src", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    call, rate = soundfile.read(ROOT / "examples" / "demo.flac", dtype="float32")
    soundfile.write(folder / "call.wav", call, rate)
    room = np.random.default_rng(1).normal(0.0, 8e-4, 5 * rate)
    soundfile.write(folder / "room.wav", room, rate)
    # The agent's first turn, as if it had been recorded in that room.
    speech = call[4 * rate : 24 * rate, 0]
    soundfile.write(folder / "speech.wav", speech + np.random.default_rng(2).normal(0.0, 8e-4, len(speech)), rate)
    soundfile.write(folder / "user.wav", call[:, 1], rate)
    clips: list[dict[str, Any]] = [
        {"audio": "user.wav", "label": "backchannel", "start": 6.5, "end": 8.5},
        {"audio": "user.wav", "label": "interruption", "start": 40.8, "end": 42.5},
    ]
    (folder / "my-clips.jsonl").write_text("".join(json.dumps(clip) + "\n" for clip in clips), encoding="utf-8")
    transcript = {"at": 26.6, "text": "yeah but wait", "final": False, "start": 25.4, "end": 26.3}
    (folder / "transcripts.jsonl").write_text(json.dumps(transcript) + "\n", encoding="utf-8")
    for name in ("prosody-gate", "python"):
        shim = folder / "bin" / name
        shim.parent.mkdir(exist_ok=True)
        module = " -m prosody_gate" if name == "prosody-gate" else ""
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
    return folder


def type_in(folder: Path, command: str, *, stdin: str = "", timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, in the workplace, without any key or configuration of this machine."""
    secret = ("LIVEKIT", "DEEPGRAM", "OPENAI", "XDG_CONFIG")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(secret)}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **environment,
            "PATH": f"{folder / 'bin'}:{environment['PATH']}",
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "120",
        },
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def write_files(page: str, folder: Path) -> None:
    """Write a page's TOML and JSON blocks whose first line is a comment with a file's name."""
    for block in blocks_of(page, "toml", "json"):
        name, _, content = block.text.partition("\n")
        if found := re.fullmatch(r"# ([\w.-]+)", name):
            (folder / found[1]).write_text(content, encoding="utf-8")


def run_samples(page: str) -> dict[str, Any]:
    """Run a page's Python blocks one after the other, on an event loop, and give what they leave behind."""
    names: dict[str, Any] = {"__name__": "documented"}

    async def run() -> None:
        for block in blocks_of(page, "python"):
            # Blank lines before it: a traceback then names the line of the page.
            code = compile("\n" * (block.line - 1) + block.text, str(ROOT / page), "exec")
            exec(code, names)

    asyncio.run(run())
    return names


def failed_sessions(page: str) -> Iterator[str]:
    """Run a page's `pycon` blocks, each by itself, and give what differs from what the page shows."""
    for block in blocks_of(page, "pycon"):
        test = doctest.DocTestParser().get_doctest(block.text, {}, str(block), page, block.line - 1)
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        told: list[str] = []
        runner.run(test, out=told.append)
        yield from told

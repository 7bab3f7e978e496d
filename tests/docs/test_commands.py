"""Every command in the documentation exists, with the files and options that it is given."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from prosody_gate.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(?:sh|console|bash)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:python|prosody-gate|scripts/\w+|\.ci/run|PYTHON=)[^`]*)`")
LOOKED_INTO = ("scripts", "benchmarks", "deploy", "examples", "tests", "docs", ".ci")
"""Folders of the repository whose files a command must name rightly."""
OPTION = re.compile(r"--[a-z][a-z-]*|-[a-z]")
PLAIN = {"cd", "curl", "docker", "export", "git", "grep", "kubectl", "ln", "mkdir", "node", "npm", "pip", "serve", "uv"}
"""Commands of others."""


def commands_of(page: Path) -> Iterator[str]:
    """The lines of the page's shell blocks, and the commands in its text."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        for line in block[2].replace("\\\n", " ").splitlines():
            command = line.strip().removeprefix("$ ")
            if command and not command.startswith("#"):
                yield command
    for span in SPAN.finditer(FENCED.sub("", text)):
        yield " ".join(span[1].split())


COMMANDS = [(page.name, command) for page in PAGES for command in commands_of(page)]


def options_of(script: Path) -> set[str]:
    """Every option that a Python script declares."""
    strings = [node.value for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))) if is_string(node)]
    return {text for text in strings if OPTION.fullmatch(text)} | {"--help"}


def is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def check_own_command(words: list[str]) -> None:
    """`prosody-gate ...`: the command exists, and so do its options."""
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help", "-h"}
    used = {word.partition("=")[0] for word in words if OPTION.fullmatch(word.partition("=")[0])}
    assert used <= known, f"unknown: {sorted(used - known)}"


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[f"{page}: {command}" for page, command in COMMANDS])
def test_a_documented_command_exists(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    while "=" in words[0]:  # PYTHON=python3.12 scripts/install
        words = words[1:]
    for word in words:
        # What the cache has, another command has put there.
        if word.split("/")[0] in LOOKED_INTO and "/" in word and not word.startswith("benchmarks/cache"):
            assert (ROOT / word).exists() or list(ROOT.glob(word)), f"{word}: no such file"
    program, arguments = words[0], words[1:]
    if program == "prosody-gate":
        check_own_command(arguments)
    elif program.startswith(("scripts/", ".ci/")):
        assert os.access(ROOT / program, os.X_OK), f"{program} cannot be run"
    elif Path(program).name in ("python", "python3", "python3.11"):
        if arguments[0] == "-m":
            assert arguments[1] in ("pip", "venv", "pytest", "prosody_gate"), f"python -m {arguments[1]}"
        else:
            used = {word.partition("=")[0] for word in arguments[1:] if word.startswith("--")}
            assert used <= options_of(ROOT / arguments[0]), f"unknown: {sorted(used - options_of(ROOT / arguments[0]))}"
    else:
        assert Path(program).name in {*PLAIN, "twine"}, f"{program}: what is it?"

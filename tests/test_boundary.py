"""A package shows others what stands in its `__init__`; nobody reaches past it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import prosody_gate

SOURCE = Path(prosody_gate.__file__).parent
REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))

PUBLIC_MODULES = {"prosody_gate.livekit.testing"}
"""Modules that users import by their own name."""


def imports_of(path: Path, root: Path, package: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    """Line, absolute module and name of each `from ... import ...` of a file."""
    here = (*package, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = here[: len(here) - node.level + 1] if node.level else ()
        module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
        for alias in node.names:
            yield node.lineno, module, alias.name


def reaches_past(module: str, name: str, own: str) -> bool:
    """Whether an import names a module inside another package."""
    parts = module.split(".")
    if parts[0] != "prosody_gate" or len(parts) < 2 or parts[1] not in PACKAGES or parts[1] == own:
        return False
    if module in PUBLIC_MODULES or f"{module}.{name}" in PUBLIC_MODULES:
        return False
    is_module = (SOURCE / Path(*parts[1:]) / f"{name}.py").is_file()
    exported = name in vars(__import__(module, fromlist=[name])).get("__all__", ()) if len(parts) == 2 else False
    return len(parts) > 2 or (is_module and not exported)


def test_no_module_reaches_past_the_init_of_another_package() -> None:
    wrong = []
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).parts
        own = parts[0] if len(parts) > 1 else ""
        for line, module, name in imports_of(path, SOURCE, ("prosody_gate",)):
            if reaches_past(module, name, own):
                wrong.append(f"{path.relative_to(SOURCE)}:{line}: {module} import {name}")
    assert wrong == []


@pytest.mark.parametrize("folder", ["examples", "benchmarks"])
def test_examples_and_benchmarks_use_what_users_can_use(folder: str) -> None:
    wrong = []
    for path in (REPOSITORY / folder).rglob("*.py"):
        for line, module, name in imports_of(path, REPOSITORY, ()):
            if reaches_past(module, name, ""):
                wrong.append(f"{path.relative_to(REPOSITORY)}:{line}: {module} import {name}")
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_shows(package: str) -> None:
    module = __import__(f"prosody_gate.{package}", fromlist=["__all__"])
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name

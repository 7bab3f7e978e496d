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

PUBLIC_MODULES = {"prosody_gate.livekit.testing", "prosody_gate.pipecat.testing", "prosody_gate.pipecat.word_times"}
"""Modules that users import by their own name."""


def imports_of(path: Path, root: Path, package: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    """Line, absolute module and name of each import of a file; `import a.b` has no name."""
    here = (*package, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        if not isinstance(node, ast.ImportFrom):
            continue
        base = here[: len(here) - node.level + 1] if node.level else ()
        module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
        for alias in node.names:
            yield node.lineno, module, alias.name


def shown_by(package: str) -> set[str]:
    """What the package's `__init__` lists in `__all__`; it is not imported, for it may need an extra."""
    tree = ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and "__all__" in ast.unparse(node)]
    return {name for value in values for name in ast.literal_eval(value)}


def reaches_past(module: str, name: str, own: str) -> bool:
    """Whether an import names a module inside another package."""
    parts = module.split(".")
    if parts[0] != "prosody_gate" or len(parts) < 2 or parts[1] not in PACKAGES or parts[1] == own:
        return False
    if module in PUBLIC_MODULES or f"{module}.{name}" in PUBLIC_MODULES:
        return False
    is_module = (SOURCE / Path(*parts[1:]) / f"{name}.py").is_file()
    exported = name in shown_by(parts[1]) if len(parts) == 2 else False
    return len(parts) > 2 or (is_module and not exported)


@pytest.mark.parametrize(
    ("line", "is_wrong"),
    [
        ("from ..gate import Gate", False),
        ("from ..gate.gate import Gate", True),
        ("from ..gate import life_cycle", True),
        ("from prosody_gate.gate.overlap import Overlap", True),
        ("import prosody_gate.gate.overlap", True),
        ("import prosody_gate.gate", False),
        ("from .jobs import run", False),
        ("from ..livekit import testing", False),
    ],
)
def test_the_check_knows_what_reaches_past_a_package(tmp_path: Path, line: str, is_wrong: bool) -> None:
    path = tmp_path / "report" / "one.py"
    path.parent.mkdir()
    path.write_text(f"{line}\n", encoding="utf-8")
    found = [reaches_past(module, name, "report") for _, module, name in imports_of(path, tmp_path, ("prosody_gate",))]
    assert found == [is_wrong]


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
    if package == "pipecat":
        pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")
    module = __import__(f"prosody_gate.{package}", fromlist=["__all__"])
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name

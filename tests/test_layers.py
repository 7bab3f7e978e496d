"""Imports point down only."""

from __future__ import annotations

import ast
from pathlib import Path

import prosody_gate

ROOT = Path(prosody_gate.__file__).parent
LAYERS: dict[str, int] = {
    "cli": 13,
    "page": 12,
    "labelling": 11,
    "tuning": 10,
    "calibration": 10,
    "server": 9,
    "livekit": 9,
    "pipecat": 9,
    "bench": 9,
    "session": 8,
    "recording": 8,
    "report": 8,
    "replay": 7,
    "gate_factory": 6,
    "profile": 5,
    "echo": 5,
    "gate": 4,
    "evidence": 3,
    "prosody": 2,
    "lexicon": 1,
    "listener": 2,
    "vad": 2,
    "audio": 1,
    "atomic_file": 0,
    "errors": -1,
}
LIVE_ONLY = {"livekit", "asyncio", "threading", "time", "datetime"}


def imports_of(path: Path) -> set[str]:
    """Absolute module names that a file imports."""
    package = ("prosody_gate", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.add(".".join([*base, *((node.module or "").split("."))]).strip("."))
    return found


def test_every_package_and_every_module_beside_them_has_a_layer() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert packages | modules == LAYERS.keys()


def test_imports_point_down_only() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if layer not in LAYERS:
            continue
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != "prosody_gate" or len(parts) < 2 or parts[1] not in LAYERS or parts[1] == layer:
                continue
            if LAYERS[parts[1]] >= LAYERS[layer]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_the_gate_and_all_below_know_nothing_of_livekit_threads_or_the_wall_clock() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if LAYERS.get(layer, 9) > LAYERS["gate"]:
            continue
        wrong += [
            f"{path.relative_to(ROOT)} imports {name}" for name in imports_of(path) if name.split(".")[0] in LIVE_ONLY
        ]
    assert wrong == []


def test_the_session_layer_knows_no_framework() -> None:
    frameworks = {"livekit", "pipecat", "fastapi", "starlette", "websockets", "aiohttp"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "session").rglob("*.py")
        for name in imports_of(path)
        if frameworks & set(name.split(".")[:2])
    ]
    assert wrong == []

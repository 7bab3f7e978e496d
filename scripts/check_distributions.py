"""Checks what `scripts/build` has made: that wheel and sdist have what belongs into them, and nothing else.

python scripts/check_distributions.py dist
"""

from __future__ import annotations

import argparse
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
LICENCES = ("LICENSE", "NOTICE")
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", *(f"licenses/{name}" for name in LICENCES))
IN_SDIST = (
    *LICENCES,
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "PKG-INFO",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
    ".ci/run",
    ".github/workflows/check.yml",
    "benchmarks/fit_evidence.py",
    "deploy/Dockerfile",
    "docs/measurements.md",
    "examples/demo.flac",
    "scripts/test",
    "tests/conftest.py",
)
NEVER = {"__pycache__", ".venv", "cache", "dist"}


def sources() -> set[str]:
    """Every file of the package in this checkout, by its path below src/."""
    files = (path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(SOURCES).as_posix() for path in files}


def differences(kind: str, found: set[str], expected: set[str]) -> list[str]:
    """What is missing and what is too much, one line each."""
    missing = [f"{kind}: {name} is missing" for name in sorted(expected - found)]
    return missing + [f"{kind}: {name} does not belong there" for name in sorted(found - expected)]


def check_wheel(path: Path, project: dict[str, object]) -> list[str]:
    """The wheel is the package, its metadata and its licences, and nothing else."""
    name, version = project["name"], project["version"]
    info = f"{str(name).replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(path) as wheel:
        wrong = differences("wheel", set(wheel.namelist()), sources() | {f"{info}/{part}" for part in METADATA})
        if wrong:
            return wrong
        metadata = message_from_bytes(wheel.read(f"{info}/METADATA"))
        commands = wheel.read(f"{info}/entry_points.txt").decode()
    fields = {
        "Name": name,
        "Version": version,
        "Requires-Python": project["requires-python"],
        "License-Expression": project["license"],
    }
    wrong = [
        f"wheel: {field} is {metadata[field]!r}; expected {value!r}"
        for field, value in fields.items()
        if metadata[field] != value
    ]
    if "prosody-gate = prosody_gate.cli:main" not in commands:
        wrong.append("wheel: it does not install the command prosody-gate")
    return wrong


def check_sdist(names: Iterable[str]) -> list[str]:
    """The sdist has all that is needed to build, to test and to fit; no caches."""
    found = {name.partition("/")[2] for name in names}
    expected = {f"src/{name}" for name in sources()} | set(IN_SDIST)
    wrong = [f"sdist: {name} is missing" for name in sorted(expected - found)]
    stray = sorted(name for name in found if set(Path(name).parts) & NEVER)
    return wrong + [f"sdist: {name} does not belong there" for name in stray]


def one_of(folder: Path, pattern: str) -> Path:
    """The one file of a kind in the folder."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        sys.exit(f"{folder}: {len(found)} files {pattern}; expected one")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with one wheel and one sdist")
    folder: Path = parser.parse_args().folder
    wheel, sdist = one_of(folder, "*.whl"), one_of(folder, "*.tar.gz")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    wrong = check_wheel(wheel, project) + check_sdist(names)
    if wrong:
        sys.exit("\n".join(wrong))
    for path in (wheel, sdist):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, as it should be")
    if "urls" not in project:
        print("note: pyproject.toml has no [project.urls]; add the repository's address before an upload")


if __name__ == "__main__":
    main()

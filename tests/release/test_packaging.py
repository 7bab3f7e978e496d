"""What the package says of itself, what CI runs, and what `scripts/build` lets pass."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src"
CHECK = ROOT / "scripts" / "check_distributions.py"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]
INFO = f"prosody_gate-{VERSION}.dist-info"
METADATA = f"""\
Metadata-Version: 2.4
Name: prosody-gate
Version: {VERSION}
Requires-Python: {PROJECT["project"]["requires-python"]}
License-Expression: Apache-2.0
"""


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8"))
    return loaded


def test_workflow_classifiers_and_lint_agree_on_the_versions_of_python() -> None:
    tested: list[str] = workflow()["jobs"]["test"]["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert tested == named == ["3.11", "3.12", "3.13"]
    assert PROJECT["project"]["requires-python"] == f">={tested[0]}"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + tested[0].replace(".", "")


def test_the_workflow_runs_the_scripts_that_people_run() -> None:
    steps = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in workflow()["jobs"].items()}
    assert steps == {"test": ["scripts/check", "scripts/test"], "build": ["scripts/build"]}
    assert all(os.access(ROOT / command, os.X_OK) for commands in steps.values() for command in commands)


def test_every_action_of_the_workflow_is_pinned_to_a_version() -> None:
    used = [step["uses"] for job in workflow()["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@v\d+", action)] == []


def make_wheel(folder: Path, *, without: str = "", extra: str = "", metadata: str = METADATA) -> None:
    """A wheel of the package as it is here, and an sdist with nothing in it."""
    files = {path.relative_to(SOURCES).as_posix(): path for path in SOURCES.rglob("*") if path.is_file()}
    with zipfile.ZipFile(folder / f"prosody_gate-{VERSION}-py3-none-any.whl", "w") as wheel:
        for name, path in files.items():
            if "__pycache__" not in name and name != without:
                wheel.write(path, name)
        for name in ("RECORD", "WHEEL", "licenses/LICENSE", "licenses/NOTICE"):
            wheel.writestr(f"{INFO}/{name}", "")
        wheel.writestr(f"{INFO}/METADATA", metadata)
        wheel.writestr(f"{INFO}/entry_points.txt", "[console_scripts]\nprosody-gate = prosody_gate.cli:main\n")
        if extra:
            wheel.writestr(extra, "")
    subprocess.run(["tar", "czf", folder / f"prosody_gate-{VERSION}.tar.gz", "-T", os.devnull], check=True)


def complaints(folder: Path) -> list[str]:
    """What the check says of the wheel in a folder."""
    done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
    assert done.returncode == 1  # the sdist is empty
    return [line for line in done.stderr.splitlines() if not line.startswith("sdist:")]


def test_a_wheel_of_the_whole_package_is_right(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    assert complaints(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"without": "prosody_gate/py.typed"}, "wheel: prosody_gate/py.typed is missing"),
        (
            {"without": "prosody_gate/lexicon/phrases/hi.toml"},
            "wheel: prosody_gate/lexicon/phrases/hi.toml is missing",
        ),
        ({"extra": "tests/test_layers.py"}, "wheel: tests/test_layers.py does not belong there"),
        (
            {"metadata": METADATA.replace("Requires-Python: >=3.11", "Requires-Python: >=3.8")},
            "wheel: Requires-Python is '>=3.8'; expected '>=3.11'",
        ),
    ],
)
def test_a_wheel_that_lacks_or_adds_something_is_refused_by_name(
    tmp_path: Path, fault: dict[str, str], complaint: str
) -> None:
    make_wheel(tmp_path, **fault)
    assert complaints(tmp_path) == [complaint]


def test_an_sdist_that_lacks_the_licence_is_refused_by_name(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    done = subprocess.run([sys.executable, CHECK, tmp_path], capture_output=True, text=True)
    assert "sdist: LICENSE is missing" in done.stderr.splitlines()
    assert "sdist: src/prosody_gate/py.typed is missing" in done.stderr.splitlines()


def test_a_folder_with_two_wheels_is_an_error_of_one_line(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    (tmp_path / "prosody_gate-0.0.1-py3-none-any.whl").touch()
    done = subprocess.run([sys.executable, CHECK, tmp_path], capture_output=True, text=True)
    assert done.stderr == f"{tmp_path}: 2 files *.whl; expected one\n"


def test_a_python_that_is_missing_or_too_old_is_named_before_anything_is_installed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/install", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        ["bash", tmp_path / "scripts" / "install"],
        env={**os.environ, "PYTHON": "/no/python"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "scripts/install: /no/python is not Python 3.11 or newer; name one that is: PYTHON=python3.12 scripts/install\n"
    )
    assert not (tmp_path / ".venv").exists()

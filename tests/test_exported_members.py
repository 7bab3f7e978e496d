from __future__ import annotations

import types

import pytest

import prosody_gate


def test_all_names_are_exported_and_sorted() -> None:
    assert list(prosody_gate.__all__) == sorted(prosody_gate.__all__)
    public = {
        name
        for name, value in vars(prosody_gate).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "version"
    }
    assert public | {"__version__"} == set(prosody_gate.__all__)


@pytest.mark.parametrize("name", [name for name in prosody_gate.__all__ if not name.startswith("_")])
def test_every_exported_name_is_documented(name: str) -> None:
    assert getattr(prosody_gate, name).__doc__


def test_replay_is_the_function_and_not_its_package() -> None:
    assert callable(prosody_gate.replay)

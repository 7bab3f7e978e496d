from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.gate import GateOptions
from prosody_gate.profile import Microphone, Profile, named_profiles, profile_folder
from prosody_gate.profile.profile import installed_version, is_newer

BUNDLED = ("headset", "laptop", "speakerphone", "telephone")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of profiles, empty; the working folder is another."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    monkeypatch.setattr("prosody_gate.profile.profile_store.profile_folder", lambda: folder)
    working = tmp_path / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    return folder


def of_name(name: str, **gate: float) -> Profile:
    return Profile(microphone=Microphone(name=name), gate=gate)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["profile", *arguments], catch_exceptions=False)


def test_the_bundled_profiles_load_by_name(config: Path) -> None:
    assert tuple(profile.name for profile in named_profiles()) == BUNDLED
    for name in BUNDLED:
        assert Profile.load(name).microphone.name == name


def test_a_profile_in_the_config_folder_loads_by_name_and_hides_a_bundled_one(config: Path) -> None:
    of_name("desk").save(config / "desk.toml")
    of_name("mine").save(config / "laptop.toml")
    assert Profile.load("desk").microphone.name == "desk"
    assert Profile.load("laptop").microphone.name == "mine"
    assert [profile.name for profile in named_profiles()] == ["desk", *BUNDLED]


def test_a_file_of_that_name_here_comes_first(config: Path) -> None:
    of_name("from here").save(Path("headset"))
    assert Profile.load("headset").microphone.name == "from here"


def test_a_folder_of_that_name_here_hides_no_profile(config: Path) -> None:
    Path("headset").mkdir()
    assert Profile.load("headset").microphone.name == "headset"


def test_a_name_that_nobody_has_lists_those_there_are(config: Path) -> None:
    with pytest.raises(OptionError, match=r"profile 'desk': there is none of that name; .* headset, laptop"):
        Profile.load("desk")


def test_the_config_folder_is_that_of_the_operating_system() -> None:
    assert profile_folder().parts[-2:] == ("prosody-gate", "profiles")


def test_what_is_written_reads_back_rounded_to_what_can_be_measured(tmp_path: Path) -> None:
    profile = Profile(
        microphone=Microphone(
            name='the "good" one',
            noise_floor_dbfs=-58.1234,
            speaking_level_dbfs=-24.06,
            pitch_hz=190.0499,
            band_hz=7987.6,
            clipped_share=0.00012345,
        ),
        gate={"max_hold": 2.000049, "min_speech_duration": 0.1},
        provenance={"created": "2025-03-02", "version": installed_version(), "score": 0.97},
    )
    profile.save(tmp_path / "p.toml")
    again = Profile.load(tmp_path / "p.toml")
    assert again.microphone == Microphone(
        name='the "good" one',
        noise_floor_dbfs=-58.1,
        speaking_level_dbfs=-24.1,
        pitch_hz=190.0,
        band_hz=7988.0,
        clipped_share=0.00012,
    )
    assert dict(again.gate) == {"min_speech_duration": 0.1, "max_hold": 2.0}
    assert dict(again.provenance) == dict(profile.provenance)
    assert again.to_toml() == (tmp_path / "p.toml").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]


def test_a_profile_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be written"):
        of_name("desk").save(tmp_path / "missing" / "p.toml")
    assert list(tmp_path.iterdir()) == []


def test_a_profile_of_a_newer_version_is_refused_before_its_unknown_fields(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[microphone]\nname = "a"\nsparkle = 1\n[provenance]\nversion = "99.1"\n', encoding="utf-8")
    with pytest.raises(OptionError) as caught:
        Profile.load(path)
    assert str(caught.value).startswith(f"{path}: [provenance]: version is 99.1, newer than this prosody-gate")
    assert "\n" not in str(caught.value)


def test_a_version_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('[microphone]\nname = "a"\n[provenance]\nversion = "newest"\n', encoding="utf-8")
    with pytest.raises(OptionError, match=r"version: expected one such as 0.1.0, got 'newest'"):
        Profile.load(path)


@pytest.mark.parametrize(
    ("version", "newer"),
    [("0.2.0", True), ("1", True), ("0.1.1rc1", True), ("0.1", False), ("0.1.0", False), ("0.0.9", False)],
)
def test_versions_are_compared_number_by_number(version: str, newer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prosody_gate.profile.profile.installed_version", lambda: "0.1.0")
    assert is_newer(version) is newer


def test_renaming_changes_the_name_alone() -> None:
    renamed = of_name("desk", max_hold=2.0).renamed("office")
    assert (renamed.microphone.name, dict(renamed.gate)) == ("office", {"max_hold": 2.0})
    with pytest.raises(OptionError, match="name: expected text"):
        renamed.renamed("")


def test_a_profile_can_be_sent_to_another_process() -> None:
    profile = of_name("desk", max_hold=2.0)
    assert pickle.loads(pickle.dumps(profile)) == profile


def test_list_tells_names_and_where_ones_own_are(config: Path) -> None:
    of_name("desk").save(config / "desk.toml")
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["desk", str(config / "desk.toml")]
    assert lines[1].split(maxsplit=1) == ["headset", "ships with prosody-gate"]
    assert lines[-1].startswith("your own: ")
    report = json.loads(run("list", "--json").stdout)
    assert [profile["name"] for profile in report["profiles"]] == ["desk", *BUNDLED]


def test_show_prints_the_file_with_its_comments(config: Path) -> None:
    assert run("show", "telephone").stdout.startswith("# A telephone line")
    assert json.loads(run("show", "telephone", "--json").stdout)["microphone"]["band_hz"] == 3400.0


def test_diff_with_the_defaults_and_between_two(config: Path) -> None:
    of_name("desk", max_hold=2.0).save(Path("a.toml"))
    of_name("desk", max_hold=1.5).save(Path("b.toml"))
    assert run("diff", "a.toml", "b.toml").stdout.split() == ["gate.max_hold", "2", "1.5"]
    assert run("diff", "a.toml", "a.toml").stdout == "no difference\n"
    rows = json.loads(run("diff", "a.toml", "--json").stdout)
    assert {"field": "gate.max_hold", "first": 2.0, "second": GateOptions().max_hold} in rows


@pytest.mark.parametrize("command", ["show", "diff"])
def test_a_profile_that_is_not_there_is_one_line_and_status_2(config: Path, command: str) -> None:
    result = run(command, "nosuch")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("prosody-gate: error: profile 'nosuch': ")

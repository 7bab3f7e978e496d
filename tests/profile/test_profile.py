from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from prosody_gate.errors import OptionError
from prosody_gate.gate import GateOptions
from prosody_gate.profile import Microphone, Profile

HEADSET = """
[microphone]
name = "USB headset"
noise_floor_dbfs = -58
speaking_level_dbfs = -24.5
pitch_hz = 190.0
band_hz = 8000
clipped_share = 0.0

[gate]
min_speech_duration = 0.1
max_hold = 2

[provenance]
created = 2025-03-02
source = "room.wav, speech.wav"
version = "0.1.0"
score = 0.97
"""


@pytest.fixture
def headset(tmp_path: Path) -> Path:
    path = tmp_path / "headset.toml"
    path.write_text(HEADSET, encoding="utf-8")
    return path


NAMED = '[microphone]\nname = "a"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "profile.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_holds_what_its_file_says(headset: Path) -> None:
    profile = Profile.load(headset)
    assert profile.microphone == Microphone(
        name="USB headset",
        noise_floor_dbfs=-58.0,
        speaking_level_dbfs=-24.5,
        pitch_hz=190.0,
        band_hz=8000.0,
        clipped_share=0.0,
    )
    assert dict(profile.gate) == {"min_speech_duration": 0.1, "max_hold": 2.0}
    assert dict(profile.provenance) == {
        "created": "2025-03-02",
        "source": "room.wav, speech.wav",
        "version": "0.1.0",
        "score": 0.97,
    }


def test_a_name_alone_is_a_profile_that_changes_nothing(tmp_path: Path) -> None:
    profile = Profile.load(written(tmp_path, '[microphone]\nname = "any"\n'))
    assert profile.options() == GateOptions()
    assert profile.analyzer().speaker_norm.level_dbfs is None


def test_options_are_the_defaults_then_the_profile_then_the_overrides(headset: Path) -> None:
    options = Profile.load(headset).options(max_hold=1.5, sensitivity=0.7)
    assert options == GateOptions(min_speech_duration=0.1, max_hold=1.5, sensitivity=0.7)


def test_an_override_out_of_range_is_an_error(headset: Path) -> None:
    with pytest.raises(OptionError, match="max_hold"):
        Profile.load(headset).options(max_hold=99.0)


def test_the_analyzer_starts_from_the_room_and_the_user(headset: Path) -> None:
    analyzer = Profile.load(headset).analyzer()
    assert analyzer.noise_floor.dbfs == -58.0
    assert analyzer.speaker_norm.level_dbfs == -24.5
    assert analyzer.speaker_norm.pitch_hz == pytest.approx(190.0)


def test_the_analyzer_goes_on_learning(headset: Path) -> None:
    profile = Profile.load(headset)
    analyzer = profile.analyzer()
    for _ in range(2000):
        analyzer.noise_floor.update(-40.0, 0.0)
        analyzer.speaker_norm.learn(-12.0, 110.0)
    assert analyzer.noise_floor.dbfs == pytest.approx(-40.0)
    assert analyzer.speaker_norm.level_dbfs == pytest.approx(-12.0, abs=0.2)
    assert profile.analyzer().noise_floor.dbfs == -58.0


def test_a_profile_cannot_be_changed(headset: Path) -> None:
    profile = Profile.load(headset)
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.gate = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        profile.gate["max_hold"] = 9.0  # type: ignore[index]


def test_a_profile_made_in_code_is_checked_too() -> None:
    with pytest.raises(OptionError, match=r"'desk'.*max_hold"):
        Profile(microphone=Microphone(name="desk"), gate={"max_hold": 99.0})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[microphone\n", "not TOML"),
        ("", "has no table [microphone]"),
        ("[gate]\nmax_hold = 2\n", "has no table [microphone]"),
        ("microphone = 3\n", "microphone is 3; expected a table [microphone]"),
        (
            NAMED + "[extra]\n",
            "unknown table or field 'extra'; expected one of microphone, gate",
        ),
        ('title = "x"\n', "unknown table or field 'title'"),
        ("[microphone]\npitch_hz = 200\n", "[microphone]: has no name"),
        ('[microphone]\nname = ""\n', "[microphone]: name: expected text, got ''"),
        ("[microphone]\nname = 7\n", "[microphone]: name: expected text, got 7"),
        (NAMED + "gain = 3\n", "[microphone]: unknown field 'gain'; expected one of name,"),
        (
            NAMED + "pitch_hz = 9\n",
            "[microphone]: pitch_hz: expected a number from 60 to 500, got 9",
        ),
        (NAMED + 'pitch_hz = "9"\n', "pitch_hz: expected a number from 60 to 500, got '9'"),
        (
            NAMED + "noise_floor_dbfs = nan\n",
            "noise_floor_dbfs: expected a number from -100 to 0",
        ),
        (NAMED + 'echo_guard = "yes"\n', "echo_guard: expected true or false, got 'yes'"),
        (NAMED + "automatic_gain = 1\n", "automatic_gain: expected true or false, got 1"),
        (NAMED + "clipped_share = true\n", "clipped_share: expected a number from 0 to 1"),
        (
            NAMED + "[gate]\nmax_hold = 99\n",
            "[gate]: max_hold: expected a number from 0.2 to 30",
        ),
        (
            NAMED + '[gate]\nmax_hold = "2"\n',
            "[gate]: max_hold: expected a number, got '2'",
        ),
        (
            NAMED + "[gate]\nmax_hold = true\n",
            "[gate]: max_hold: expected a number, got True",
        ),
        (NAMED + "[gate]\nmax_wait = 2\n", "[gate]: unknown option 'max_wait'"),
        (NAMED + '[gate]\nsource = "room.wav"\n', "[gate]: unknown option 'source'; expected one of sensitivity,"),
        (NAMED + "[gate]\nself = 1\n", "[gate]: unknown option 'self'"),
        (NAMED + "self = 1\n", "[microphone]: unknown field 'self'"),
        (
            NAMED + "[gate]\nactivation_threshold = 0.2\n",
            "[gate]: deactivation_threshold 0.35 is above activation_threshold 0.2",
        ),
        (NAMED + '[provenance]\nby = "me"\n', "[provenance]: unknown field 'by'"),
        (
            NAMED + "[provenance]\nscore = []\n",
            "[provenance]: score: expected text or a number",
        ),
    ],
)
def test_a_bad_profile_names_the_file_the_table_and_the_field(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(OptionError) as caught:
        Profile.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_profile_a_folder_and_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        with pytest.raises(OptionError, match="expected a profile") as caught:
            Profile.load(path)
        assert str(caught.value).startswith(f"{path}: ")

"""What the gate knew of room and user goes with a recorded clip, so that it is decided anew as it was in the call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner

from prosody_gate.bench import ManifestError, read_manifest
from prosody_gate.cli import app
from prosody_gate.page import page_of_folder
from prosody_gate.prosody import Learned, NoiseFloor, OwnLevel, ProsodyAnalyzer, SpeakerNorm, UserTurns
from prosody_gate.recording import overlap_files, set_label

RATE = 16_000
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A call in which the user has a turn, and then a colleague says "stop" over the agent, 14 dB softer."""
    folder = tmp_path_factory.mktemp("call")
    user, rate = sf.read(DEMO)
    assert rate == RATE
    sound = np.random.default_rng(1).normal(0.0, 2e-4, 16 * RATE)
    for at, begin, end, gain in ((1.0, 25.3, 27.4, 1.0), (8.0, 41.2, 41.9, 0.2)):
        piece = gain * user[round(begin * RATE) : round(end * RATE), 1]
        sound[round(at * RATE) : round(at * RATE) + len(piece)] += piece
    sf.write(folder / "call.wav", sound, RATE)
    (folder / "agent.json").write_text("[[4.0, 16.0]]", encoding="utf-8")
    arguments = ["run", str(folder / "call.wav"), "--agent", str(folder / "agent.json"), "-q"]
    ran = CliRunner().invoke(app, [*arguments, "--record", str(folder / "recorded")])
    assert ran.output.splitlines()[-1].startswith("recorded: 1 overlaps")
    (path,) = overlap_files(folder / "recorded")
    set_label(path, "backchannel")
    return folder / "recorded"


def benched(folder: Path, report: Path) -> dict[str, Any]:
    ran = CliRunner().invoke(app, ["bench", str(folder), "--json", str(report), "-q", "--jobs", "1"])
    assert ran.exit_code == 0, ran.output
    (outcome,) = json.loads(report.read_text(encoding="utf-8"))["outcomes"]
    return dict(outcome)


def test_a_colleague_who_was_cancelled_in_the_call_is_cancelled_in_bench_of_the_folder(
    recorded: Path, tmp_path: Path
) -> None:
    (path,) = overlap_files(recorded)
    fields = json.loads(path.read_text(encoding="utf-8"))
    live = fields["decisions"][-1]
    assert (live["kind"], live["reason"], live["evidence"]["level"]) == ("cancel", "evidence", -15.0)
    outcome = benched(recorded, tmp_path / "with.json")
    assert (outcome["confirmed"], outcome["reason"], outcome["evidence"]["level"]) == (None, "evidence", -15.0)
    # Without it the same clip is taken for the user's.
    del fields["learned"]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / path.name).write_text(json.dumps(fields), encoding="utf-8")
    (bare / fields["audio"]).write_bytes(path.with_suffix(".flac").read_bytes())
    assert benched(bare, tmp_path / "without.json")["confirmed"] == pytest.approx(0.2, abs=0.1)


def test_labels_exported_from_the_page_of_a_folder_keep_what_was_known(recorded: Path) -> None:
    (line,) = page_of_folder(recorded).lines
    (item,) = read_manifest(recorded).items
    assert Learned.from_dict(line["learned"]) == item.learned  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "damage",
    ["loud", [], {}, {"turns": [None]}, {"norm": [1, -20.0, 1]}, {"norm": [-1, 0.0, 0, 0.0]}, {"set_aside": "x"}],
)
def test_what_is_damaged_is_named(recorded: Path, tmp_path: Path, damage: Any) -> None:
    (path,) = overlap_files(recorded)
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["learned"] = {**fields["learned"], **damage} if damage and isinstance(damage, dict) else damage
    (tmp_path / path.name).write_text(json.dumps(fields), encoding="utf-8")
    (tmp_path / fields["audio"]).write_bytes(path.with_suffix(".flac").read_bytes())
    with pytest.raises(ManifestError, match=f"{path.name}: learned is damaged .* expected it as it was recorded"):
        read_manifest(tmp_path)


def test_an_analyzer_goes_on_from_what_another_has_learned_at_a_louder_microphone() -> None:
    quiet, loud = ProsodyAnalyzer(), ProsodyAnalyzer()
    for analyzer, by in ((quiet, 0.0), (loud, 6.0)):
        analyzer.noise_floor.update(-60.0 + by, 0.0)
        for _ in range(20):
            analyzer.own_level.learn(-25.0 + by)
            analyzer.speaker_norm.learn(-28.0 + by, 128.0)
        analyzer.own_level.end_turn()
        analyzer.own_level.learn(-30.0 + by)
    other = ProsodyAnalyzer()
    other.recall(Learned.from_dict(json.loads(json.dumps(quiet.learned.to_dict()))).louder(6.0))
    assert other.learned == loud.learned
    assert other.own_level.dbfs == -19.0
    assert other.noise_floor.dbfs == -54.0
    assert other.speaker_norm.level_dbfs == pytest.approx(-22.0)


def test_what_is_remembered_of_the_user_is_the_same_object_until_something_is_learned() -> None:
    own = OwnLevel()
    assert own.learned == UserTurns()
    own.learn(-20.0)
    first = own.learned
    own.end_turn()  # too short for a turn
    assert own.learned is first
    own.reset()
    assert own.learned == UserTurns()


def test_where_nothing_was_learned_a_profile_stays_in_force() -> None:
    nothing = ProsodyAnalyzer().learned
    analyzer = ProsodyAnalyzer(
        noise_floor=NoiseFloor(initial_dbfs=-50.0), speaker_norm=SpeakerNorm(level_dbfs=-20.0, pitch_hz=120.0)
    )
    analyzer.recall(nothing)
    assert analyzer.noise_floor.known_dbfs == -50.0
    assert analyzer.speaker_norm.level_dbfs == -20.0
    assert analyzer.speaker_norm.pitch_hz == pytest.approx(120.0)

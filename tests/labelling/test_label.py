from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from typer.testing import CliRunner, Result

from bench_material import RATE, noisy, voice
from prosody_gate.bench import Call, ManifestError, read_manifest
from prosody_gate.cli import app
from prosody_gate.errors import OptionError
from prosody_gate.labelling.labelling import Labelling, LabelStore, Proposal

pexpect = pytest.importorskip("pexpect")

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
CALL = {"audio": "call.wav", "user_channel": 0, "agent": [[0.0, 60.0]]}
PROPOSALS = (
    Proposal(1.0, 1.4, "yeah", "talk on"),
    Proposal(5.0, 6.5, "", "stop for it"),
    Proposal(9.0, 9.3, "", "talk on"),
)


class FakePlayer:
    """Notes what it is asked to play."""

    def __init__(self, *, broken: bool = False) -> None:
        self.played: list[float] = []
        self._broken = broken

    def play(self, samples: npt.NDArray[np.float32], sample_rate: int) -> None:
        self.played.append(len(samples) / sample_rate)
        if self._broken:
            raise OptionError("playing: the loudspeaker fails (unplugged)")


def label(store: LabelStore, keys: Iterable[str], player: FakePlayer | None = None) -> list[str]:
    """Answer with these keys; gives what was shown."""
    shown: list[str] = []
    Labelling(
        PROPOSALS,
        store,
        samples=np.zeros(10 * RATE, np.float32),
        sample_rate=RATE,
        player=player,
        key=iter(keys).__next__,
        show=shown.append,
    ).run()
    return shown


def labels(manifest: Path) -> list[tuple[str, float]]:
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    return [(event["label"], event["start"]) for line in lines for event in line["events"]]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "calls.jsonl"


def test_a_key_an_overlap(manifest: Path) -> None:
    shown = label(LabelStore(manifest, CALL), "bin")
    assert labels(manifest) == [("backchannel", 1.0), ("interruption", 5.0), ("noise", 9.0)]
    assert shown[0] == "1 of 3: 1.00 to 1.40 s, the gate would talk on, recognised: yeah"


def test_every_label_is_written_at_once_and_quitting_keeps_them(manifest: Path) -> None:
    label(LabelStore(manifest, CALL), "bq")
    assert labels(manifest) == [("backchannel", 1.0)]


def test_a_second_sitting_asks_only_for_what_is_left(manifest: Path) -> None:
    label(LabelStore(manifest, CALL), "bq")
    shown = label(LabelStore(manifest, CALL), "in")
    assert shown[0].startswith("2 of 3: ")
    assert len(labels(manifest)) == 3


def test_undo_takes_the_last_label_back(manifest: Path) -> None:
    shown = label(LabelStore(manifest, CALL), "ubui" + "cs")
    assert shown[1] == "  nothing to undo"
    assert labels(manifest) == [("interruption", 1.0), ("nonspeech", 5.0)]


def test_undoing_the_only_label_leaves_no_empty_line(manifest: Path) -> None:
    label(LabelStore(manifest, CALL), "buq")
    assert manifest.read_text() == ""


def test_other_keys_tell_the_keys(manifest: Path) -> None:
    shown = label(LabelStore(manifest, CALL), "xBq")
    assert shown[1].startswith("  b backchannel")
    assert labels(manifest) == [("backchannel", 1.0)]


def test_each_overlap_is_played_with_half_a_second_around_and_again_on_p(manifest: Path) -> None:
    player = FakePlayer()
    label(LabelStore(manifest, CALL), "bpis", player)
    assert player.played == pytest.approx([1.4, 2.5, 2.5, 1.3])


def test_a_loudspeaker_that_fails_is_told_once_and_labelling_goes_on(manifest: Path) -> None:
    player = FakePlayer(broken=True)
    shown = label(LabelStore(manifest, CALL), "bin", player)
    assert len(player.played) == 1
    assert sum("loudspeaker fails" in line for line in shown) == 1
    assert len(labels(manifest)) == 3


def test_other_calls_in_the_manifest_stay_as_they_are_in_their_order(manifest: Path) -> None:
    others = [
        json.dumps({**CALL, "audio": name, "note": "ü", "events": [{"label": "noise", "start": 1, "end": 2}]})
        for name in ("a.wav", "b.wav")
    ]
    manifest.write_text("".join(f"{line}\n" for line in others))
    label(LabelStore(manifest, CALL), "bq")
    label(LabelStore(manifest, {**CALL, "audio": "a.wav"}), "sis")
    lines = manifest.read_text().splitlines()
    assert [json.loads(line)["audio"] for line in lines] == ["a.wav", "b.wav", "call.wav"]
    assert lines[1] == others[1]
    assert json.loads(lines[0])["note"] == "ü"
    assert [path.name for path in manifest.parent.iterdir()] == ["calls.jsonl"]


def test_two_users_of_one_recording_are_two_lines(manifest: Path) -> None:
    for channel in (0, 1):
        label(LabelStore(manifest, {**CALL, "user_channel": channel}), "bq")
    label(LabelStore(manifest, {**CALL, "user_channel": 0}), "iq")
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [(line["user_channel"], len(line["events"])) for line in lines] == [(0, 2), (1, 1)]


def test_a_line_that_leaves_the_users_channel_out_is_that_of_the_channel_it_means(manifest: Path) -> None:
    line = {"audio": "call.wav", "agent_channel": 0, "events": [{"label": "noise", "start": 1.0, "end": 1.4}]}
    manifest.write_text(json.dumps(line) + "\n")
    assert len(LabelStore(manifest, {"audio": "call.wav", "user_channel": 1, "agent_channel": 0}).events) == 1


def test_a_line_tells_in_one_way_when_the_agent_speaks(manifest: Path) -> None:
    label(LabelStore(manifest, {**CALL, "user_channel": 1, "speaker": "me"}), "bq")
    label(LabelStore(manifest, {"audio": "call.wav", "user_channel": 1, "agent_channel": 0}), "iq")
    (line,) = (json.loads(text) for text in manifest.read_text().splitlines())
    assert (line["agent_channel"], line["speaker"], len(line["events"])) == (0, "me", 2)
    assert "agent" not in line


def test_a_gate_that_fails_is_told_as_in_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken source")

    monkeypatch.setattr("prosody_gate.gate.decision_rule.DecisionRule.weigh", broken)
    with pytest.raises(RuntimeError, match="broken source"):
        run("mono.wav", "--silent")


@pytest.mark.parametrize("text", ["hello\n", '{"audio": "a.wav", "label": "noise"}\n', '{"events": []}\n', "[]\n"])
def test_a_file_that_is_no_manifest_of_calls_is_not_touched(manifest: Path, text: str) -> None:
    manifest.write_text(text)
    with pytest.raises(ManifestError, match=r"calls.jsonl:1: is no labelled call"):
        LabelStore(manifest, CALL)
    assert manifest.read_text() == text


def at_terminal(folder: Path, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "prosody_gate", "label", *arguments],
        cwd=folder,
        encoding="utf-8",
        timeout=120,
        dimensions=(24, 200),
    )


def test_a_call_is_labelled_at_a_terminal_in_two_sittings(tmp_path: Path) -> None:
    (tmp_path / "call.flac").write_bytes(DEMO.read_bytes())
    arguments = ("call.flac", "--agent-channel", "0", "--silent", "--speaker", "me", "--output", "calls.jsonl")
    terminal = at_terminal(tmp_path, *arguments)
    terminal.expect("b backchannel")
    terminal.expect("1 of ")
    terminal.send("b")
    terminal.expect("2 of ")
    terminal.send("n")
    terminal.expect("3 of ")
    terminal.send("q")
    terminal.expect(r"2 labelled, (\d+) left: calls.jsonl")
    left = int(terminal.match[1])
    terminal.expect(pexpect.EOF)
    terminal = at_terminal(tmp_path, *arguments)
    terminal.expect("3 of ")
    for _ in range(left):
        terminal.send("i")
    terminal.expect(rf"{left + 2} labelled, 0 left")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    (item,) = read_manifest(tmp_path / "calls.jsonl", strict=True).items
    assert isinstance(item, Call)
    assert (item.user_channel, item.agent_channel, item.group) == (1, 0, "me")
    assert [event.label for event in item.events][:3] == ["backchannel", "noise", "interruption"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["label", *arguments], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    soundfile.write("mono.wav", noisy(voice(0.5), before=1.0, after=1.0), RATE)
    soundfile.write("zero.wav", np.zeros(2 * RATE), RATE)
    (tmp_path / "text.jsonl").write_text("hello\n")
    return tmp_path


def test_a_call_without_overlaps_has_nothing_to_label(folder: Path) -> None:
    result = run("zero.wav", "--silent")
    assert result.exit_code == 0
    assert result.stdout == "no overlap found: nothing to label\n"
    assert not (folder / "zero.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.wav",), "missing.wav: no such file"),
        (("mono.wav", "--agent", "never"), "--agent never: without an agent there is no overlap"),
        (("mono.wav", "--output", "text.jsonl"), "text.jsonl:1: is no labelled call"),
        (("mono.wav", "--output", "missing/calls.jsonl"), "there is no folder missing"),
        (("mono.wav", "--output", "calls.jsonl.gz"), "calls.jsonl.gz: is read as gzipped"),
        (("mono.wav", "--profile", "nosuch"), "profile 'nosuch': there is none of that name"),
        (("mono.wav", "--agent-channel", "4"), "channel"),
    ],
)
def test_bad_input_is_one_line_status_2_and_no_file(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    before = sorted(folder.rglob("*"))
    result = run(*arguments, "--silent")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert sorted(folder.rglob("*")) == before


def test_without_a_terminal_one_line_tells_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(str(DEMO), "--agent-channel", "0", "--silent", "--output", "calls.jsonl")
    assert result.exit_code == 2
    assert "expected a terminal" in result.stderr
    assert list(tmp_path.iterdir()) == []

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bench_material import OVERLAPS, write_lines
from prosody_gate.bench import Call, Clip, ManifestError, WordOverlap, read_manifest
from prosody_gate.errors import OptionError

CLIP: dict[str, Any] = {"audio": "a.wav", "label": "noise", "set": "desk"}
CALL: dict[str, Any] = {
    "audio": "a.wav",
    "agent_channel": 0,
    "events": [{"label": "interruption", "start": 0.5, "end": 1.0}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.zeros((16_000, 2), np.int16), 8_000)
    return tmp_path


def test_a_clip_is_read_with_its_cut_its_speaker_and_its_transcripts(folder: Path) -> None:
    line = {**CLIP, "speaker": "s1", "start": 0.5, "end": 1.5, "transcripts": [{"at": 1.2, "text": "so"}]}
    manifest = read_manifest(write_lines(folder / "m.jsonl", [line, CLIP]))
    assert manifest.kind == "clips"
    first, second = manifest.items
    assert isinstance(first, Clip)
    assert isinstance(second, Clip)
    assert (first.line, first.group, first.start, first.end) == (1, "s1", 0.5, 1.5)
    assert [transcript.text for transcript in first.transcripts or ()] == ["so"]
    assert (second.group, second.name, second.end) == ("a.wav", "a.wav", None)


def test_the_kind_is_told_from_the_fields(folder: Path) -> None:
    for line, kind in ((CLIP, Clip), (CALL, Call), (OVERLAPS[0], WordOverlap)):
        assert isinstance(read_manifest(write_lines(folder / "m.jsonl", [line])).items[0], kind)


def test_of_a_call_the_other_channel_is_the_users(folder: Path) -> None:
    call = read_manifest(write_lines(folder / "m.jsonl", [CALL])).items[0]
    assert isinstance(call, Call)
    assert (call.user_channel, call.agent_channel) == (1, 0)
    assert call.events[0].set == "interruption"


def test_clips_overlaps_and_the_events_of_calls_may_have_a_kind(folder: Path) -> None:
    event = CALL["events"][0]
    call = {**CALL, "events": [{**event, "kind": "command"}, {**event, "start": 0.6}]}
    for line, expected in (({**CLIP, "kind": "door"}, ["door"]), (CLIP, [""]), (call, ["command", ""])):
        (item,) = read_manifest(write_lines(folder / "m.jsonl", [line])).items
        assert [one.kind for one in (item.events if isinstance(item, Call) else [item])] == expected
    (overlap,) = read_manifest(write_lines(folder / "m.jsonl", [{**OVERLAPS[0], "kind": "yeah"}])).items
    assert isinstance(overlap, WordOverlap)
    assert overlap.kind == "yeah"


def test_a_kind_that_is_no_text_is_named_with_its_event(folder: Path) -> None:
    event = {**CALL["events"][0], "kind": ["a"]}
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: events, entry 1: kind is \['a'\]; expected a string"):
        read_manifest(write_lines(folder / "m.jsonl", [{**CALL, "events": [event]}]), strict=True)


def test_a_gzipped_manifest_and_ambiguous_lines(tmp_path: Path) -> None:
    path = tmp_path / "overlaps.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in OVERLAPS).encode()))
    manifest = read_manifest(path)
    assert (len(manifest.items), manifest.ambiguous) == (7, 1)
    assert manifest.items[4].group == "a"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nope", "not JSON"),
        ("[1]", "is a list"),
        ({"audio": "a.wav"}, "label is missing"),
        ({**CLIP, "audio": "b.wav"}, "audio b.wav: no such file"),
        ({**CLIP, "audio": ""}, "audio is empty"),
        ({**CLIP, "audio": 3}, "audio is 3; expected a string"),
        ({**CLIP, "label": "laugh"}, "label is 'laugh'; expected one of interruption, backchannel"),
        ({**CLIP, "kind": 3}, "kind is 3; expected a string"),
        ({**CLIP, "start": -1}, "start is -1; expected seconds"),
        ({**CLIP, "start": "soon"}, "start is 'soon'; expected seconds"),
        ({**CLIP, "start": 1.0, "end": 0.5}, "start is 1 s, end is 0.5 s; expected start < end"),
        ({**CLIP, "start": 3.0, "end": 4.0}, "expected them within the recording's 2.00 s"),
        ({**CLIP, "transcripts": [{"at": 1.0}]}, "transcripts, entry 1"),
        ({**CLIP, "transcripts": "none.jsonl"}, "transcripts: "),
        ({**CLIP, "transcripts": [{"at": float("nan"), "text": "so"}]}, "transcripts, entry 1: at is nan"),
    ],
)
def test_a_clip_that_cannot_be_used_is_named_with_its_line(folder: Path, line: Any, says: str) -> None:
    path = write_lines(folder / "m.jsonl", [CLIP, "", line])
    manifest = read_manifest(path)
    assert len(manifest.items) == 1
    assert [skipped.line for skipped in manifest.skipped] == [3]
    assert manifest.skipped[0].problem.startswith(f"{path}:3: ")
    assert says in manifest.skipped[0].problem
    with pytest.raises(ManifestError, match=r"m\.jsonl:3: "):
        read_manifest(path, strict=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"events": []}, "events is []; expected a list"),
        ({"events": [{"label": "x", "start": 0, "end": 1}]}, "events, entry 1: label is 'x'"),
        ({"events": [{"label": "noise", "start": 1}]}, "events, entry 1: end is None"),
        ({"events": [{"label": "noise", "start": 1, "end": 9}]}, "within the recording's 2.00 s"),
        ({"agent": [[0, 1]]}, "either agent_channel or agent"),
        ({"agent_channel": None}, "either agent_channel or agent"),
        ({"agent_channel": None, "agent": [[1, 0]]}, "agent: entry 1"),
        ({"agent_channel": -1}, "agent_channel is -1"),
        ({"agent_channel": 2}, "user_channel is missing"),
    ],
)
def test_a_call_that_cannot_be_used_is_named_with_its_line(folder: Path, change: dict[str, Any], says: str) -> None:
    path = write_lines(folder / "m.jsonl", [{**CALL, **change}])
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: ") as caught:
        read_manifest(path, strict=True)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "words is []"),
        ([["so", 0.0]], "words, entry 1: is ['so', 0.0]"),
        ([["so", 0.5, 0.5]], "expected start < end"),
        ([["so", 0.5, 0.9], ["what", 0.1, 0.3]], "words, entry 2: starts at 0.1 s, before"),
    ],
)
def test_an_overlap_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, words: Any, says: str) -> None:
    path = write_lines(tmp_path / "m.jsonl", [{"label": "backchannel", "words": words}])
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: ") as caught:
        read_manifest(path, strict=True)
    assert says in str(caught.value)


@pytest.mark.parametrize("lines", [[], ["", "  "]])
def test_an_empty_manifest_is_an_error(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(ManifestError, match="is empty; expected"):
        read_manifest(write_lines(tmp_path / "m.jsonl", lines))


def test_a_manifest_of_nothing_usable_is_an_error_that_shows_the_first(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none of its 2 lines can be used; the first: .*m\.jsonl:1: not JSON"):
        read_manifest(write_lines(tmp_path / "m.jsonl", ["x", "y"]))
    with pytest.raises(ManifestError, match="all 1 lines are labelled ambiguous"):
        read_manifest(write_lines(tmp_path / "m.jsonl", [OVERLAPS[-1]]))


def test_what_is_no_manifest_at_all(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "missing.jsonl")
    (tmp_path / "bad.gz").write_bytes(b"not gzip")
    with pytest.raises(ManifestError, match="damaged"):
        read_manifest(tmp_path / "bad.gz")
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_manifest(tmp_path / "bytes.jsonl")
    with pytest.raises(OptionError, match="kind is 'tapes'"):
        read_manifest(tmp_path / "bad.gz", kind="tapes")


def test_a_broken_first_line_does_not_fix_the_kind(tmp_path: Path) -> None:
    lines: list[Any] = [{"label": "backchannel"}, *OVERLAPS]
    manifest = read_manifest(write_lines(tmp_path / "m.jsonl", lines))
    assert manifest.kind == "overlaps"
    assert [line.line for line in manifest.skipped] == [1]


def test_a_cut_clip_has_the_transcripts_of_its_own_speech(folder: Path) -> None:
    texts = [
        {"at": 0.9, "text": "yeah", "final": True},
        {"at": 2.6, "text": "stop please", "final": True, "start": 1.9, "end": 2.4},
    ]
    line = {"audio": "a.wav", "label": "backchannel", "start": 0.2, "end": 1.0, "transcripts": texts}
    (clip,) = read_manifest(write_lines(folder / "m.jsonl", [line])).items
    assert isinstance(clip, Clip)
    said = clip.transcripts_at(1.0)
    assert said is not None
    assert [(one.text, round(one.at, 6)) for one in said] == [("yeah", 1.7)]
    # Half a second behind what is usual: still the clip's.
    late = {**line, "transcripts": [{"at": 1.8, "text": "yeah", "final": True}]}
    (slow,) = read_manifest(write_lines(folder / "l.jsonl", [late])).items
    assert isinstance(slow, Clip)
    assert slow.transcripts_at(1.0) != ()
    (without,) = read_manifest(write_lines(folder / "n.jsonl", [{"audio": "a.wav", "label": "noise"}])).items
    assert isinstance(without, Clip)
    assert without.transcripts_at(1.0) is None

"""Where `benchmarks/with_transcripts.py` puts the words of a clip, and when their transcripts come."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from bench_material import RATE, noisy, voice
from prosody_gate import Span
from prosody_gate.bench import read_manifest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import with_transcripts

    return with_transcripts


def test_words_take_their_share_of_the_letters_and_leave_pauses_out(script: ModuleType) -> None:
    words = list(script.spread("no wait", [Span(1.0, 1.4), Span(2.0, 2.2)]))
    assert [(word.text, round(word.start, 3), round(word.end, 3)) for word in words] == [
        ("no", 1.0, 1.2),
        ("wait", 1.2, 2.2),
    ]
    assert [word.end for word in script.spread("stop", [Span(0.5, 0.9)])] == [pytest.approx(0.9)]


def test_each_word_has_its_transcript_a_lag_behind_and_the_last_is_final(script: ModuleType) -> None:
    words = list(script.spread("no wait", [Span(1.0, 1.6)]))
    made = [
        (one.text, one.final, round(one.at, 3), one.start, round(one.end, 3))
        for one in script.transcripts_of(words, 0.3)
    ]
    assert made == [("no", False, 1.5, 1.0, 1.2), ("no wait", True, 1.9, 1.0, 1.6)]


def test_a_manifest_holds_the_words_of_speech_none_for_noise_and_leaves_out_what_nobody_wrote_down(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "word.wav", noisy(voice(0.6), before=0.5, after=0.5), RATE)
    soundfile.write(tmp_path / "noise.wav", noisy(np.zeros(RATE, np.float32), before=0.0, after=0.0), RATE)
    rows = [
        {"audio": "word.wav", "label": "interruption", "set": "words", "text": "wait", "speaker": "a"},
        {"audio": "word.wav", "label": "interruption", "set": "orders", "text": "", "speaker": "b"},
        {"audio": "noise.wav", "label": "noise", "set": "rooms", "text": "[noise]", "speaker": "c"},
    ]
    (tmp_path / "recordings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    written = tmp_path / "with.jsonl"
    monkeypatch.setattr("sys.argv", ["with_transcripts.py", "--data", str(tmp_path), "--manifest", str(written)])
    script.main()
    word, noise = read_manifest(written, strict=True).items
    assert (word.set, [one.text for one in word.transcripts]) == ("words", ["wait"])
    assert (noise.set, noise.transcripts) == ("rooms", ())


def test_no_set_that_is_for_evaluation_only_counts_as_trained_on(script: ModuleType) -> None:
    assert not {"cough", "telephone_backchannel"} & set(script.TRAINED_ON)

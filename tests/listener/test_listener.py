from __future__ import annotations

import gzip
import itertools
import json
import resource
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from prosody_gate.audio.framer import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.errors import ModelError
from prosody_gate.listener import Hypothesis, PocketSphinxListener
from prosody_gate.listener.pocketsphinx_listener import MODEL_FOLDER, onset_gain

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import build_listener_model as builder

PRE_ROLL = 6


@pytest.fixture(scope="module")
def listener() -> PocketSphinxListener:
    return PocketSphinxListener()


@pytest.fixture(autouse=True)
def _new_call(listener: PocketSphinxListener) -> None:
    listener.reset()


def clips(folder: Path, word: str, number: int) -> list[npt.NDArray[np.float32]]:
    lines = (folder / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = sorted(clip["audio"] for clip in map(json.loads, lines) if clip["text"] == word)[:number]
    return [soundfile.read(folder / path, dtype="float32")[0] for path in chosen]


def onset_frame(samples: npt.NDArray[np.float32]) -> int:
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(frames * frames, axis=1)
    return int(np.argmax(power > np.max(power) * 0.01))


def hear(
    listener: PocketSphinxListener, samples: npt.NDArray[np.float32], *, at: float = 0.0
) -> tuple[list[Hypothesis], Hypothesis | None]:
    """All hypotheses over one clip that begins at stream time `at`, and the settled one."""
    first = onset_frame(samples)
    listener.start(
        samples[max(0, first - PRE_ROLL) * FRAME_SAMPLES : first * FRAME_SAMPLES],
        onset=at + first * FRAME_DURATION,
    )
    changes = []
    time = at
    for number in range(first, len(samples) // FRAME_SAMPLES):
        time = at + (number + 1) * FRAME_DURATION
        heard = listener.push(samples[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES], time=time)
        if heard is not None:
            changes.append(heard)
    return changes, listener.finish(time=time)


def test_stop_is_heard_while_it_is_spoken_in_more_than_half_of_20_clips(
    listener: PocketSphinxListener, shared_data: Path
) -> None:
    heard = [hear(listener, clip)[0] for clip in clips(shared_data, "stop", 20)]

    assert sum(any("stop" in each.text.split() for each in changes) for changes in heard) > 10


def test_a_first_overlap_20_db_quieter_is_heard_too(listener: PocketSphinxListener, shared_data: Path) -> None:
    found = {1.0: 0, 0.1: 0}
    for clip in clips(shared_data, "stop", 20):
        for gain in found:
            listener.reset()
            changes, _ = hear(listener, clip * np.float32(gain))
            found[gain] += any("stop" in each.text.split() for each in changes)

    assert found[0.1] >= 0.6 * found[1.0] > 6


def test_the_same_overlaps_in_the_same_order_give_the_same_hypotheses(
    listener: PocketSphinxListener, shared_data: Path
) -> None:
    samples = clips(shared_data, "right", 6)

    first = [hear(listener, clip) for clip in samples]
    hear(listener, clips(shared_data, "stop", 1)[0])
    listener.reset()
    second = [hear(listener, clip) for clip in samples]
    third = [hear(other, clip) for other in [PocketSphinxListener()] for clip in samples]

    assert first == second == third


def test_finish_carries_the_cepstral_mean_and_reset_forgets_it(
    listener: PocketSphinxListener, shared_data: Path
) -> None:
    new = listener._decoder.get_cmn(False)
    hear(listener, clips(shared_data, "no", 1)[0])
    carried = listener._decoder.get_cmn(False)
    listener.reset()

    assert carried != new
    assert listener._decoder.get_cmn(False) == new


def test_silence_gives_no_text(listener: PocketSphinxListener) -> None:
    assert hear(listener, np.zeros(2 * SAMPLE_RATE, dtype=np.float32)) == ([], None)


def test_faint_noise_gives_no_text_in_its_first_half_second(listener: PocketSphinxListener) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.0005, SAMPLE_RATE // 2).astype(np.float32)

    assert hear(listener, noise)[0] == []


def test_word_times_are_in_order_and_inside_the_audio(listener: PocketSphinxListener, shared_data: Path) -> None:
    for clip in clips(shared_data, "computer", 5):
        changes, settled = hear(listener, clip, at=100.0)
        assert settled is not None
        for hypothesis in [*changes, settled]:
            ends = [100.0, *(word.end for word in hypothesis.words)]
            assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
            assert all(word.start < word.end <= hypothesis.time for word in hypothesis.words)
            assert all(word.start >= end - 1e-9 for word, end in zip(hypothesis.words, ends, strict=False))
            assert all(word.since <= hypothesis.time and word.score <= 0.0 for word in hypothesis.words)
        assert [each.time for each in changes] == sorted(each.time for each in changes)


def test_only_a_changed_text_is_returned_and_since_stays_while_a_word_stands(
    listener: PocketSphinxListener, shared_data: Path
) -> None:
    changes, settled = hear(listener, clips(shared_data, "stop", 1)[0])

    assert all(a.text != b.text for a, b in itertools.pairwise(changes))
    assert settled is not None
    if settled.text == changes[-1].text:
        assert settled.words[-1].since <= changes[-1].time


def test_push_without_start_is_an_error(listener: PocketSphinxListener) -> None:
    with pytest.raises(ModelError, match="call start first"):
        listener.push(np.zeros(FRAME_SAMPLES, dtype=np.float32), time=0.032)


def test_finish_without_audio_gives_none_and_the_next_overlap_works(
    listener: PocketSphinxListener, shared_data: Path
) -> None:
    assert listener.finish(time=0.0) is None
    listener.start(np.zeros(0, dtype=np.float32), onset=0.0)
    assert listener.finish(time=0.0) is None
    assert hear(listener, clips(shared_data, "stop", 1)[0])[0]


def test_start_finishes_an_overlap_that_is_still_open(listener: PocketSphinxListener, shared_data: Path) -> None:
    clip = clips(shared_data, "stop", 1)[0]
    listener.start(clip[:FRAME_SAMPLES], onset=0.0)
    listener.push(clip[FRAME_SAMPLES : 2 * FRAME_SAMPLES], time=2 * FRAME_DURATION)

    assert hear(listener, clip)[0]


def test_memory_stays_bounded_over_200_overlaps(listener: PocketSphinxListener, shared_data: Path) -> None:
    samples = clips(shared_data, "stop", 10)
    for clip in samples * 2:
        hear(listener, clip)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for clip in samples * 18:
        hear(listener, clip)

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 4096


def test_an_endless_overlap_is_heard_up_to_max_duration_only(shared_data: Path) -> None:
    short = PocketSphinxListener(max_duration=0.5)
    long = np.concatenate(clips(shared_data, "stop", 5))
    changes, _ = hear(short, long)

    assert all(each.time < onset_frame(long) * FRAME_DURATION + 0.6 for each in changes)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"overlap\.lm\.bin"):
        PocketSphinxListener(model=tmp_path)


def test_a_damaged_model_file_is_a_model_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "overlap.lm.bin").write_bytes(b"not a language model")
    (tmp_path / "overlap.dict").write_bytes((MODEL_FOLDER / "overlap.dict").read_bytes())

    with pytest.raises(ModelError, match="cannot read"):
        PocketSphinxListener(model=tmp_path)
    assert capfd.readouterr().err == ""


def test_the_decoder_prints_nothing(shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hear(PocketSphinxListener(), clips(shared_data, "stop", 1)[0])

    assert capfd.readouterr() == ("", "")


def test_a_quiet_onset_is_amplified_and_a_loud_one_attenuated() -> None:
    tone = np.sin(np.arange(FRAME_SAMPLES) / 4.0).astype(np.float32)

    assert onset_gain(0.01 * tone) > 1.0 > onset_gain(0.5 * tone)
    assert onset_gain(0.0 * tone) == pytest.approx(10**1.5, rel=1e-3)


def test_the_committed_model_is_small_and_knows_every_english_phrase() -> None:
    files = list(MODEL_FOLDER.iterdir())
    phrases = builder.read_phrases(builder.PACKAGE / "lexicon" / "phrases" / "en.toml")
    listed = {line.split()[0] for line in (MODEL_FOLDER / "overlap.dict").read_text().splitlines()}

    assert sum(file.stat().st_size for file in files) <= 3_000_000
    assert {word for phrase in phrases for word in phrase} <= listed


def test_the_model_builder_gives_the_same_bytes_twice_and_a_model_that_loads(tmp_path: Path) -> None:
    overlaps = tmp_path / "overlaps.jsonl.gz"
    with gzip.open(overlaps, "wt", encoding="utf-8") as file:
        for words in (["Yeah"], ["Yeah", "but", "I"], ["Stop"], ["Stop", "xqzt", "it"]):
            file.write(json.dumps({"words": [[word, 0.0, 0.3] for word in words]}) + "\n")
    dictionary_file = tmp_path / "small.dict"
    dictionary_file.write_text("stop S T AA P\nbut B AH T\ni AY\nit IH T\n", encoding="utf-8")
    for name in ("one", "two"):
        builder.build(
            overlaps=list(builder.read_overlaps(overlaps)),
            utterances=[["stop", "it"]],
            phrases=[["stop"], ["mm-hm"]],
            dictionary=builder.read_dictionary(dictionary_file),
            out=tmp_path / name,
        )

    built = {file.name: file.read_bytes() for file in (tmp_path / "one").iterdir()}
    assert built == {file.name: file.read_bytes() for file in (tmp_path / "two").iterdir()}
    assert b"xqzt" not in built["overlap.dict"]
    assert b"mm-hm(2) " in built["overlap.dict"]
    assert PocketSphinxListener(model=tmp_path / "one").finish(time=0.0) is None


def test_a_phrase_word_without_pronunciation_stops_the_builder_by_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="frobnicate"):
        builder.build(overlaps=[], utterances=[], phrases=[["frobnicate"]], dictionary={}, out=tmp_path)

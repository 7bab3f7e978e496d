from __future__ import annotations

import json
import logging
import shutil
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.errors import ModelError
from prosody_gate.lexicon import SOUNDS, Lexicon, sounds_of
from prosody_gate.listener import (
    Hypothesis,
    PhonemeListener,
    PhonemeRecogniser,
    RememberingRecogniser,
    phoneme_listener,
    phoneme_recogniser,
    pronunciation,
)
from prosody_gate.listener.phoneme_listener import LOOKS
from prosody_gate.listener.pronunciation import Pronunciations

PRE_ROLL = 8


class SureRecogniser:
    """Hears what it is told, however the sound was."""

    def __init__(self, ipa: str) -> None:
        self.ipa = ipa
        self.lengths: list[int] = []

    def look(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.lengths.append(len(samples))
        sounds = sounds_of(self.ipa)
        frames = np.zeros((3 + 2 * len(sounds), 1 + len(SOUNDS)), np.float32)
        frames[:, 0] = 1.0
        for place, sound in enumerate(sounds):
            frames[2 + 2 * place, [0, 1 + SOUNDS.index(sound)]] = 0.02, 0.98
        return frames


def listen(listener: PhonemeListener, frames: int = 40, *, onset: float = 1.0) -> list[Hypothesis]:
    """What it says while it hears faint noise."""
    noise = np.random.default_rng(1).normal(0.0, 1e-3, (PRE_ROLL + frames, FRAME_SAMPLES)).astype(np.float32)
    listener.start(noise[:PRE_ROLL].ravel(), onset=onset)
    said = [
        listener.push(frame, time=onset + (number + 1) * FRAME_DURATION)
        for number, frame in enumerate(noise[PRE_ROLL:])
    ]
    return [hypothesis for hypothesis in said if hypothesis is not None]


def heard(ipa: str, lexicon: Lexicon) -> Hypothesis:
    return listen(PhonemeListener(lexicon, recogniser=SureRecogniser(ipa)))[-1]


ENGLISH = Lexicon.load(["en"])


@pytest.mark.parametrize(
    ("ipa", "text"),
    [("stɑp", "stop"), ("noʊ", "no"), ("jɛs", "yes"), ("ɹaɪt", "right"), ("kænaɪ", "can i"), ("holdɑn", "hold on")],
)
def test_a_phrase_is_recognised_from_its_sounds(ipa: str, text: str) -> None:
    assert heard(ipa, ENGLISH).text == text


def test_a_phrase_that_a_user_adds_is_heard_from_then_on() -> None:
    assert heard("bənænə", ENGLISH).text == ""
    assert heard("bənænə", ENGLISH.add(interrupt=["banana"])).text == "banana"


def test_a_phrase_with_pronunciations_of_its_own_is_heard_by_them() -> None:
    lexicon = ENGLISH.add(interrupt=["बस"], pronunciations={"बस": ["bʌs"]})

    assert heard("bʌs", lexicon).text == "बस"


def test_the_beginning_of_a_phrase_has_begun_it() -> None:
    phrases = {phrase.text: phrase for phrase in heard("st", ENGLISH).phrases}

    assert phrases["stop"].begun > 10 * phrases["stop"].said


def test_no_sounds_are_nothing_said() -> None:
    class Silent(SureRecogniser):
        def look(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            return np.eye(1 + len(SOUNDS), dtype=np.float32)[np.zeros(20, int)]

    (hypothesis,) = listen(PhonemeListener(ENGLISH, recogniser=Silent("a")))[-1:]

    assert hypothesis.text == ""
    assert hypothesis.sounds == ""
    assert hypothesis.words == ()


def test_it_looks_at_a_few_moments_and_each_look_reads_from_a_quarter_second_before_the_onset() -> None:
    recogniser = SureRecogniser("stɑp")
    hypotheses = listen(PhonemeListener(ENGLISH, recogniser=recogniser), 90)

    assert len(hypotheses) == len(LOOKS)
    assert all(abs(each.time - 1.0 - look) <= FRAME_DURATION for each, look in zip(hypotheses, LOOKS, strict=True))
    assert recogniser.lengths == [round((each.time - 1.0 + 0.25) * SAMPLE_RATE) for each in hypotheses]


def test_a_word_stands_since_it_was_first_recognised() -> None:
    hypotheses = listen(PhonemeListener(ENGLISH, recogniser=SureRecogniser("stɑp")))

    assert {each.words[0].since for each in hypotheses} == {hypotheses[0].time}


def test_each_look_says_how_clearly_and_for_how_long_each_sound_was_heard() -> None:
    hypothesis = heard("stɑs", ENGLISH)

    clear, long = hypothesis.heard[: len(SOUNDS)], hypothesis.heard[len(SOUNDS) :]
    assert clear[SOUNDS.index("s")] == pytest.approx(0.98)
    assert long[SOUNDS.index("s")] == pytest.approx(2 * 0.98 / 3)
    assert clear[SOUNDS.index("m")] == long[SOUNDS.index("m")] == 0.0


def test_after_reset_it_is_as_new() -> None:
    listener = PhonemeListener(ENGLISH, recogniser=SureRecogniser("stɑp"))
    first = listen(listener)
    listener.reset()

    assert listen(listener) == first
    assert listener.finish(time=9.0) == first[-1]
    assert listener.finish(time=9.0) is None


def test_push_without_start_is_an_error() -> None:
    with pytest.raises(ModelError, match="call start first"):
        PhonemeListener(ENGLISH).push(np.zeros(FRAME_SAMPLES, np.float32), time=0.032)


def test_a_phrase_that_nobody_can_pronounce_is_named_and_left_to_transcripts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        listener = PhonemeListener(Lexicon(interrupt=["stop", "रुको"]))

    assert listener.unheard == ("रुको",)
    assert "leaves them to transcripts (रुको)" in caplog.text


def test_phrases_of_both_lists_that_sound_alike_are_named_once_and_left_to_transcripts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lexicon = Lexicon.load().add(
        ignore=["kila", "znoh"],
        interrupt=["keela"],
        pronunciations={"kila": ["kiːla"], "keela": ["kila"], "znoh": ["no"]},
    )
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        listeners = [PhonemeListener(lexicon, recogniser=SureRecogniser("kila")) for _ in range(2)]

    assert [listener.alike for listener in listeners] == [(("kila", "keela"), ("znoh", "no"))] * 2
    assert [record.getMessage() for record in caplog.records] == [
        "the listener cannot tell 3 of the phrases from one of the other list and leaves them to transcripts "
        "('kila' and 'keela', 'znoh' and 'no')"
    ]
    followed = {phrase.text for phrase in listen(listeners[0])[-1].phrases}
    assert not followed & {"kila", "keela"}
    assert heard("noʊ", lexicon).text == "no"  # was counted in meetings: the added one gives way


@pytest.mark.parametrize("name", ["sounds.json", "english.json", "openings.json"])
@pytest.mark.parametrize("content", [None, "{", '{"confusion": 1}'])
def test_a_missing_or_damaged_file_of_the_listener_is_named_and_the_gate_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, content: str | None
) -> None:
    from prosody_gate import GateFactory

    shutil.copytree(pronunciation.MODEL_FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(pronunciation, "MODEL_FOLDER", tmp_path)
    caches = (
        pronunciation.english_dictionary,
        phoneme_listener.sound_model,
        phoneme_listener._openings,
        phoneme_listener._follow,
        phoneme_listener.is_listener_usable,
    )
    for cached in caches:
        cached.cache_clear()
    try:
        with pytest.raises(ModelError) as error:
            PhonemeListener(ENGLISH)
        with caplog.at_level(logging.WARNING, "prosody_gate"):
            gates = [GateFactory.create().gate() for _ in range(2)]
    finally:
        for cached in caches:
            cached.cache_clear()
    assert name in str(error.value)
    assert "\n" not in str(error.value)
    assert [gate.listener for gate in gates] == [None, None]
    (record,) = caplog.records
    assert name in record.getMessage()
    assert record.getMessage().endswith("the gate goes on without a listener")


def test_a_word_that_the_dictionary_lacks_is_sounded_out() -> None:
    (row,) = Pronunciations({}).of("zorvath")

    assert SOUNDS[row[0]] == "z"


@pytest.mark.parametrize("content", [None, b"", b"no model at all"])
def test_a_missing_or_damaged_model_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    model = tmp_path / "broken.hama"
    if content is not None:
        model.write_bytes(content)

    with pytest.raises(ModelError) as error:
        PhonemeRecogniser(model)

    assert "broken.hama" in str(error.value)
    assert "\n" not in str(error.value)


def test_without_the_package_a_gate_has_no_listener_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prosody_gate import GateFactory

    def missing() -> None:
        raise ModelError("the listener needs the package 'hama', which is not installed")

    monkeypatch.setattr(phoneme_recogniser, "_import_hama", missing)
    phoneme_listener.is_listener_usable.cache_clear()
    phoneme_recogniser.shared_recogniser.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, "prosody_gate"):
            gates = [GateFactory.create().gate() for _ in range(2)]
    finally:
        phoneme_listener.is_listener_usable.cache_clear()

    assert [gate.listener for gate in gates] == [None, None]
    assert caplog.text.count("goes on without a listener") == 1


def test_bad_samples_do_it_no_harm() -> None:
    recogniser = PhonemeRecogniser()
    bad = np.full(8000, np.nan, np.float32)
    bad[::3] = np.inf

    for samples in (np.zeros(0, np.float32), np.zeros(10, np.float32), bad, np.full(8000, 1e9, np.float32)):
        frames = recogniser.look(samples)
        assert frames.shape[1] == 1 + len(SOUNDS)
        assert np.isfinite(frames).all()


def test_one_recogniser_gives_threads_the_same_as_one_alone() -> None:
    recogniser = PhonemeRecogniser()
    sounds = np.random.default_rng(2).normal(0.0, 0.1, (4, 8000)).astype(np.float32)
    alone = [recogniser.look(samples) for samples in sounds]
    found: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(sounds)

    def look(number: int) -> None:
        found[number] = recogniser.look(sounds[number])

    threads = [threading.Thread(target=look, args=(number,)) for number in range(len(sounds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(np.array_equal(one, other) for one, other in zip(alone, found, strict=True))


def real(folder: Path, word: str, number: int) -> list[npt.NDArray[np.float32]]:
    lines = (folder / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = sorted(clip["audio"] for clip in map(json.loads, lines) if clip["text"] == word)[:number]
    return [soundfile.read(folder / path, dtype="float32")[0] for path in chosen]


def settled(listener: PhonemeListener, samples: npt.NDArray[np.float32]) -> str:
    """The text 0.7 s after the loud part begins."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.mean(frames * frames, axis=1)
    first = int(np.argmax(power > np.max(power) * 0.01))
    listener.start(frames[max(first - PRE_ROLL, 0) : first].ravel(), onset=first * FRAME_DURATION)
    text = ""
    for number in range(first, min(first + 23, len(frames))):
        hypothesis = listener.push(frames[number], time=(number + 1) * FRAME_DURATION)
        text = text if hypothesis is None else hypothesis.text
    return text


@pytest.mark.parametrize(("word", "at_least"), [("stop", 12), ("no", 14), ("right", 12), ("yes", 12)])
def test_recorded_words_are_recognised_soon_after_they_begin(shared_data: Path, word: str, at_least: int) -> None:
    listener = PhonemeListener(ENGLISH)

    assert sum(settled(listener, clip) == word for clip in real(shared_data, word, 20)) >= at_least


def test_no_recorded_cough_is_recognised_as_an_interrupt_phrase(shared_data: Path) -> None:
    listener = PhonemeListener(ENGLISH)

    texts = [settled(listener, clip) for clip in real(shared_data, "<cough>", 20)]

    assert [text for text in texts if ENGLISH.match(text).interrupt] == []


def test_a_phrase_of_many_words_that_can_each_be_said_in_many_ways_is_cut_at_once() -> None:
    ways = Pronunciations({})
    ways._dictionary = {"either": tuple((sound,) for sound in range(8))}
    readings = ways.of(" ".join(["either"] * 12))
    assert readings == tuple((0,) * 11 + (sound,) for sound in range(pronunciation.MOST_READINGS))


def test_phrases_of_ones_own_are_not_kept_for_ever() -> None:
    for number in range(20):
        phrase = (f"phrase{number}",)
        phoneme_listener._follow(phrase, (), ((phrase, ("a",)),), False)
    assert phoneme_listener._follow.cache_info().currsize <= 8


def test_sound_that_is_replayed_is_read_once() -> None:
    recogniser = SureRecogniser("stɑp")
    remembering = PhonemeListener(ENGLISH, recogniser=RememberingRecogniser(recogniser))
    once, again = listen(remembering), listen(remembering)
    assert len(recogniser.lengths) == len(LOOKS)
    assert once == again == listen(PhonemeListener(ENGLISH, recogniser=recogniser))

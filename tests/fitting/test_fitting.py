"""Cross-validation of the fit: no weights decide about what they were fitted on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from prosody_gate.bench import WordOverlap
from prosody_gate.evidence import EvidenceWeights
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay.replay_words import TimedWord

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in [name for name in sys.modules if name.split(".")[0] == "fitting"]:
        monkeypatch.delitem(sys.modules, name)
    from fitting import left_out_gates, overlap_corpus

    return left_out_gates, overlap_corpus


def test_meetings_of_the_same_people_share_a_fold_and_all_folds_are_used(folds) -> None:
    _, corpus = folds
    for series in ("ES2002", "IS1009", "TS3012"):
        assert len({corpus.fold_of(f"{series}{meeting}", 5) for meeting in "abcd"}) == 1
    assert {corpus.fold_of(f"ES20{number:02d}a", 5) for number in range(40)} == {0, 1, 2, 3, 4}
    assert corpus.fold_of("speaker 1", 5) == corpus.fold_of("speaker 1", 5)


def test_each_item_gets_the_weights_that_were_fitted_without_it(folds, monkeypatch: pytest.MonkeyPatch) -> None:
    gates, corpus = folds
    shipped = EvidenceWeights.load()
    asked: list[str] = []

    def load(folder: Path) -> EvidenceWeights:
        asked.append(folder.name)
        return shipped

    monkeypatch.setattr(gates.EvidenceWeights, "load", load)
    make = gates.LeftOutGates(Lexicon.load(), Path("cache"))
    groups = ("ES2002a", "ES2002d", "IS1009b", "somebody", "else")
    for group in groups:
        item = WordOverlap(1, "x", group, "interruption", "ami", (TimedWord("no", 0.0, 0.2),))
        make(item)
    assert asked == [f"fold{corpus.fold_of(group, 5)}" for group in groups]
    assert len(set(asked)) > 1


def test_a_word_that_steers_a_machine_says_less_the_oftener_the_meetings_have_it_alone_as_a_backchannel(
    folds, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, corpus = folds
    monkeypatch.delitem(sys.modules, "fit_listener", raising=False)
    fit_listener = pytest.importorskip("fit_listener")

    def overlaps(text: str, count: int, *, interruption: bool) -> list:
        words = tuple(TimedWord(word, 0.3 * place, 0.3 * place + 0.2) for place, word in enumerate(text.split()))
        return [corpus.LabelledOverlap("ES2002a", interruption, words)] * count

    rest = overlaps("what about the buttons", 1000, interruption=True) + overlaps("yeah", 1500, interruption=False)
    odds = fit_listener.orders_alone([*rest, *overlaps("hey", 50, interruption=False)], Lexicon.load())
    assert odds["alone=hey"] < 0.0 < odds["alone=down"]
    assert not any(word in odds for word in ("alone=yeah", "alone=right"))


class AlwaysSpeech:
    """A VAD that takes everything for speech."""

    def reset(self) -> None:
        pass

    def frame_probability(self, frame) -> float:
        return 1.0


@pytest.fixture
def scenes(folds):
    pytest.importorskip("librosa")
    from fitting import voice_scenes

    return voice_scenes


def tone(scenes, *, interruption: bool):
    samples = 0.3 * np.sin(2 * np.pi * 220.0 * np.arange(8000) / 16000).astype(np.float32)
    return scenes.Clip(samples, interruption, "speaker", "command_word", narrow=True)


def test_a_noisy_scene_has_noise_about_as_loud_as_the_clip(scenes) -> None:
    rng = np.random.default_rng(0)
    maker = scenes.SceneMaker([rng.normal(0.0, 0.1, 16000).astype(np.float32)], seed=1)
    clip = tone(scenes, interruption=True)
    ratios = []
    for _ in range(20):
        audio = maker.varied(clip, noisy=True)
        before, during = scenes.rms(audio[:16000]), scenes.rms(audio[17000:23000])
        ratios.append(20.0 * np.log10(during / before))
    low, high = scenes.NOISY_DB
    assert min(ratios) > 0.0  # the noise is in the clip, too
    assert min(ratios) < 4.0
    assert high - 4.0 < max(ratios) < high + 3.0
    assert low < 0.0


def test_an_overlap_that_opens_in_the_noise_before_an_interruption_is_no_example_of_one(scenes, monkeypatch) -> None:
    maker = scenes.SceneMaker([np.ones(16000, np.float32)], seed=1)
    monkeypatch.setattr(maker, "_detector", AlwaysSpeech())
    interruption, other = tone(scenes, interruption=True), tone(scenes, interruption=False)
    assert maker.scene(interruption, maker.plain(interruption), earliest_onset=0.8) is None
    assert maker.scene(other, maker.plain(other), earliest_onset=0.8) is not None
    assert maker.scene(interruption, maker.plain(interruption)) is not None

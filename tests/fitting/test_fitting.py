"""Cross-validation of the fit: no weights decide about what they were fitted on."""

from __future__ import annotations

import sys
from pathlib import Path

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

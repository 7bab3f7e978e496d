from __future__ import annotations

from dataclasses import replace

import pytest

from prosody_gate.evidence import EvidenceWeights, ListenerEvidence, Observation, PhraseOdds
from prosody_gate.evidence.words_evidence import patience
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import Hypothesis, PhraseLikelihood

ENGLISH = Lexicon.load(["en"])


def recognised(*phrases: tuple[str, float], nothing: float = 0.0, something_else: float = 0.0) -> Hypothesis:
    return Hypothesis(
        text="",
        time=1.35,
        words=(),
        phrases=tuple(PhraseLikelihood(text, said, 0.0) for text, said in phrases),
        nothing=nothing,
        something_else=something_else,
    )


def nats(hypothesis: Hypothesis | None, *, words: int = 0, lexicon: Lexicon = ENGLISH) -> float:
    observation = Observation(onset=1.0, time=1.4, speech_end=1.4, recognised=hypothesis, words=words)
    return ListenerEvidence(lexicon, EvidenceWeights.load()).update(observation)


def test_the_odds_of_a_phrase_are_those_counted_in_the_overlaps() -> None:
    odds = PhraseOdds(ENGLISH, {"but": 2.5, "yeah": -2.0})

    assert odds.of(recognised(("but", 1.0))) == pytest.approx(2.5)
    assert odds.of(recognised(("yeah", 0.4))) == pytest.approx(-2.0)


def test_phrases_that_may_have_been_said_are_mixed_by_their_likelihood() -> None:
    odds = PhraseOdds(ENGLISH, {"but": 3.0, "pear": -3.0})

    assert odds.of(recognised(("but", 0.5), ("pear", 0.5))) == pytest.approx(0.0)


def test_a_phrase_that_nobody_counted_goes_by_its_list() -> None:
    lexicon = ENGLISH.add(interrupt=["banana"], ignore=["cherry"])
    odds = PhraseOdds(lexicon, {})

    assert odds.of(recognised(("banana", 1.0))) == pytest.approx(3.0)
    assert odds.of(recognised(("cherry", 1.0))) == pytest.approx(-3.0)


def test_a_phrase_that_a_user_moves_to_the_other_list_goes_by_its_new_list() -> None:
    counted = {"stop": 3.5, "yeah": -2.0}

    assert PhraseOdds(ENGLISH.add(ignore=["stop"]), counted).of(recognised(("stop", 1.0))) == pytest.approx(-3.0)
    assert PhraseOdds(ENGLISH.add(interrupt=["yeah"]), counted).of(recognised(("yeah", 1.0))) == pytest.approx(3.0)


def test_a_sure_stop_speaks_for_an_interruption_and_a_sure_right_against_it() -> None:
    assert nats(recognised(("stop", 0.9))) > 3.0
    assert nats(recognised(("right", 0.9))) < -2.0


def test_nothing_recognised_says_less_than_words_do() -> None:
    assert abs(nats(recognised(nothing=1.0))) < 1.5


def test_without_a_hypothesis_or_with_a_transcript_it_has_no_say() -> None:
    assert nats(None) == 0.0
    assert nats(recognised(("stop", 0.9)), words=1) == 0.0


def test_what_was_heard_counts_besides_the_phrases_but_not_against_a_phrase_of_the_users_own() -> None:
    sounds = {"look 1": (0.0, 2.0), "look 2": (0.0, 5.0)}
    weights = EvidenceWeights(provenance={}, words={}, time={}, listener={}, network={}, sounds=sounds)
    hypothesis = replace(recognised(("banana", 0.75), ("pear", 0.25)), heard=(1.0, 0.5))
    observation = Observation(onset=1.0, time=1.4, speech_end=1.4, recognised=hypothesis)

    assert ListenerEvidence(ENGLISH, weights).update(observation) == pytest.approx(1.0)
    assert ListenerEvidence(ENGLISH.add(ignore=["banana"]), weights).update(observation) == pytest.approx(0.25)


def test_more_is_asked_of_words_while_the_next_may_change_what_they_say() -> None:
    assert patience(0.3) == patience(0.9) < patience(1.2) < patience(2.1) == patience(9.0)
    assert patience(0.9) < 0.0 < patience(2.1)

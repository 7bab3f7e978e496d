"""One builder: profile, languages, phrases, listener, options."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from prosody_gate import (
    GateFactory,
    GateOptions,
    Lexicon,
    LexiconError,
    OptionError,
    PhonemeListener,
    Profile,
    replay,
)
from prosody_gate.profile import Microphone

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo.flac"


def profile(**fields: float) -> Profile:
    return Profile(microphone=Microphone(name="desk", **fields), gate={"max_hold": 2.0, "sensitivity": 0.4})


def test_the_profile_gives_way_to_options_and_these_to_single_fields() -> None:
    factory = GateFactory.create(profile(), options=GateOptions(max_hold=2.2, prior=0.5), sensitivity=0.7, prior=1.0)
    assert (factory.options.max_hold, factory.options.sensitivity, factory.options.prior) == (2.2, 0.7, 1.0)
    assert GateFactory.create(profile()).options.sensitivity == 0.4
    assert GateFactory.create().options == GateOptions()


@pytest.mark.parametrize(
    ("languages", "listener", "listens"),
    [
        (["en"], None, True),
        (["es", "en"], None, True),
        (["en_GB"], True, True),
        (["es"], None, True),
        (["en"], False, False),
        (["en"], True, True),
    ],
)
def test_it_listens_where_the_listener_knows_a_language(
    languages: list[str], listener: bool | None, listens: bool
) -> None:
    factory = GateFactory.create(languages=languages, listener=listener)
    assert factory.listens is listens
    assert isinstance(factory.gate().listener, PhonemeListener) is listens


def italian(folder: Path, *lines: str) -> GateFactory:
    (folder / "it.toml").write_text("\n".join(['language = "it"', 'interrupt = ["basta"]', *lines]))
    return GateFactory.create(languages=["it"], lexicon_files=[folder / "it.toml"])


def test_a_language_whose_phrases_have_no_pronunciations_is_left_to_transcripts(tmp_path: Path) -> None:
    assert not italian(tmp_path).listens
    assert italian(tmp_path, "[pronunciations]", 'basta = ["basta"]').listens


def test_a_listener_that_knows_no_phrase_is_an_error_where_it_was_asked_for(tmp_path: Path) -> None:
    lexicon = italian(tmp_path).lexicon
    with pytest.raises(OptionError, match=r"listener: does not know how any phrase of it is said; expected English"):
        GateFactory.create(lexicon=lexicon, listener=True)


def test_each_gate_has_a_listener_and_an_analyzer_of_its_own() -> None:
    factory = GateFactory.create(profile(noise_floor_dbfs=-50.0))
    first, second = factory.gate(), factory.gate(expects_transcripts=True)
    assert first.listener is not second.listener
    assert first.analyzer is not second.analyzer
    assert first.analyzer.noise_floor.dbfs == -50.0
    assert (first.expects_transcripts, second.expects_transcripts) == (False, True)


def test_parts_may_be_given_instead_of_the_factorys_own() -> None:
    made = []

    def make() -> PhonemeListener:
        made.append(PhonemeListener())
        return made[-1]

    factory = GateFactory.create(listener=make)
    gate = factory.gate()
    assert gate.listener is made[0]
    assert factory.gate(listener=None).listener is None
    assert factory.gate(listener=gate.listener, options=GateOptions(prior=1.0)).options.prior == 1.0


def test_the_gain_of_a_profile_reaches_replay_without_a_word_of_the_caller() -> None:
    loud = GateFactory.create(profile(input_gain_db=12.0), listener=False)
    assert (loud.input_gain_db, loud.gate().input_gain_db) == (12.0, 12.0)
    by_itself = replay(DEMO, loud.gate(), user_channel=1, agent_channel=0)
    by_hand = replay(DEMO, loud.gate(), user_channel=1, agent_channel=0, input_gain_db=12.0)
    without = replay(DEMO, loud.gate(), user_channel=1, agent_channel=0, input_gain_db=0.0)
    assert by_itself.events == by_hand.events
    assert by_itself.events != without.events


def test_a_factory_can_be_pickled_for_other_processes() -> None:
    factory = GateFactory.create(profile(input_gain_db=6.0), languages=["en", "es"])
    again = pickle.loads(pickle.dumps(factory))
    assert (again.options, again.profile, again.listens) == (factory.options, factory.profile, factory.listens)
    assert again.lexicon.languages == factory.lexicon.languages


def test_errors_name_what_was_wrong_and_who_gave_it() -> None:
    with pytest.raises(OptionError, match="command line: max_hold: expected a number from"):
        GateFactory.create(given_by="command line", max_hold=99.0)
    with pytest.raises(OptionError, match="unknown option 'max_holt'"):
        GateFactory.create(max_holt=1.0)
    with pytest.raises(OptionError, match="listener: expected True, False, None or a function that makes a listener"):
        GateFactory.create(listener=PhonemeListener())  # type: ignore[arg-type]
    with pytest.raises(LexiconError, match="xx"):
        GateFactory.create(languages=["xx"])
    with pytest.raises(OptionError, match="none of that name"):
        GateFactory.create("no such profile")


def test_a_lexicon_may_be_given_ready_made() -> None:
    lexicon = Lexicon.load(["es"])
    assert GateFactory.create(lexicon=lexicon).lexicon is lexicon


def test_of_a_ready_made_lexicon_its_own_languages_say_whether_to_listen() -> None:
    assert GateFactory.create(lexicon=Lexicon.load(["es"])).listens
    assert not GateFactory.create(lexicon=Lexicon.load(["es"]), listener=False).listens

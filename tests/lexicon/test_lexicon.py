from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosody_gate.errors import LexiconError
from prosody_gate.lexicon import Lexicon
from prosody_gate.lexicon.normalise import ends_within_word, tokenize
from prosody_gate.lexicon.phrase_file import PhraseFile

LANGUAGES = ("de", "en", "es", "fr", "hi", "ja", "te", "zh")
PHRASES = Path(__file__).resolve().parents[2] / "src" / "prosody_gate" / "lexicon" / "phrases"
LEXICONS = {language: Lexicon.load([language]) for language in LANGUAGES}
ENGLISH = LEXICONS["en"]
EVERY_LANGUAGE = Lexicon.load(LANGUAGES)

REQUIRED_IGNORE = [
    "yeah",
    "yes",
    "yep",
    "yup",
    "ok",
    "okay",
    "hmm",
    "hm",
    "mm",
    "mhm",
    "uh-huh",
    "right",
    "sure",
    "got it",
    "ah",
    "uh",
    "um",
    "oh",
    "i see",
    "alright",
    "all right",
]
REQUIRED_INTERRUPT = [
    "stop",
    "wait",
    "hold on",
    "pause",
    "no",
    "cancel",
    "quit",
    "exit",
    "excuse me",
    "actually",
    "but",
    "however",
]


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_package_has_eight_languages() -> None:
    assert Lexicon.available_languages() == LANGUAGES


@pytest.mark.parametrize("phrase", REQUIRED_IGNORE)
def test_english_ignores_at_least_these(phrase: str) -> None:
    assert ENGLISH.match(phrase).ignore_only


@pytest.mark.parametrize("phrase", REQUIRED_INTERRUPT)
def test_english_interrupts_on_at_least_these(phrase: str) -> None:
    assert ENGLISH.match(phrase).interrupt == phrase


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_listed_phrase_matches_itself_in_any_case_and_punctuation(language: str) -> None:
    lexicon = LEXICONS[language]
    for phrase in lexicon.ignore:
        for text in (phrase, phrase.upper(), f" “{phrase}”... ", f"{phrase}?!", phrase.replace("'", "’")):
            assert lexicon.match(text).ignore_only, text
            assert lexicon.match(text).interrupt is None, text
    for phrase in lexicon.interrupt:
        for text in (phrase, phrase.upper(), f" “{phrase}”... ", f"{phrase}?!", phrase.replace("'", "’")):
            assert lexicon.match(text).interrupt == phrase, text
            assert lexicon.match(text).interrupt_index == 0, text
            assert not lexicon.match(text).ignore_only, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variant_is_read_as_its_canonical_phrase(language: str) -> None:
    lexicon = LEXICONS[language]
    for canonical, spellings in PhraseFile.read(PHRASES / f"{language}.toml").variants.items():
        expected = lexicon.match(canonical)
        for spelling in spellings:
            assert lexicon.match(spelling) == expected, (spelling, canonical)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_packaged_phrase_is_listed_twice_or_on_both_lists(language: str) -> None:
    content = PhraseFile.read(PHRASES / f"{language}.toml")
    assert content.language == language
    assert content.ignore is not None
    assert content.interrupt is not None
    tokens = [LEXICONS[language].match(phrase).tokens for phrase in (*content.ignore, *content.interrupt)]
    assert len(set(tokens)) == len(tokens)
    assert LEXICONS[language].ignore == content.ignore
    assert LEXICONS[language].interrupt == content.interrupt


def test_languages_together_share_no_phrase_between_the_lists() -> None:
    assert EVERY_LANGUAGE.languages == LANGUAGES
    assert not set(EVERY_LANGUAGE.ignore) & set(EVERY_LANGUAGE.interrupt)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Okay, right.", ("okay", "right")),
        ("That’s it -- DON'T!", ("that's", "it", "don't")),
        ("don´t", ("don't",)),
        ("'stop'", ("stop",)),
        ("uh-huh", ("uh", "huh")),
        ("room 101, 3.5", ("room", "101", "3", "5")),
        ("ＯＫ", ("ok",)),
        ("हाँ, ठीक है।", ("हाँ", "ठीक", "है")),
        ("అవును.", ("అవును",)),
        ("そうですね。", ("そ", "う", "で", "す", "ね")),
        ("はーーーい", ("は", "ー", "い")),
        ("好的，OK", ("好", "的", "ok")),
        ("ﾊｲ", ("ハ", "イ")),
        ("👍️ 👍🏽", ()),
        ("' ... -", ()),
        ("", ()),
    ],
)
def test_text_becomes_plain_tokens(text: str, tokens: tuple[str, ...]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("uh huh", "uh-huh"),
        ("uhhuh", "uh-huh"),
        ("mhm", "mm-hm"),
        ("Mm-hmm.", "mm-hm"),
        ("mmhmm", "mm-hm"),
        ("mm hmm", "mm-hm"),
        ("um-hum", "mm-hm"),
        ("yeahhh", "yeah"),
        ("hmmmm", "hmm"),
        ("mmmm", "mm"),
        ("okaaay", "okay"),
        ("O.K.", "okay"),
        ("coooool", "cool"),
        ("all right", "alright"),
        ("sooo", "so"),
        ("2000", "2000"),
    ],
)
def test_spellings_of_one_sound_are_one_token(text: str, canonical: str) -> None:
    assert ENGLISH.match(text).tokens == (canonical,)


@pytest.mark.parametrize(
    "text", ["yeah okay right", "Yeah, yeah, mm-hmm.", "oh okay, got it", "that is right", "thats right"]
)
def test_several_backchannels_in_a_row_are_ignored(text: str) -> None:
    assert ENGLISH.match(text).ignore_only


@pytest.mark.parametrize("text", ["", "  ", "...", "yeah tomorrow", "tomorrow"])
def test_text_with_no_word_or_with_another_word_is_not_only_ignored(text: str) -> None:
    match = ENGLISH.match(text)
    assert not match.ignore_only
    assert match.interrupt is None
    assert match.interrupt_index is None


def test_an_interrupt_phrase_is_found_anywhere_and_the_first_one_is_named() -> None:
    match = ENGLISH.match("mm hmm, yeah, but hold on a sec")
    assert match.interrupt == "but"
    assert match.interrupt_index == 2
    assert match.tokens == ("mm-hm", "yeah", "but", "hold", "on", "a", "second")
    assert ENGLISH.match("could we please hold on there").interrupt == "hold on"
    assert ENGLISH.match("nooo").interrupt == "no"


@pytest.mark.parametrize("text", ["no problem", "No worries!", "oh no", "yeah no", "good question"])
def test_a_longer_ignore_phrase_hides_the_interrupt_word_in_it(text: str) -> None:
    assert ENGLISH.match(text).interrupt is None
    assert ENGLISH.match(text).ignore_only


@pytest.mark.parametrize("text", ["no no", "no no no", "yeah no stop", "oh no wait", "no problem but"])
def test_an_interrupt_word_beside_a_hiding_phrase_still_counts(text: str) -> None:
    assert ENGLISH.match(text).interrupt is not None


@pytest.mark.parametrize("text", ["sto", "hold", "hold o", "butter", "stopping", "know", "now"])
def test_part_of_an_interrupt_phrase_is_not_one(text: str) -> None:
    assert ENGLISH.match(text, final=False).interrupt is None
    assert ENGLISH.match(text).interrupt is None


def test_a_partial_last_word_is_not_covered_by_an_ignore_phrase() -> None:
    assert ENGLISH.match("yeah", final=False).ignore_only
    assert not ENGLISH.match("yeah b", final=False).ignore_only
    assert not ENGLISH.match("got", final=False).ignore_only
    assert ENGLISH.match("got it", final=False).ignore_only


def test_interim_text_that_may_become_a_hiding_phrase_does_not_interrupt_yet() -> None:
    assert ENGLISH.match("no prob", final=False).interrupt is None
    assert ENGLISH.match("no pr", final=False).interrupt is None
    assert ENGLISH.match("no pr", final=True).interrupt == "no"
    assert ENGLISH.match("no pr, ", final=False).interrupt == "no"
    assert ENGLISH.match("no pleas", final=False).interrupt is None
    assert ENGLISH.match("no plants", final=False).interrupt == "no"
    assert ENGLISH.match("no", final=False).interrupt == "no"
    assert ENGLISH.match("wait a s", final=False).interrupt == "wait"


@pytest.mark.parametrize(
    ("text", "within"), [("no p", True), ("no ", False), ("no.", False), ("हाँ", True), ("", False)]
)
def test_the_last_word_may_grow_only_where_the_text_ends_in_it(text: str, within: bool) -> None:
    assert ends_within_word(text) is within


@pytest.mark.parametrize(
    ("language", "ignored", "interrupting"),
    [
        ("es", "Sí, sí, vale.", "sí, pero espera"),
        ("fr", "Oui, d’accord.", "oui mais attendez"),
        ("de", "Ja, genau, ach so.", "ja, aber Moment mal"),
        ("hi", "haan achha theek hai", "haan lekin ruko"),
        ("hi", "हां, अच्छा, ठीक है", "हाँ लेकिन रुको"),
        ("te", "avunu, sare", "avunu kani aagandi"),
        ("te", "అవును సరే", "అవును కానీ ఆగండి"),
        ("ja", "hai, sou desu ne", "hai, demo chotto matte"),
        ("ja", "はい、そうですね", "はい、でもちょっと待って"),
        ("zh", "en, dui, hao de", "dui danshi deng yixia"),
        ("zh", "嗯，對，好的", "对，但是等一下"),
    ],
)
def test_native_script_and_romanisation_are_both_read(language: str, ignored: str, interrupting: str) -> None:
    for lexicon in (LEXICONS[language], Lexicon.load([language, "en"])):
        assert lexicon.match(ignored).ignore_only
        assert lexicon.match(interrupting).interrupt is not None


def test_a_second_language_does_not_respell_the_words_of_the_first() -> None:
    assert Lexicon.load(["en", "hi"]).match("do me a favour").tokens == ("do", "me", "a", "favour")


@given(st.text(), st.booleans())
def test_match_takes_any_text(text: str, final: bool) -> None:
    match = EVERY_LANGUAGE.match(text, final=final)
    assert not (match.ignore_only and match.interrupt is not None)
    assert (match.interrupt is None) == (match.interrupt_index is None)
    if match.interrupt_index is not None:
        assert match.interrupt_index < len(match.tokens)


@given(
    st.lists(st.sampled_from(["yeah", "no", "problem", "wait", "a", "sec", "mm", "hm", "oh", "b", "uh-", "that", "is"]))
)
def test_words_in_any_order_match_the_same_with_other_case_and_spacing(words: list[str]) -> None:
    assert ENGLISH.match(" ".join(words)) == ENGLISH.match(",  ".join(words).upper() + " ")


@given(st.lists(st.sampled_from(ENGLISH.ignore), min_size=1).map(" ".join))
def test_interim_text_never_interrupts_where_the_same_final_text_does_not(text: str) -> None:
    for end in range(len(text)):
        if ENGLISH.match(text[:end]).interrupt is None:
            assert ENGLISH.match(text[:end], final=False).interrupt is None


def test_added_phrases_match_and_the_first_lexicon_stays_as_it_was() -> None:
    changed = ENGLISH.add(ignore=["roger that"], interrupt=["Computer"], variants={"roger": ["rodger"]})
    assert changed.match("Rodger that, OK").ignore_only
    assert changed.match("hey computer").interrupt == "Computer"
    assert ENGLISH.match("computer").interrupt is None


def test_an_added_phrase_moves_from_the_other_list() -> None:
    changed = ENGLISH.add(ignore=["actually"], interrupt=["ok"])
    assert changed.match("actually").ignore_only
    assert "actually" not in changed.interrupt
    assert changed.match("okay").interrupt == "ok"
    assert "okay" not in changed.ignore


def test_a_removed_phrase_is_gone_in_every_spelling_and_language() -> None:
    changed = Lexicon.load(["en", "hi"]).remove(ignore=["ok"], interrupt=["stop"])
    assert not changed.match("okay").ignore_only
    assert not changed.match("ok").ignore_only
    assert changed.match("stop").interrupt is None


def test_a_replaced_list_holds_only_the_new_phrases() -> None:
    changed = ENGLISH.replace(interrupt=["red light", "right"])
    assert changed.interrupt == ("red light", "right")
    assert changed.match("stop").interrupt is None
    assert changed.match("all right, red light").interrupt == "red light"
    assert changed.match("right").interrupt == "right"
    assert ENGLISH.replace(ignore=[]).ignore == ()


def test_a_lexicon_can_be_made_of_phrases_alone() -> None:
    lexicon = Lexicon(ignore=["tick-tock"], interrupt=["halt"])
    assert lexicon.languages == ()
    assert lexicon.match("tick tock, ticktock").ignore_only


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: ENGLISH.remove(ignore=["banana"]), "cannot remove 'banana': it is not on the ignore list"),
        (lambda: ENGLISH.remove(interrupt=["yeah"]), "cannot remove 'yeah': it is not on the interrupt list"),
        (lambda: ENGLISH.add(ignore=["ok"], interrupt=["okay"]), "both to ignore and to interrupt"),
        (lambda: ENGLISH.add(ignore=["..."]), "ignore: the phrase '...' has no word in it"),
        (lambda: ENGLISH.add(ignore="yeah"), "ignore: expected a list of phrases, got 'yeah'"),
        (lambda: ENGLISH.add(variants={"a": ["x"], "b": ["x"]}), "'x' is a spelling of both 'a' and 'b'"),
        (lambda: Lexicon.load(["xx"]), "unknown language 'xx'; available: de, en, es, fr, hi, ja, te, zh"),
        (lambda: Lexicon.load("en"), "languages: expected a list of language codes"),
        (lambda: Lexicon.load(["english"]), "unknown language 'english'; available: de, en, es, fr, hi, ja, te, zh"),
        (lambda: Lexicon.load(["it-IT"]), "unknown language 'it-IT'; available: de, en, es, fr, hi, ja, te, zh"),
        (lambda: Lexicon.load([3]), "unknown language 3; available: de, en, es, fr, hi, ja, te, zh"),  # type: ignore[list-item]
        (lambda: Lexicon.load(files="mine.toml"), "files: expected a list of paths, got the one path 'mine.toml'"),
        (lambda: ENGLISH.add(ignore={"phrases": ["a"]}), "ignore: expected a list of phrases, got a table"),
        (lambda: ENGLISH.add(variants=["a"]), "variants: expected a table of phrase to list of spellings, got ['a']"),  # type: ignore[arg-type]
    ],
)
def test_a_change_that_cannot_be_made_says_why(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LexiconError) as caught:
        change()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_adds_and_removes_phrases_and_spellings(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'add_ignore = ["roger"]\nremove_ignore = ["fine"]\nadd_interrupt = ["computer"]\n'
        'remove_interrupt = ["but"]\n[variants]\n"yeah" = ["yeh yeh"]\n',
    )
    lexicon = Lexicon.load(files=[path])
    assert lexicon.match("roger, yeh yeh").tokens == ("roger", "yeah")
    assert not lexicon.match("fine").ignore_only
    assert lexicon.match("computer").interrupt == "computer"
    assert lexicon.match("but").interrupt is None


def test_a_list_in_a_file_adds_to_the_packaged_phrases(tmp_path: Path) -> None:
    path = write(tmp_path, 'ignore = ["splendid"]\ninterrupt = ["red light", "right"]')
    lexicon = Lexicon.load(["en", "es"], files=[path])
    before = Lexicon.load(["en", "es"])
    assert lexicon.ignore == (*(phrase for phrase in before.ignore if phrase != "right"), "splendid")
    assert lexicon.interrupt == (*before.interrupt, "red light", "right")
    assert lexicon.match("splendid, okay").ignore_only
    assert lexicon.match("all right").ignore_only
    assert lexicon.match("right").interrupt == "right"


def test_add_ignore_and_add_interrupt_of_earlier_files_add_as_ever(tmp_path: Path) -> None:
    earlier = Lexicon.load(files=[write(tmp_path, 'add_ignore = ["splendid"]\nadd_interrupt = ["red light"]')])
    now = Lexicon.load(files=[write(tmp_path, 'ignore = ["splendid"]\ninterrupt = ["red light"]')])
    assert (earlier.ignore, earlier.interrupt) == (now.ignore, now.interrupt)


def test_a_file_without_language_replaces_the_whole_list(tmp_path: Path) -> None:
    lexicon = Lexicon.load(["en", "es"], files=[str(write(tmp_path, 'replace_interrupt = ["halt"]'))])
    assert lexicon.interrupt == ("halt",)
    assert lexicon.match("vale, okay").ignore_only


def test_a_replaced_list_can_be_empty_or_get_more_in_the_same_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'replace_ignore = []\nreplace_interrupt = ["halt"]\ninterrupt = ["red light"]')
    lexicon = Lexicon.load(files=[path])
    assert lexicon.ignore == ()
    assert lexicon.interrupt == ("halt", "red light")


def test_a_file_of_a_loaded_language_replaces_only_that_languages_list(tmp_path: Path) -> None:
    path = write(tmp_path, 'language = "en"\nreplace_interrupt = ["halt"]')
    lexicon = Lexicon.load(["en", "es"], files=[path])
    assert lexicon.match("but").interrupt is None
    assert lexicon.match("halt").interrupt == "halt"
    assert lexicon.match("pero").interrupt == "pero"


def test_a_file_of_a_loaded_language_adds_to_that_languages_list(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'language = "es"\nignore = ["por supuesto que sí", "no"]\ninterrupt = ["un momento por favor"]',
    )
    assert Lexicon.load(["es"], files=[path]).match("no").ignore_only
    assert Lexicon.load(["es"], files=[path]).match("por supuesto que sí").ignore_only
    # The language named first decides about a phrase of both.
    lexicon = Lexicon.load(["en", "es"], files=[path])
    assert lexicon.match("no").interrupt == "no"
    assert lexicon.match("un momento por favor").interrupt == "un momento por favor"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "en"), ("en-US", "en"), ("EN_gb", "en"), ("zh-Hans-CN", "zh"), ("cmn-Hans-CN", "zh"), ("es-419", "es")],
)
def test_a_bcp_47_tag_means_its_language(tag: str, code: str) -> None:
    assert Lexicon.load([tag]).languages == (code,)
    assert Lexicon.load([tag]).ignore == LEXICONS[code].ignore


def test_two_countries_of_one_language_are_one_language() -> None:
    assert Lexicon.load(["en-GB", "es-MX", "en-US"]).languages == ("en", "es")


def test_a_language_of_a_file_can_be_asked_for_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, 'language = "it"\nignore = ["no"]')
    assert Lexicon.load(["it-IT"], files=[path]).ignore == ("no",)
    # Named first, it decides about a phrase of both.
    lexicon = Lexicon.load(["it", "en"], files=[path])
    assert lexicon.languages == ("it", "en")
    assert lexicon.match("no").ignore_only
    with pytest.raises(LexiconError, match="unknown language 'pt'; available: de, en, es, fr, hi, it, ja, te, zh"):
        Lexicon.load(["pt"], files=[path])


def test_a_file_may_name_its_language_with_the_country(tmp_path: Path) -> None:
    path = write(tmp_path, 'language = "pt-BR"\nignore = ["beleza"]\ninterrupt = ["peraí"]')
    lexicon = Lexicon.load(["en-US"], files=[path])
    assert lexicon.languages == ("en", "pt")
    assert lexicon.match("beleza").ignore_only


def test_a_file_of_a_new_language_brings_it_beside_the_others(tmp_path: Path) -> None:
    path = write(tmp_path, 'language = "it"\nignore = ["già"]\ninterrupt = ["aspetta"]\n[variants]\n"già" = ["gia"]')
    lexicon = Lexicon.load(["en"], files=[path])
    assert lexicon.languages == ("en", "it")
    assert lexicon.match("yeah, gia").ignore_only
    assert lexicon.match("aspetta").interrupt == "aspetta"
    assert Lexicon.load([], files=[path]).ignore == ("già",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ignore = [", "not valid TOML"),
        ('ignroe = ["a"]', "unknown key 'ignroe'; expected one of language, ignore, interrupt"),
        ('ignore = "yeah"', "ignore: expected a list of phrases, got 'yeah'"),
        ("add_ignore = 3", "add_ignore: expected a list of phrases, got 3"),
        ("add_ignore = [3]", "add_ignore: expected phrases in quotes, got 3"),
        ('interrupt = ["stop", " "]', "interrupt: the phrase ' ' has no word in it"),
        ("language = 7", "language: expected a code"),
        ('language = "english"', """language: expected a code such as "en" or "pt-BR", got 'english'"""),
        ('language = ["en"]', """language: expected a code such as "en" or "pt-BR", got ['en']"""),
        ('[ignore]\nphrases = ["a"]', "ignore: expected a list of phrases, got a table"),
        ('[[interrupt]]\nphrases = ["a"]', "interrupt: expected phrases in quotes, got a table"),
        ('[remove_ignore]\nphrases = ["yeah"]', "remove_ignore: expected a list of phrases, got a table"),
        ("replace_ignore = true", "replace_ignore: expected a list of phrases, got True"),
        ('ignore = [["a", "b"]]', "ignore: expected phrases in quotes, got ['a', 'b']"),
        ("[variants.yeah]\nspellings = ['ya']", "variants.yeah: expected a list of phrases, got a table"),
        (
            '[variants]\n"yeah" = ["ya"]\nignore = ["roger"]',
            "variants.ignore: expected ignore above the line [variants], not below it",
        ),
        ('ignore = ["roger"]\nadd_interrupt = ["Roger!"]', "'roger' is in both ignore and add_interrupt"),
        ('variants = ["a"]', "variants: expected a table"),
        ('[variants]\n"yeah" = "ya"', "variants.yeah: expected a list of phrases"),
        ('[variants]\n"a" = ["x"]\n"b" = ["x"]', "variants: 'x' is a spelling of both 'a' and 'b'"),
        ('ignore = ["Stop!"]\ninterrupt = ["stop"]', "'Stop!' is in both ignore and interrupt"),
        (
            'add_ignore = ["ok"]\nadd_interrupt = ["okay"]',
            "'okay' is given both to ignore and to interrupt on",
        ),
        (
            'language = "en"\nignore = ["ok"]\ninterrupt = ["okay"]',
            "'okay' is given both to ignore and to interrupt on",
        ),
        ('remove_ignore = ["banana"]', "cannot remove 'banana': it is not on the ignore list"),
    ],
)
def test_a_bad_file_is_refused_with_one_line_that_names_it(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(LexiconError) as caught:
        Lexicon.load(files=[path])
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_or_binary_file_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "none.toml", "cannot read"),
        (tmp_path, "cannot read"),
        (binary, "not UTF-8"),
    ):
        with pytest.raises(LexiconError, match=message) as caught:
            Lexicon.load(files=[path])
        assert str(path) in str(caught.value)

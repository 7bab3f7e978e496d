from __future__ import annotations

import numpy as np
import pytest

from prosody_gate.audio import FRAME_DURATION
from prosody_gate.bench import (
    Decision,
    ItemStream,
    MinWordsRule,
    Outcome,
    SpeechDurationRule,
    SystemScore,
    Verdict,
    WordListRule,
)
from prosody_gate.bench.intervals import Share, bootstrap_mean, bootstrap_percentiles, rate
from prosody_gate.bench.outcome import verdict_of
from prosody_gate.gate import GateOptions, Transcript
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import Span

ALWAYS = (Span(float("-inf"), float("inf")),)
LEXICON = Lexicon.load()


def stream_of(
    *speech: tuple[int, int], frames: int = 100, agent: tuple[Span, ...] = ALWAYS, says: object = ()
) -> ItemStream:
    """A stream in which the frames of each [first, last) are speech."""
    probabilities = np.zeros(frames)
    for first, last in speech:
        probabilities[first:last] = 1.0
    return ItemStream.of(list(probabilities), agent, says, GateOptions())  # type: ignore[arg-type]


def outcome(
    label: str, set_name: str, confirmed: float | None, *, decided: float | None = None, kind: str = ""
) -> Outcome:
    verdict = Verdict(confirmed=confirmed, decided=confirmed if decided is None else decided, reason="evidence")
    return Outcome("x", 1, label, set_name, 1.0, {"gate": verdict}, kind=kind)


def test_wilsons_interval_is_that_of_the_tables() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_the_bootstrap_is_the_same_every_time_and_in_any_order() -> None:
    values = list(np.random.default_rng(4).normal(1.0, 0.2, 200))
    first = bootstrap_percentiles(values, (10.0, 50.0, 90.0))
    assert bootstrap_percentiles(values[::-1], (10.0, 50.0, 90.0)) == first
    assert [one.low <= one.value <= one.high for one in first] == [True] * 3
    mean = bootstrap_mean(values)
    assert mean is not None
    # The standard error of the mean of 200 is 0.2 / sqrt(200).
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * 0.2 / 200**0.5, rel=0.2)
    assert bootstrap_mean([]) is None
    assert bootstrap_percentiles([], (50.0,)) == ()


def test_byars_interval_is_close_to_the_exact_poisson_one() -> None:
    found = rate(10, 2.0)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 4.795 / 2, 18.39 / 2), abs=0.02)
    none = rate(0, 1.0)
    assert none is not None
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(3.69, abs=0.15)
    assert rate(3, 0.0) is None


def test_the_duration_rule_counts_trailing_silence_as_the_plugin_does() -> None:
    stream = stream_of((10, 14))
    onset = 10 * FRAME_DURATION
    # 4 frames of speech and 18 of silence: 0.704 s in all.
    assert [decision.onset for decision in SpeechDurationRule(0.2).decide(stream)] == [onset]
    assert SpeechDurationRule(0.2).decide(stream)[0].time == pytest.approx(onset + 0.224)
    assert SpeechDurationRule(0.5).decide(stream)[0].time == pytest.approx(onset + 0.512)
    assert SpeechDurationRule(0.8).decide(stream) == []


def test_the_duration_rule_fires_once_a_stretch_and_only_at_an_agent() -> None:
    assert len(SpeechDurationRule(0.5).decide(stream_of((10, 40)))) == 1
    assert len(SpeechDurationRule(0.5).decide(stream_of((10, 30), (55, 75)))) == 2
    assert SpeechDurationRule(0.5).decide(stream_of((10, 40), agent=())) == []
    ends_first = (Span(0.0, 0.6),)
    assert SpeechDurationRule(0.5).decide(stream_of((10, 40), agent=ends_first)) == []
    before_the_agent = (Span(0.5, 9.0),)
    assert SpeechDurationRule(0.5).decide(stream_of((10, 40), agent=before_the_agent)) == []


def test_the_rules_on_words_decide_on_each_text_as_it_arrives() -> None:
    texts = [
        Transcript(0.9, "yeah", start=0.32, end=0.5),
        Transcript(1.1, "yeah but", start=0.32, end=0.7),
        Transcript(1.3, "yeah but no", final=True, start=0.32, end=0.9),
    ]
    stream = stream_of((10, 30), says=texts)
    assert [decision.time for decision in WordListRule(LEXICON).decide(stream)] == [1.1]
    assert [decision.time for decision in MinWordsRule(2, LEXICON).decide(stream)] == [1.1]
    assert [decision.time for decision in MinWordsRule(3, LEXICON).decide(stream)] == [1.3]
    assert WordListRule(LEXICON).decide(stream_of((10, 30), says=texts[:1])) == []
    assert WordListRule(LEXICON).decide(stream_of((10, 30), says=texts, agent=(Span(0.0, 1.0),))) == []


def test_an_event_is_confirmed_by_the_first_of_its_overlaps_and_timed_from_the_first_onset() -> None:
    decisions = [
        Decision(1.0, 2.5, confirm=False, cancel=True, reason="evidence", held=1.1),
        Decision(
            3.0, 3.4, confirm=True, reason="evidence", evidence={"prior": 9.0, "time": 1.0, "words": 2.0}, held=3.1
        ),
    ]
    verdict = verdict_of(decisions, 1.0)
    assert verdict.confirmed == pytest.approx(2.4)
    assert verdict.decided_through == "words"
    cancelled = verdict_of(decisions[:1], 1.0)
    assert (cancelled.confirmed, cancelled.decided) == (None, 1.5)
    assert verdict_of([], None) == Verdict()


def test_a_confirm_after_three_seconds_is_a_miss_and_a_late_false_one_is_false() -> None:
    score = SystemScore.of(
        "gate",
        [
            (one, one.verdicts["gate"])
            for one in (
                outcome("interruption", "stop", 0.4),
                outcome("interruption", "stop", 1.1),
                outcome("interruption", "stop", 3.2),
                outcome("interruption", "stop", None),
                outcome("backchannel", "yeah", 4.0),
                outcome("backchannel", "yeah", None, decided=0.45),
                outcome("noise", "door", None),
            )
        ],
    )
    assert (score.caught.count, score.caught.of) == (2, 4)
    assert (score.false_interruptions.count, score.false_interruptions.of) == (1, 3)
    assert {label: share.count for label, share in score.false_by_label.items()} == {"backchannel": 1, "noise": 0}
    assert score.precision == Share(2, 3)
    assert score.latency is not None
    assert score.latency.p50.value == pytest.approx(0.75)
    assert score.runs_on is not None
    assert score.runs_on.value == pytest.approx((0.4 + 1.1 + 3.0 + 3.0) / 4)
    by_500_ms = score.decided_by[2]
    assert (by_500_ms.decided, by_500_ms.recall, by_500_ms.precision) == (Share(2, 7), Share(1, 4), Share(1, 1))
    stop = score.by_set[0]
    assert (stop.set, dict(stop.within)[1.0], dict(stop.within)[1.2]) == ("stop", Share(1, 4), Share(2, 4))
    assert score.false_per_hour is None


def test_errors_are_counted_by_kind_and_what_has_none_is_left_out() -> None:
    score = SystemScore.of(
        "gate",
        [
            (one, one.verdicts["gate"])
            for one in (
                outcome("backchannel", "a", 0.4, kind="hum"),
                outcome("backchannel", "b", None, kind="hum"),
                outcome("nonspeech", "b", None, kind="laugh"),
                outcome("nonspeech", "b", 0.3, kind="hum"),
                outcome("interruption", "a", 0.4, kind="command"),
                outcome("interruption", "a", 3.4, kind="command"),
                outcome("interruption", "a", None, kind="command"),
                outcome("noise", "door", 0.5),
            )
        ],
    )
    assert [(one.kind, one.label, one.wrong) for one in score.by_kind] == [
        ("command", "interruption", Share(2, 3)),
        ("hum", "backchannel", Share(1, 2)),
        ("hum", "nonspeech", Share(1, 1)),
        ("laugh", "nonspeech", Share(0, 1)),
    ]
    assert score.to_dict()["by_kind"][0] == {
        "kind": "command",
        "label": "interruption",
        "wrong": {"count": 2, "of": 3, "share": 0.6667, "interval": [0.2077, 0.9385]},
    }


def test_unlabelled_overlaps_count_in_the_rate_an_hour() -> None:
    one = outcome("backchannel", "yeah", 0.5)
    score = SystemScore.of("gate", [(one, one.verdicts["gate"])], unlabelled=2, agent_speech=1_800.0)
    assert score.false_per_hour is not None
    assert score.false_per_hour.value == pytest.approx(6.0)


def said(text: str, at: float, start: float | None = None, end: float | None = None) -> Transcript:
    return Transcript(at=at, text=text, final=True, start=start, end=end)


@pytest.mark.parametrize("times", [(None, None), (22.0, 23.9)])
def test_a_late_text_of_the_users_own_turn_is_not_charged_to_an_old_overlap(times: tuple[float, float]) -> None:
    agent = (Span(0.0, 5.0), Span(24.5, 40.0))
    stream = stream_of(
        (31, 41), (687, 747), frames=900, agent=agent, says=[said("book a table", 24.6, *times)]
    )  # 1 s, over the agent; 22 s, while it is silent
    assert WordListRule(LEXICON).decide(stream) == []
    (late,) = WordListRule(LEXICON).decide(stream_of((31, 41), agent=agent, says=[said("book a table", 1.7)]))
    assert late.onset == pytest.approx(31 * FRAME_DURATION)


def test_speech_that_the_gates_vad_does_not_find_is_not_charged_to_an_old_overlap() -> None:
    probabilities = [0.0] * 31 + [0.9] * 10 + [0.0] * 1800 + [0.6] * 60 + [0.0] * 30
    stream = ItemStream.of(probabilities, ALWAYS, None, GateOptions(activation_threshold=0.7))
    assert len(stream.overlaps) == 1
    assert [one.time < 3.0 for one in SpeechDurationRule(0.5).decide(stream)] == [True]
    assert [one.time < 3.0 for one in SpeechDurationRule(0.2).decide(stream)] == [True]


def left(confirmed: float | None, decided: float | None, agent_left: float | None) -> SystemScore:
    verdict = Verdict(confirmed=confirmed, decided=decided, reason="evidence")
    one = Outcome("x", 1, "interruption", "set", 1.0, {"gate": verdict}, agent_left=agent_left)
    return SystemScore.of("gate", [(one, verdict)])


def test_a_floor_that_the_agent_leaves_in_time_is_the_users_unless_the_words_were_cancelled() -> None:
    released, cancelled, late = left(None, None, 0.3), left(None, 0.2, 0.3), left(None, None, 4.0)
    assert (released.caught.count, cancelled.caught.count, late.caught.count) == (1, 0, 0)
    assert released.precision.of == 0
    assert [one.runs_on.value for one in (released, cancelled, late) if one.runs_on is not None] == [0.3, 0.3, 3.0]
    assert left(0.2, 0.2, 0.3).latency is not None

"""Each service's own way to say when its words were said."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace as Object
from typing import Any

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.frames.frames import TranscriptionFrame

from prosody_gate.pipecat.testing import SilentSTT
from prosody_gate.pipecat.word_times import SERVICES, SaidWord, SpokenTimes, service_of

WORDS = (SaidWord("Yes,", 1.2, 1.5), SaidWord("please.", 1.6, 2.0))
EXPECTED = SpokenTimes(1.2, 2.0, WORDS)

RESULTS: dict[str, Any] = {
    "deepgram": Object(
        channel=Object(
            alternatives=[
                Object(
                    words=[
                        Object(word="yes", punctuated_word="Yes,", start=1.2, end=1.5),
                        Object(word="please", punctuated_word="please.", start=1.6, end=2.0),
                    ]
                )
            ]
        )
    ),
    "assemblyai": Object(
        words=[Object(text="Yes,", start=1200, end=1500), Object(text="please.", start=1600, end=2000)]
    ),
    "aws": {
        "Alternatives": [
            {
                "Items": [
                    {"Type": "pronunciation", "Content": "Yes,", "StartTime": 1.2, "EndTime": 1.5},
                    {"Type": "punctuation", "Content": ",", "StartTime": 1.5, "EndTime": 1.5},
                    {"Type": "pronunciation", "Content": "please.", "StartTime": 1.6, "EndTime": 2.0},
                ]
            }
        ]
    },
    "elevenlabs": {
        "words": [
            {"text": "Yes,", "start": 1.2, "end": 1.5, "type": "word"},
            {"text": " ", "start": 1.5, "end": 1.6, "type": "spacing"},
            {"text": "please.", "start": 1.6, "end": 2.0, "type": "word"},
        ]
    },
    "gladia": {
        "data": {
            "utterance": {
                "words": [{"word": " Yes,", "start": 1.2, "end": 1.5}, {"word": " please.", "start": 1.6, "end": 2.0}]
            }
        }
    },
    "google": Object(
        alternatives=[
            Object(
                words=[
                    Object(word="Yes,", start_offset=timedelta(seconds=1.2), end_offset=timedelta(seconds=1.5)),
                    Object(word="please.", start_offset=timedelta(seconds=1.6), end_offset=timedelta(seconds=2.0)),
                ]
            )
        ]
    ),
    "soniox": [
        {"text": "Yes", "start_ms": 1200, "end_ms": 1400},
        {"text": ",", "start_ms": 1400, "end_ms": 1500},
        {"text": " plea", "start_ms": 1600, "end_ms": 1800},
        {"text": "se.", "start_ms": 1800, "end_ms": 2000},
    ],
}


def frame(result: Any) -> TranscriptionFrame:
    return TranscriptionFrame("Yes, please.", "user", "now", result=result)


@pytest.mark.parametrize("service", RESULTS)
def test_the_words_of_a_service_are_read_with_their_times(service: str) -> None:
    found = SERVICES[service](frame(RESULTS[service]))
    assert found is not None
    assert [word.text for word in found.words] == ["Yes,", "please."]
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == pytest.approx([1.2, 1.5, 1.6, 2.0])
    assert (found.start, found.end) == pytest.approx((EXPECTED.start, EXPECTED.end))


def test_azure_says_when_the_whole_was_said() -> None:
    found = SERVICES["azure"](frame(Object(result=Object(offset=12_000_000, duration=8_000_000))))
    assert found is not None
    assert (found.start, found.end, found.words) == (pytest.approx(1.2), pytest.approx(2.0), ())


@pytest.mark.parametrize("result", [None, {}, [], "text", Object(), {"words": None}, {"words": [{"text": "Yes,"}]}, 5])
@pytest.mark.parametrize("service", SERVICES)
def test_a_result_without_times_has_none(service: str, result: Any) -> None:
    assert SERVICES[service](frame(result)) is None


def test_words_without_times_or_that_end_before_they_begin_are_not_half_used() -> None:
    words = [Object(word="yes", start=1.2, end=1.5), Object(word="please", start=2.0, end=1.0)]
    result = Object(channel=Object(alternatives=[Object(words=words)]))
    assert SERVICES["deepgram"](frame(result)) is None


def test_the_real_deepgram_results_are_read() -> None:
    types = pytest.importorskip("deepgram.listen.v1.types", reason="needs Deepgram's SDK")
    word = {"word": "yes", "punctuated_word": "Yes.", "start": 0.5, "end": 0.75, "confidence": 1.0}
    result = types.ListenV1Results.construct(
        channel={"alternatives": [{"transcript": "Yes.", "confidence": 1.0, "words": [word]}]}
    )
    found = SERVICES["deepgram"](frame(result))
    assert found == SpokenTimes(0.5, 0.75, (SaidWord("Yes.", 0.5, 0.75),))


def test_a_service_is_known_by_its_module_also_through_a_class_of_the_users_own() -> None:
    pytest.importorskip("deepgram", reason="needs Deepgram's SDK")
    from pipecat.services.deepgram.stt import DeepgramSTTService

    class Mine(DeepgramSTTService): ...

    assert service_of(Mine.__new__(Mine)) == "deepgram"

    assert service_of(SilentSTT()) not in SERVICES
    assert service_of(None) is None

"""The scenes of docs/pipecat.md in a real pipeline, on recorded sounds, with the real Silero on both sides."""

from __future__ import annotations

import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat_call import PipecatCall
from virtual_time import run_virtual


def scene(
    what: str,
    text: str,
    *,
    bot: float = 4.5,
    before: float = 1.2,
    delay: float = 0.3,
    after: float = 3.5,
    interim: str = "",
    **options: object,
) -> PipecatCall:
    """The bot speaks, the user makes a sound over it, which is transcribed `delay` s after it, or not at all."""

    async def main() -> PipecatCall:
        async with PipecatCall(real=True, **options) as call:  # type: ignore[arg-type]
            await call.silence(0.5)
            await call.speak(bot)
            await call.silence(before)
            await call.sound(what)
            if interim:
                await call.interim(interim)
            await call.silence(delay)
            if text:
                await call.final(text)
            await call.silence(after)
        return call

    return run_virtual(main, monotonic=True)


def check_that_the_bot_never_noticed(call: PipecatCall) -> None:
    assert call.kinds() == ["hold", "cancel"]
    assert call.playout() == ["play", "end"]
    assert call.interruptions() == 0
    assert (call.turns, call.messages(), call.finals(), call.vad()) == ([], [], [], "")


@pytest.mark.parametrize(
    ("what", "text", "vad"),
    [("mm-hm", "Mm-hmm.", "()"), ("yeah", "Yeah.", "()"), ("okay", "Okay, right.", "()()"), ("cough", "", "")],
)
def test_a_backchannel_while_the_bot_speaks_is_kept_from_it(what: str, text: str, vad: str) -> None:
    call = scene(what, text)
    check_that_the_bot_never_noticed(call)
    assert call.backchannels() == ([text] if text else [])
    assert call.vad(call.up) == vad


def test_interim_words_of_a_backchannel_are_kept_back_and_make_no_backchannel_of_their_own() -> None:
    call = scene("okay", "Okay, right.", interim="Okay")
    check_that_the_bot_never_noticed(call)
    assert call.backchannels() == ["Okay, right."]


@pytest.mark.parametrize(("what", "text"), [("stop", "Stop."), ("yeah wait a second", "Yeah, wait a second.")])
def test_a_command_while_the_bot_speaks_stops_it_and_is_the_users_turn(what: str, text: str) -> None:
    call = scene(what, text)
    assert call.kinds() == ["hold", "confirm"]
    assert call.playout() == ["play", "cut"]
    assert call.interruptions() == 1
    assert call.user_turns() == call.llm.asked == call.finals() == [text]
    assert (call.vad(), call.backchannels(), call.timeouts) == ("()", [], 0)


def test_an_answer_while_the_bot_is_silent_passes_as_it_is() -> None:
    call = scene("yeah", "Yeah.", bot=0.4, before=1.5)
    assert call.kinds() == []
    assert call.user_turns() == call.llm.asked == ["Yeah."]
    assert (call.vad(), call.backchannels(), call.timeouts) == ("()", [], 0)


def test_yes_in_the_bots_last_second_is_a_turn_of_its_own_at_once() -> None:
    call = scene("yeah", "Yes.", bot=2.4, delay=0.2)
    assert call.kinds() == ["hold", "release"]
    assert call.playout() == ["play", "end"]
    assert call.user_turns() == call.llm.asked == ["Yes."]
    started, stopped = (at for _, at, _ in call.turns)
    ended = call.loudspeaker.log[-1].at - call.loudspeaker.log[0].at + 0.5
    assert started == pytest.approx(ended + 0.2, abs=0.06)
    # The aggregator's own 0.6 s after the end of speech, not its watchdog's 5 s.
    assert stopped == pytest.approx(started + 0.6, abs=0.06)
    assert (call.vad(), call.timeouts) == ("()", 0)


def test_without_any_transcript_a_command_stops_the_bot_and_a_backchannel_does_not() -> None:
    call = scene("yeah", "", after=2.0)
    check_that_the_bot_never_noticed(call)
    call = scene("yeah wait a second", "", user={"empty_user_turn": None}, after=2.0)
    assert (call.kinds(), call.playout(), call.vad()) == (["hold", "confirm"], ["play", "cut"], "()")


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2), (8_000, 2)])
def test_other_sample_rates_and_two_channels_change_nothing(rate: int, channels: int) -> None:
    check_that_the_bot_never_noticed(scene("okay", "Okay.", rate=rate, channels=channels, after=2.5))
    call = scene("yeah wait a second", "Yeah, wait a second.", rate=rate, channels=channels, after=1.5)
    assert (call.playout(), call.user_turns()) == (["play", "cut"], ["Yeah, wait a second."])

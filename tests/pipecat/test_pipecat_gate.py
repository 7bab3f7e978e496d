"""The gate in a real pipeline with a scripted VAD: what goes downstream, and when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs Pipecat: pip install 'prosody-gate[pipecat]'")

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    FunctionCallFromLLM,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTMuteFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
    UserBackchannelFrame,
    UserSpeakingFrame,
    VADParamsUpdateFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.turns.user_mute import AlwaysUserMuteStrategy, MuteUntilFirstBotCompleteUserMuteStrategy

from livekit_call import ConfirmAt
from pipecat_call import LoudIsSpeech, PipecatCall, recorded, said_by_bot
from prosody_gate import GateEventKind, OptionError
from prosody_gate.pipecat import ProsodyGate, SaidWord, SpokenTimes
from prosody_gate.profile import Microphone, Profile
from virtual_time import run_virtual

Body = Callable[[PipecatCall], Awaitable[None]]


def run(body: Body, *confirm_at: float, **options: Any) -> PipecatCall:
    """Run `body(call)` in a call, to its end."""

    async def main() -> PipecatCall:
        async with PipecatCall(*confirm_at, **options) as call:
            await body(call)
        return call

    return run_virtual(main, monotonic=True)


async def over_the_bot(call: PipecatCall, script: str, *, bot: float = 6.0) -> None:
    """The bot speaks from 0.5 s on; at 1.5 s begins the script."""
    await call.silence(0.5)
    await call.speak(bot)
    await call.silence(1.0)
    await call.audio(script)


def test_a_confirm_in_mid_speech_sends_a_start_as_long_ago_as_the_onset_and_the_vads_own_stop() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 40 + "-" * 20)
        await call.final("what was that")
        await call.silence(1.0)

    call = run(body, 2.3)
    assert call.kinds() == ["hold", "confirm"]
    assert call.vad() == "()"
    (start,) = call.down.of(VADUserStartedSpeakingFrame)
    (at,) = call.down.times(VADUserStartedSpeakingFrame)
    assert at - start.start_secs == pytest.approx(1.5, abs=0.08)
    assert start.timestamp - start.start_secs == pytest.approx(1_700_000_001.5, abs=0.08)
    assert call.user_turns() == ["what was that"]


def test_upstream_gets_the_vads_frames_at_once_whatever_the_gate_does() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 20 + "-" * 60)

    call = run(body)
    assert (call.kinds(), call.vad()) == (["hold", "cancel"], "")
    assert call.vad(call.up) == "()"
    assert call.up.times(VADUserStartedSpeakingFrame) == [pytest.approx(1.5 + 0.2, abs=0.07)]
    assert call.up.of(UserSpeakingFrame)
    assert not call.down.of(UserSpeakingFrame)


def test_a_start_and_its_upstream_twin_know_each_other() -> None:
    async def body(call: PipecatCall) -> None:
        await call.audio("-" * 10 + "s" * 20 + "-" * 20)

    call = run(body)
    for kind in (VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame):
        ((up,), (down,)) = call.up.of(kind), call.down.of(kind)
        assert (up.broadcast_sibling_id, down.broadcast_sibling_id) == (down.id, up.id)
        assert up.timestamp == down.timestamp


def test_words_that_cause_the_interruption_are_not_dropped_by_it() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 20 + "-" * 14)
        await call.interim("what about")
        await call.final("what about Tuesday?")
        await call.final("Stop.")
        await call.silence(1.5)

    call = run(body)
    assert call.kinds() == ["hold", "confirm"]
    assert call.playout() == ["play", "cut"]
    assert call.user_turns() == ["what about Tuesday? Stop."]
    assert [frame.interruptible for frame in call.down.of(TranscriptionFrame, InterimTranscriptionFrame)] == [False] * 3


def test_speech_that_the_vad_never_finds_gets_a_start_and_a_stop_by_the_gate() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 30 + "-" * 14)
        await call.final("what was that")
        await call.silence(1.5)

    call = run(body, 2.0, vad=LoudIsSpeech(confidence=0.99))
    assert (call.kinds(), call.vad(call.up), call.vad()) == (["hold", "confirm"], "", "()")
    assert (call.user_turns(), call.timeouts) == (["what was that"], 0)


def test_a_start_that_the_vad_sends_after_the_confirm_is_dropped_and_its_stop_sent() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 40 + "-" * 14)
        await call.final("what was that")
        await call.silence(1.5)

    call = run(body, 1.7, vad=LoudIsSpeech(start_secs=0.6))
    assert (call.vad(), call.vad(call.up)) == ("()", "()")
    assert call.down.times(VADUserStartedSpeakingFrame)[0] < call.up.times(VADUserStartedSpeakingFrame)[0]
    assert call.user_turns() == ["what was that"]


def test_held_speech_survives_the_gap_between_two_pieces_of_what_the_bot_says() -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(0.5)
        await call.put(*said_by_bot(1.5, "one"), *said_by_bot(3.0, "two"))
        await call.silence(0.9)
        await call.audio("s" * 10 + "-" * 8)
        await call.final("Okay.")
        await call.silence(4.0)

    call = run(body)
    assert call.playout() == ["play", "end", "play", "end"]
    assert (call.kinds(), call.turns) == (["hold", "cancel"], [])
    assert call.backchannels() == ["Okay."]


def test_speech_that_the_gate_finds_too_short_is_the_users_once_the_bot_is_silent() -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(0.5)
        await call.speak(1.2)
        await call.silence(1.0)
        await call.audio("s" * 30 + "-" * 14)
        await call.final("my order number")
        await call.silence(1.5)

    call = run(body)
    assert call.kinds() == ["hold", "release"]
    assert (call.vad(), call.user_turns()) == ("()", ["my order number"])


def test_audio_comes_between_a_start_that_is_replayed_and_its_stop() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10 + "-" * 6, bot=2.0)
        await call.final("Yes.")
        await call.silence(2.0)

    call = run(body)
    assert call.kinds() == ["hold", "release"]
    names = [type(frame).__name__ for _, frame in call.down.frames]
    start, stop = (names.index(f"VADUser{name}SpeakingFrame") for name in ("Started", "Stopped"))
    assert "InputAudioRawFrame" in names[start:stop]
    (start_frame,), (stop_frame,) = call.down.of(VADUserStartedSpeakingFrame), call.down.of(VADUserStoppedSpeakingFrame)
    assert start_frame.start_secs == pytest.approx(2.5 + 0.2 - 1.5, abs=0.1)
    assert stop_frame.timestamp == call.up.of(VADUserStoppedSpeakingFrame)[0].timestamp


def test_a_turn_from_before_the_bot_spoke_is_never_held() -> None:
    async def body(call: PipecatCall) -> None:
        await call.audio("-" * 10 + "s" * 20)
        await call.put(TTSSpeakFrame("is not spoken here"))
        await call.speak(3.0)
        await call.audio("s" * 20 + "-" * 14)
        await call.final("as I was saying")
        await call.silence(2.0)

    call = run(body)
    assert (call.kinds(), call.vad(), call.user_turns()) == ([], "()", ["as I was saying"])


def test_a_turn_that_is_open_when_the_bot_begins_is_ended_as_without_the_gate() -> None:
    async def body(call: PipecatCall) -> None:
        await call.audio("-" * 10 + "s" * 20 + "-" * 14)  # no word comes: the turn stays open
        await call.speak(4.0)
        await call.silence(1.0)
        await call.audio("s" * 20 + "-" * 14)
        await call.final("Stop.")
        await call.silence(6.0)

    gated, plain = run(body), run(body, gated=False)
    assert gated.kinds() == ["hold", "confirm"]
    assert [kind for kind, *_ in gated.turns] == [kind for kind, *_ in plain.turns]
    assert gated.user_turns() == plain.user_turns()
    assert gated.playout() == plain.playout() == ["play", "end"]  # Pipecat refuses a start in an open turn


def test_a_final_that_comes_long_after_the_cancel_is_a_backchannel() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10 + "-" * 60)
        await call.final("Yeah.")
        await call.silence(0.5)

    call = run(body)
    assert (call.kinds(), call.backchannels(), call.finals()) == (["hold", "cancel"], ["Yeah."], [])


def test_a_final_that_comes_after_the_cancel_and_says_stop_stops_the_bot() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10 + "-" * 60)
        await call.final("Stop.")
        await call.silence(1.5)

    call = run(body)
    assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
    assert (call.playout(), call.user_turns(), call.vad()) == (["play", "cut"], ["Stop."], "()")


def times_in_result(frame: Any) -> SpokenTimes | None:
    if frame.result is None:
        return None
    words = tuple(SaidWord(*word) for word in frame.result)
    return SpokenTimes(words[0].start, words[-1].end, words)


def test_a_late_final_with_times_is_matched_to_its_own_speech_and_its_cancelled_words_are_cut_out() -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(0.4)
        await call.final("Hello.", result=[("Hello.", 0.0, 0.1)])  # tells the clock where the service begins
        await over_the_bot(call, "s" * 12 + "-" * 70 + "s" * 30 + "-" * 14)
        said = [("Okay.", 1.9, 2.2), ("What", 4.6, 4.9), ("now?", 5.0, 5.4)]
        await call.final("Okay. What now?", result=said)
        await call.silence(1.0)

    call = run(body, gate={"times": times_in_result, "sources": [ConfirmAt(0.2, 5.0)]})
    assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
    assert call.finals() == ["Hello.", "What now?"]
    assert call.backchannels() == ["Okay."]


def test_that_results_carry_no_times_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def body(call: PipecatCall) -> None:
        await call.final("one")
        await call.final("two")

    run(body)
    assert [record.option for record in caplog.records if hasattr(record, "option")] == ["times"]  # type: ignore[attr-defined]


def test_a_gate_that_fails_is_transparent_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ConfirmAt):
        def update(self, observation: Any) -> float:
            if observation.time > 2.0:
                raise RuntimeError("broken")
            return -20.0

    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10)
        await call.interim("Okay")
        await call.audio("s" * 20 + "-" * 14)
        await call.final("Okay then.")
        await call.silence(1.5)
        await call.speak(2.0)
        await call.audio("-" * 10 + "s" * 20 + "-" * 14)
        await call.final("Yes.")
        await call.silence(1.5)

    call = run(body, gate={"sources": [Broken()]})
    assert [str(error) for error in call.errors] == ["broken"]
    assert call.metrics[-1].errors == 1
    assert (call.vad(), call.vad(call.up)) == ("()()", "()()")
    assert call.user_turns() == call.finals() == ["Okay then.", "Yes."]
    assert call.playout() == ["play", "cut", "play", "cut"]
    assert call.timeouts == 0


def test_a_times_hook_that_raises_makes_the_gate_transparent_and_loses_no_word() -> None:
    def broken(frame: Any) -> SpokenTimes | None:
        raise KeyError("words")

    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 20 + "-" * 14)
        await call.final("Okay then.")
        await call.silence(1.5)

    call = run(body, gate={"times": broken})
    assert [type(error) for error in call.errors] == [KeyError]
    assert call.finals() == call.user_turns() == ["Okay then."]


@pytest.mark.parametrize("mute", [AlwaysUserMuteStrategy, MuteUntilFirstBotCompleteUserMuteStrategy])
def test_while_the_user_is_muted_the_gate_holds_nothing(mute: Any) -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 20 + "-" * 14, bot=3.0)
        await call.final("Stop.")
        await call.silence(2.0)
        await call.audio("s" * 20 + "-" * 14)
        await call.final("Are you done?")
        await call.silence(1.5)

    call = run(body, user={"user_mute_strategies": [mute()]})
    assert (call.kinds(), call.playout()) == ([], ["play", "end"])
    assert call.user_turns() == ["Are you done?"]
    assert call.vad() == "()()"


def test_what_is_held_when_the_user_is_muted_is_dropped() -> None:
    class MuteLater(AlwaysUserMuteStrategy):
        async def process_frame(self, frame: Any) -> bool:
            return asyncio.get_running_loop().time() > 2.4

    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 20 + "-" * 4)
        await call.interim("the blue")
        await call.audio("s" * 20 + "-" * 30)

    call = run(body, user={"user_mute_strategies": [MuteLater()]})
    assert (call.kinds()[0], call.playout()) == ("hold", ["play", "end"])
    assert (call.vad().count("("), call.vad().count(")")) in ((0, 0), (1, 1))
    assert (call.turns, call.backchannels()) == ([], [])


def test_a_microphone_that_goes_off_in_mid_word_does_not_leave_the_speech_held() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12, bot=8.0)
        await call.wait(4.0)

    call = run(body)
    assert call.kinds() == ["hold", "cancel"]
    assert call.vad(call.up) == "()"
    assert call.vad() == ""


def test_words_that_nothing_is_decided_about_are_given_up_in_time() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12, bot=20.0)
        await call.interim("what about")
        await call.wait(9.0)

    call = run(body)
    assert call.kinds()[0] == "hold"
    assert call.gate is not None
    assert call.gate._hold.held == 0


def test_what_has_not_been_decided_when_the_call_ends_is_cancelled_and_comes_before_the_end() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12 + "-" * 12)
        await call.final("Okay.")

    call = run(body)
    assert call.kinds() == ["hold", "cancel"]
    assert call.decisions[-1].reason == "stream_end"
    assert call.backchannels() == ["Okay."]
    names = [type(frame).__name__ for _, frame in call.down.frames]
    assert names.index("UserBackchannelFrame") < names.index("EndFrame")


def test_a_backchannel_just_before_a_function_runs_is_cancelled_and_the_floor_kept() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10 + "-" * 4, bot=2.0)
        function = FunctionCallFromLLM("look_up", "1", {}, call.context)
        await call.llm.push_frame(FunctionCallsStartedFrame([function]), FrameDirection.UPSTREAM)
        await call.audio("-" * 8)
        await call.final("Okay.")
        await call.silence(2.0)
        done = FunctionCallResultFrame("look_up", "1", {}, "ten")
        await call.llm.push_frame(done, FrameDirection.UPSTREAM)
        await call.speak(1.0)
        await call.silence(1.5)

    call = run(body)
    assert (call.kinds(), call.turns) == (["hold", "cancel"], [])
    assert call.playout() == ["play", "end", "play", "end"]


def test_a_recogniser_that_is_muted_is_not_taken_for_dead() -> None:
    async def body(call: PipecatCall) -> None:
        await call.worker.queue_frame(STTMuteFrame(mute=True), FrameDirection.UPSTREAM)
        await call.silence(0.1)
        assert call.gate is not None
        assert not call.gate.gate.is_transcribed
        await call.worker.queue_frame(STTMuteFrame(mute=False), FrameDirection.UPSTREAM)
        await call.silence(0.1)
        assert call.gate.gate.is_transcribed

    run(body)


def test_parameters_of_the_vad_can_be_changed_in_mid_call() -> None:
    async def body(call: PipecatCall) -> None:
        params = VADParams(stop_secs=0.5, min_volume=0.0)
        await call.worker.queue_frame(VADParamsUpdateFrame(params), FrameDirection.UPSTREAM)
        await call.silence(0.2)
        await call.audio("s" * 20 + "-" * 30)

    call = run(body)
    (stop,) = call.up.of(VADUserStoppedSpeakingFrame)
    assert stop.stop_secs == 0.5


def test_metrics_and_decisions_are_reported() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12 + "-" * 70)
        await call.final("Yeah.")

    call = run(body)
    assert [event.kind for event in call.decisions] == [GateEventKind.HOLD, GateEventKind.CANCEL]
    assert [metrics.cancelled for metrics in call.metrics] == [1, 1]
    assert call.metrics[-1].transcripts_dropped == 1
    assert call.gate is not None
    assert call.gate.metrics == call.metrics[-1]


def test_options_can_be_changed_in_mid_call_and_before_it() -> None:
    gate = ProsodyGate(vad_analyzer=LoudIsSpeech(), listener=False)
    gate.update_options(max_hold=1.0)
    assert gate.gate.options.max_hold == 1.0
    gate.update_options(sensitivity=0.7)
    assert (gate.gate.options.max_hold, gate.gate.options.sensitivity) == (1.0, 0.7)
    with pytest.raises(OptionError, match="max_hold"):
        gate.update_options(max_hold=99.0)


def test_prewarm_leaves_a_loaded_recogniser_to_every_gate() -> None:
    from prosody_gate.listener.phoneme_recogniser import shared_recogniser

    ProsodyGate.prewarm()
    assert shared_recogniser.cache_info().currsize == 1
    gate = ProsodyGate(vad_analyzer=LoudIsSpeech())
    assert gate._listener is not None
    listener: Any = gate._listener._listener
    assert listener._recogniser is shared_recogniser()


def test_a_rate_that_silero_does_not_take_is_brought_to_one_that_it_does_also_once_the_gate_has_failed() -> None:
    async def body(call: PipecatCall) -> None:
        assert call.gate is not None
        assert call.gate._analyzer.sample_rate == 16_000
        await call.silence(0.3)
        call.gate._driver.fail(RuntimeError("broken"))
        await call.hear(np.repeat(recorded("okay"), 3))
        await call.silence(0.5)

    call = run(body, rate=48_000, vad=SileroVADAnalyzer())
    assert {frame.sample_rate for frame in call.down.of(InputAudioRawFrame)} == {48_000}
    assert call.vad() == call.vad(call.up) == "()()"


def test_audio_that_cannot_be_used_makes_the_gate_transparent_and_goes_on_as_it_is() -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(0.2)
        await call.put(InputAudioRawFrame(bytes(640), 96_000, 1))
        await call.silence(0.2)

    call = run(body)
    assert [type(error).__name__ for error in call.errors] == ["AudioError"]
    assert 96_000 in {frame.sample_rate for frame in call.down.of(InputAudioRawFrame)}


def warned_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.option for record in caplog.records if getattr(record, "option", "times") != "times"]


def test_a_vad_analyzer_left_in_the_aggregator_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12 + "-" * 30)

    call = run(body, user={"vad_analyzer": LoudIsSpeech()})
    assert warned_of(caplog) == ["vad_analyzer"]
    assert "the user aggregator has a vad_analyzer of its own" in caplog.text
    assert call.vad(call.up) == "()"


@pytest.mark.parametrize("vad", [None, "silero", 0.5])
def test_a_gate_without_a_vad_is_an_error_that_says_what_was_expected(vad: Any) -> None:
    with pytest.raises(OptionError, match="vad_analyzer: expected a VADAnalyzer of Pipecat's"):
        ProsodyGate(vad_analyzer=vad)


def test_logs_have_no_words_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12 + "-" * 12)
        await call.final("secret")
        await call.silence(1.0)

    with caplog.at_level(logging.INFO):
        run(body)
    assert "secret" not in caplog.text


def test_a_dropped_interim_makes_no_backchannel() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 12 + "-" * 12)
        await call.interim("Okay")
        await call.silence(2.0)

    call = run(body)
    assert call.down.of(UserBackchannelFrame) == []


def test_a_function_that_runs_beside_the_conversation_keeps_no_floor() -> None:
    async def body(call: PipecatCall) -> None:
        await over_the_bot(call, "s" * 10 + "-" * 4, bot=2.0)
        function = FunctionCallFromLLM("look_up", "1", {}, call.context)
        await call.llm.push_frame(FunctionCallsStartedFrame([function]), FrameDirection.UPSTREAM)
        beside = FunctionCallInProgressFrame("look_up", "1", {}, cancel_on_interruption=False)
        await call.llm.push_frame(beside, FrameDirection.UPSTREAM)
        await call.audio("-" * 8)
        await call.final("Okay.")
        await call.silence(2.0)

    call = run(body)
    # With the floor kept it would have been cancelled; so it is the answer.
    assert (call.kinds(), call.user_turns()) == (["hold", "release"], ["Okay."])


def test_a_recogniser_that_was_muted_before_the_gate_is_made_is_known_to_be() -> None:
    gate = ProsodyGate(vad_analyzer=LoudIsSpeech(), listener=False)
    gate._note(STTMuteFrame(mute=True))
    assert not gate._driver.has_gate
    assert not gate.gate.is_transcribed


def test_audio_in_long_pieces_is_heard_in_time() -> None:
    async def body(call: PipecatCall) -> None:
        assert call.gate is not None
        await call.silence(1.0)
        await call.speak(8.0)
        await call.silence(6.0)
        assert call.gate.gate.time == pytest.approx(call.gate._driver.time, abs=0.04)

    run(body, frame=8_000)


def test_a_profile_with_an_echo_guard_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    async def body(call: PipecatCall) -> None:
        await call.silence(0.1)

    run(body, gate={"profile": Profile(microphone=Microphone(name="desk", echo_guard=True))})
    assert [record.message for record in caplog.records if getattr(record, "option", "") == "echo_guard"] == [
        "the profile wants echo_guard, which there is only in LiveKit; cancel the echo before it comes here"
    ]

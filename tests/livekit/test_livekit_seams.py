"""Where the gate's clock, the session's state and its streams meet: a real AgentSession on a clock that jumps.

The plain session, without the gate, is the yardstick: with the gate no turn is lost that it keeps.
"""

from __future__ import annotations

from unittest import mock

import pytest
from livekit.agents import Agent, AgentSession
from livekit.agents.stt import SpeechEventType
from livekit.agents.types import TimedString

from livekit_session import Answering, SilentRealtimeModel
from virtual_session import HandMicrophone, ToolCalling, VirtualCall, frame_of, run_virtual


def test_a_microphone_that_goes_off_over_the_agent_does_not_leave_the_user_speaking():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(3.0)
            await call.silence(0.5)
            await call.audio("s" * 20)
            call.session.input.set_audio_enabled(False)
            await call.wait(4.0)  # the agent ends 1.9 s after the last audio
            assert call.kinds() == ["hold", "cancel"]
            assert call.user_states() == []
            handle = call.speak(1.0)
            await call.wait(2.0)
            assert handle.done()
            assert call.playout() == ["play", "end", "play", "end"]

    run_virtual(main)


def test_a_track_that_ends_in_mid_word_just_before_the_agent_is_a_whole_turn():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(1.5)
            await call.silence(0.8)
            await call.audio("s" * 18)  # 0.1 s before the agent's end the track is unpublished
            await call.wait(3.0)
            assert call.kinds() == ["hold", "release"]
            assert call.user_states() == ["speaking", "listening"]
            handle = call.speak(1.0)
            await call.wait(2.0)
            assert handle.done()

    run_virtual(main)


def test_a_track_that_ends_in_the_users_own_turn_ends_the_turn():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            await call.audio("s" * 10)
            await call.wait(2.0)
            assert call.user_states() == ["speaking", "listening"]
            handle = call.speak(1.0)
            await call.wait(2.0)
            assert handle.done()

    run_virtual(main)


def test_a_microphone_that_goes_off_decides_nothing_against_words():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(3.0)
            await call.silence(0.5)
            await call.audio("s" * 20)
            await call.final("I think")
            call.session.input.set_audio_enabled(False)
            await call.wait(4.0)
            assert call.kinds() == ["hold", "release"]
            assert call.finals() == ["I think"]
            assert call.user_states() == ["speaking", "listening"]
            assert call.agent.asked == ["I think"]

    run_virtual(main)


def test_what_is_said_after_the_microphone_is_on_again_belongs_to_nothing_old():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(3.0)
            await call.silence(0.5)
            await call.audio("s" * 10)
            call.session.input.set_audio_enabled(False)
            await call.wait(30.0)
            call.session.input.set_audio_enabled(True)
            await call.silence(0.3)
            await call.final("yes")  # too soft for the VAD, without times
            await call.silence(1.5)
            assert call.kinds() == ["hold", "cancel"]
            assert call.finals() == ["yes"]
            assert call.agent.asked == ["yes"]

    run_virtual(main)


def test_the_gate_gets_silence_for_missing_audio_only_until_nothing_is_recent():
    async def main():
        async with VirtualCall() as call:
            await call.silence(2.0)
            before = call.gate.gate.time
            await call.wait(60.0)
            assert 5.0 <= call.gate.gate.time - before < 5.5

    run_virtual(main)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("of_the_agent", [False, True])
def test_with_turns_that_end_by_hand_nothing_that_was_said_is_missing(gated: bool, of_the_agent: bool):
    async def main():
        handling = {"turn_detection": "manual"}
        agent = Answering(seconds=1.0, turn_handling=handling) if of_the_agent else None
        async with VirtualCall(gated=gated, agent=agent, turn_handling={} if of_the_agent else handling) as call:
            await call.silence(0.5)
            call.speak(4.0)
            await call.silence(0.5)
            await call.audio("s" * 10 + "-" * 15)
            await call.final("yes")
            committed = call.session.commit_user_turn(transcript_timeout=0.5)
            await call.silence(0.7)
            assert committed.result() == "yes"
            assert call.agent.asked == ["yes"]
            assert call.user_states() == ["speaking", "listening"]

    run_virtual(main)


def test_a_session_that_goes_over_to_turns_by_hand_gets_what_is_held():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(8.0)
            await call.silence(0.5)
            await call.audio("s" * 10)
            await call.hear(SpeechEventType.INTERIM_TRANSCRIPT.value, "yes")
            assert call.kinds() == ["hold"]
            call.session.update_options(turn_detection="manual")
            await call.silence(1.5)
            assert call.kinds() == ["hold", "release"]
            assert call.user_states() == ["speaking", "listening"]
            call.session.update_options(turn_detection="vad")
            await call.silence(0.5)
            await call.audio("s" * 10)
            await call.silence(2.0)
            assert call.kinds() == ["hold", "release", "hold", "cancel"]
            assert call.user_states() == ["speaking", "listening"]

    run_virtual(main)


@pytest.mark.parametrize(("turn_detection", "cleared"), [("vad", True), ("manual", False)])
def test_audio_that_is_held_to_talk_stays_in_a_realtime_models_input(turn_detection: str, cleared: bool):
    async def main():
        model = SilentRealtimeModel()
        agent = Agent(instructions="test", llm=model)
        async with VirtualCall(agent=agent, turn_handling={"turn_detection": "vad"}) as call:
            await call.silence(0.5)
            call.speak(4.0)
            await call.silence(0.5)
            await call.audio("s" * 10)
            call.session.update_options(turn_detection=turn_detection)
            await call.silence(2.0)
            assert ("clear" in model.commands) is cleared

    run_virtual(main)


@pytest.mark.parametrize(
    ("text", "kinds", "played"),
    [
        ("okay", ["hold", "cancel"], ["play", "end", "play", "end"]),
        ("", ["hold", "cancel"], ["play", "end", "play", "end"]),
    ],
)
def test_a_backchannel_before_a_tool_runs_does_not_cost_the_reply(text: str, kinds: list[str], played: list[str]):
    async def main():
        async with VirtualCall(agent=ToolCalling(runs=2.0)) as call:
            await call.silence(0.2)
            call.session.generate_reply(user_input="what is the price?")
            await call.silence(0.6)
            await call.audio("s" * 8)  # "okay", in the last of the second that "one moment" takes
            if text:
                await call.final(text)
            await call.silence(5.0)
            assert call.kinds() == kinds
            assert call.agent_states() == ["listening", "thinking", "speaking", "thinking", "speaking", "listening"]
            assert call.playout() == played
            assert call.user_states() == []
            assert call.agent.said == ["one moment", "it is ten"]

    run_virtual(main)


def test_an_interruption_before_a_tool_runs_is_heard_while_it_runs():
    async def main():
        async with VirtualCall(1.0, agent=ToolCalling(runs=2.0)) as call:
            await call.silence(0.2)
            call.session.generate_reply(user_input="what is the price?")
            await call.silence(0.6)
            await call.audio("s" * 20)
            await call.final("no wait")
            await call.silence(3.0)
            assert call.kinds() == ["hold", "confirm"]
            assert call.user_states() == ["speaking", "listening"]
            assert call.finals()[-1] == "no wait"

    run_virtual(main)


def test_what_is_said_while_a_tool_runs_passes_as_in_any_silence():
    async def main():
        async with VirtualCall(agent=ToolCalling(runs=3.0)) as call:
            await call.silence(0.2)
            call.session.generate_reply(user_input="what is the price?")
            await call.silence(1.5)
            await call.audio("s" * 15)
            await call.silence(1.0)
            assert call.kinds() == []
            assert call.user_states() == ["speaking", "listening"]

    run_virtual(main)


def test_what_is_undecided_when_the_agent_hands_over_after_all_is_released():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(3.0)
            await call.silence(0.5)
            await call.audio("s" * 10)
            call.session._update_agent_state("thinking")
            await call.audio("s" * 5)
            assert call.kinds() == ["hold"]
            call.session._update_agent_state("listening")
            await call.audio("s" * 5)
            assert call.kinds() == ["hold", "release"]
            assert call.user_states() == ["speaking"]

    run_virtual(main)


@pytest.mark.parametrize("gated", [False, True])
def test_a_user_who_answers_over_the_question_whether_they_are_there_is_there(gated: bool):
    async def main():
        async with VirtualCall(gated=gated, user_away_timeout=2.0) as call:
            await call.silence(3.0)
            assert call.user_states() == ["away"]
            call.speak(1.6)  # "Are you still there?"
            await call.silence(0.5)
            await call.audio("s" * 8)  # "yes"
            await call.silence(0.3)
            await call.final("yes")
            await call.silence(1.5)
            assert call.session.user_state != "away"
            assert "away" not in call.user_states()[1:]

    run_virtual(main)


def test_a_user_who_is_away_is_there_again_with_a_backchannel_that_is_cancelled():
    async def main():
        async with VirtualCall(user_away_timeout=2.0) as call:
            await call.silence(3.0)
            assert call.session.user_state == "away"
            call.speak(5.0)
            await call.silence(0.5)
            await call.audio("s" * 8)
            await call.final("yes")
            await call.silence(2.0)
            assert call.kinds() == ["hold", "cancel"]
            assert call.session.agent_state == "speaking"
            assert call.user_states() == ["away", "listening"]

    run_virtual(main)


def test_a_backchannel_that_is_cancelled_restarts_the_time_until_the_user_is_away():
    async def main():
        async with VirtualCall(user_away_timeout=2.0) as call:
            call.speak(4.0)
            await call.silence(1.0)
            await call.audio("s" * 8)
            await call.silence(4.5)
            assert call.kinds() == ["hold", "cancel"]
            assert call.user_states() == []
            await call.silence(1.0)
            assert call.user_states() == ["away"]

    run_virtual(main)


def timed(*words: tuple[str, float, float]) -> dict[str, object]:
    """A final's times, of the whole and of each word, in seconds of the recogniser's audio."""
    strings = [TimedString(text, start_time=start, end_time=end) for text, start, end in words]
    return {"start": words[0][1], "end": words[-1][2], "words": strings}


async def cancelled_backchannel(call: VirtualCall) -> None:
    """The agent speaks for 3 s; "okay" after half of one is cancelled while it speaks on."""
    await call.silence(0.5)
    call.speak(3.0)
    await call.silence(0.5)
    await call.audio("s" * 8)
    await call.silence(0.3)
    await call.final("okay")
    await call.silence(1.2)
    assert call.kinds() == ["hold", "cancel"]
    assert call.finals() == []


def test_an_answer_too_soft_for_the_vad_is_not_taken_for_the_backchannel_before_it():
    async def main():
        async with VirtualCall() as call:
            await cancelled_backchannel(call)
            await call.silence(1.0)
            assert call.agent_states()[-1] == "listening"
            await call.final("two of them")
            await call.silence(1.0)
            assert call.finals() == ["two of them"]
            assert call.agent.asked == ["two of them"]

    run_virtual(main)


@pytest.mark.parametrize("times", [{}, {"start": 1.05, "end": 1.25}])
def test_an_interrupt_phrase_that_comes_too_late_to_open_its_overlap_again_still_comes(times: dict[str, float]):
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            call.speak(8.0)
            await call.silence(0.5)
            await call.audio("s" * 8)
            await call.silence(4.0)
            assert call.kinds() == ["hold", "cancel"]
            await call.final("stop", **times)
            await call.silence(0.3)
            assert call.finals() == ["stop"]
            assert call.playout()[:3] == ["play", "pause", "cut"]

    run_virtual(main)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("has_times", [False, True])
def test_a_final_of_the_users_turn_and_a_backchannel_brings_the_turn(late: bool, has_times: bool):
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            await call.audio("s" * 10)  # "Yes.", 0.51 to 0.83
            await call.silence(0.6)
            call.speak(3.0)
            await call.silence(0.4)
            await call.audio("s" * 8)  # "Okay.", 1.82 to 2.08
            await call.silence(1.5 if late else 0.2)
            times = timed(("Yes.", 0.5, 0.8), ("Okay.", 1.85, 2.05)) if has_times else {}
            await call.final("Yes. Okay.", **times)
            await call.silence(1.5)
            assert call.kinds() == ["hold", "cancel"]
            assert call.finals() == ["Yes." if has_times else "Yes. Okay."]

    run_virtual(main)


@pytest.mark.parametrize("gated", [False, True])
def test_a_recogniser_that_connects_again_in_mid_speech_does_not_leave_the_user_speaking(gated: bool):
    async def main():
        async with VirtualCall(gated=gated, turn_handling={"turn_detection": "stt"}) as call:
            await call.silence(0.5)
            await call.hear(SpeechEventType.START_OF_SPEECH.value)
            call.speak(3.0)
            await call.silence(1.0)
            await call.hear(SpeechEventType.START_OF_SPEECH.value)  # the first one's end is lost with its connection
            await call.silence(1.0)
            await call.hear(SpeechEventType.END_OF_SPEECH.value)
            await call.silence(3.0)
            assert call.user_states() == ["speaking", "listening"]
            handle = call.speak(1.0)
            await call.wait(2.0)
            assert handle.done()

    run_virtual(main)


def test_an_error_while_what_is_held_is_given_up_costs_no_words():
    async def main():
        async with VirtualCall() as call:
            errors: list[str] = []
            call.gate.on("error", lambda error: errors.append(str(error)))
            await call.silence(0.5)
            call.speak(20.0)
            await call.silence(0.5)
            await call.audio("s" * 20)
            await call.final("I think")
            with mock.patch.object(call.session.stt._hold, "release_overdue", side_effect=ValueError("no such item")):
                await call.wait(10.0)  # no audio, so that nothing else decides
            assert errors == ["no such item"]
            assert call.finals() == ["I think"]

    run_virtual(main)


class SecondSession:
    """Another session on the VAD and the STT of a call's, as `WarmTransferTask` opens one."""

    def __init__(self, call: VirtualCall) -> None:
        self.call = call
        self.finals: list[str] = []
        self.session = AgentSession(vad=call.session.vad, stt=call.session.stt, turn_handling={"turn_detection": "vad"})
        self.session.input.audio = self.microphone = HandMicrophone()
        self.session.on("user_input_transcribed", lambda event: self.finals.append(event.transcript))

    async def __aenter__(self) -> SecondSession:
        await self.session.start(Agent(instructions="test"))
        await self.audio("-" * 30)
        self.recogniser = self.call.recogniser.streams[-1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.session.aclose()

    async def audio(self, script: str) -> None:
        """The same sound for both."""
        for character in script:
            self.microphone.feed(frame_of(character))
            await self.call.audio(character)


def test_a_second_session_on_the_same_vad_and_stt_gets_its_own_words_and_no_others():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.5)
            first = call.recogniser.streams[-1]
            call.speak(8.0)
            async with SecondSession(call) as second:
                assert second.recogniser is not first
                await second.audio("s" * 8)
                first.say("final_transcript", "okay")
                second.recogniser.say("final_transcript", "I am the human")
                await second.audio("-" * 45)
                assert call.kinds() == ["hold", "cancel"]
                second.recogniser.say("final_transcript", "okay")
                await second.audio("-" * 5)
                assert second.finals == ["I am the human", "okay"]
                assert call.finals() == []
                call.session.clear_user_turn()
                await second.audio("-" * 5 + "s" * 8)
                call.recogniser.streams[-1].say("final_transcript", "okay")
                await second.audio("-" * 45)
                assert call.kinds() == ["hold", "cancel"] * 2
            await call.audio("s" * 8)
            call.recogniser.streams[-1].say("final_transcript", "okay")
            await call.silence(1.5)
            assert call.kinds() == ["hold", "cancel"] * 3
            assert call.finals() == []

    run_virtual(main)

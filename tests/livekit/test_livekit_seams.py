"""Where the gate's clock, the session's state and its streams meet: a real AgentSession on a clock that jumps.

The plain session, without the gate, is the yardstick: with the gate no turn is lost that it keeps.
"""

from __future__ import annotations

from virtual_session import VirtualCall, run_virtual


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

"""The VAD wrapper's events, window by window; the table is in prosody_gate/livekit/speech_translator.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents.vad import VADEventType
from livekit.plugins import silero

from livekit_call import STEP, WINDOW, Call, ScriptedVAD, StubSession, settle
from prosody_gate.errors import ProsodyGateError
from prosody_gate.livekit import ProsodyGate
from prosody_gate.profile import Microphone, Profile

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
QUIET = Profile(microphone=Microphone(name="quiet", input_gain_db=20.0))


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


async def plain(script: str, vad: ScriptedVAD | None = None) -> list:
    """What the VAD alone says."""
    stream = (vad or ScriptedVAD()).stream()
    got = []

    async def read():
        async for event in stream:
            got.append(event)

    reader = asyncio.create_task(read())
    for character in script:
        value = np.full(WINDOW, 900 if character == "s" else 20, np.int16)
        stream.push_frame(rtc.AudioFrame(value.tobytes(), 16_000, 1, WINDOW))
    await settle()
    await stream.aclose()
    await reader
    return got


def bare(events):
    return [replace(event, frames=[frame.data.tobytes() for frame in event.frames]) for event in events]


def length(event) -> float:
    return sum(frame.duration for frame in event.frames)


def test_while_the_agent_is_silent_the_events_are_those_of_the_vad_alone():
    script = "-" * 5 + "s" * 20 + "-" * 30 + "ss" + "-" * 25 + "s" * 3

    async def go():
        async with Call() as call:
            await call.audio(script)
            return call.got

    assert bare(run(go())) == bare(run(plain(script)))


def test_while_the_agent_is_silent_the_very_same_objects_pass():
    async def go():
        async with Call() as call:
            inner: list = []
            translate = call.stream._translate
            call.stream._translate = lambda event: (inner.append(event), translate(event))[1]
            await call.audio("-----" + "s" * 20 + "-" * 20)
            assert len(call.got) == len(inner)
            assert all(ours is theirs for ours, theirs in zip(call.got, inner, strict=True))

    run(go())


def test_a_cancelled_backchannel_never_reaches_the_session():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 12 + "-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert call.marks() == []
            assert call.speech_shown() == []
            # The VAD goes on telling that it works, window by window.
            assert len(call.got) == 77

    run(go())


def test_a_confirm_tells_the_true_onset_and_the_audio_since_before_it():
    async def go():
        async with Call(30 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 20)
            (start,) = call.starts()
            assert start.speech_duration == pytest.approx(10 * STEP)
            assert start.speaking
            # 0.5 s of audio before the onset, as the VAD's own START has, and all since.
            assert length(start) == pytest.approx(16 * STEP + 10 * STEP, abs=2 * STEP)
            assert np.frombuffer(start.frames[0].data, np.int16)[-10 * WINDOW :].min() == 900
            after = call.got[call.got.index(start) + 1]
            assert after.type is VADEventType.INFERENCE_DONE
            assert after.speech_duration == pytest.approx(10 * STEP, abs=1.5 * STEP)
            assert after.speaking

    run(go())


def test_a_confirm_adds_no_delay_the_start_comes_with_the_window_that_decided():
    async def go():
        async with Call(30 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 9)
            assert call.marks() == []
            await call.audio("s")
            assert call.marks() == ["start"]

    run(go())


def test_after_a_confirm_the_segment_ends_with_the_vads_own_end():
    async def go():
        async with Call(30 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 20)
            call.agent(False)
            await call.audio("-" * 30)
            (end,) = call.ends()
            assert end.speech_duration == pytest.approx(20 * STEP, abs=0.01)
            assert call.marks() == ["start", "end"]

    run(go())


def test_a_confirm_after_the_speech_has_ended_gives_start_an_interrupting_inference_and_end():
    async def go():
        async with Call(45 * STEP, transcript_timeout=2.0, tail_boundary=2.0) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10 + "-" * 22)
            assert call.marks() == []
            call.gate._driver.push_transcript(_transcript(call, "stop"))
            await settle()
            kinds = [event.type.value for event in call.got[-3:]]
            assert kinds == ["start_of_speech", "inference_done", "end_of_speech"]
            start, inference, end = call.got[-3:]
            assert start.speech_duration == pytest.approx(32 * STEP)
            assert inference.speech_duration == pytest.approx(32 * STEP)
            assert end.speech_duration == pytest.approx(10 * STEP)
            assert end.silence_duration == pytest.approx(22 * STEP)

    run(go())


def _transcript(call: Call, text: str):
    from prosody_gate import Transcript

    return Transcript(at=call.gate.gate.time, text=text, final=True)


def test_a_confirm_between_the_gates_end_of_speech_and_the_vads_interrupts_at_once():
    async def go():
        async with Call(29 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 8 + "-" * 12)
            assert call.kinds() == ["hold"]
            call.gate._driver.push_transcript(_transcript(call, "stop"))
            await settle()
            start, inference = call.got[-2:]
            assert start.type is VADEventType.START_OF_SPEECH
            assert inference.speech_duration == pytest.approx(20 * STEP)
            call.agent(False)
            await call.audio("-" * 8)
            assert call.marks() == ["start", "end"]

    run(go())


def test_the_silence_after_the_users_turn_does_not_interrupt_an_agent_that_answers_quickly():
    async def go():
        async with Call() as call:
            await call.audio("-" * 5 + "s" * 30 + "-" * 11)  # the gate's turn has ended, the VAD's not yet
            call.agent(True)
            shown = len(call.speech_shown())
            await call.audio("-" * 20)
            assert len(call.speech_shown()) == shown
            assert call.marks() == ["start", "end"]

    run(go())


def test_a_release_in_mid_speech_gives_a_late_start_and_what_follows():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 8)
            call.agent(False)
            await settle()
            assert call.kinds() == ["hold", "release"]
            (start,) = call.starts()
            assert start.speech_duration == pytest.approx(8 * STEP)
            await call.audio("s" * 5 + "-" * 30)
            assert call.marks() == ["start", "end"]
            assert call.ends()[0].speech_duration == pytest.approx(13 * STEP, abs=0.01)
            assert max(event.speech_duration for event in call.speech_shown()) > 13 * STEP

    run(go())


def test_a_release_after_the_speech_gives_start_and_end_without_an_interruption():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 8 + "-" * 25)
            call.agent(False)
            await settle()
            assert call.kinds() == ["hold", "release"]
            assert call.marks() == ["start", "end"]
            assert call.speech_shown() == []
            assert call.ends()[0].silence_duration == pytest.approx(25 * STEP)

    run(go())


def test_a_release_between_the_gates_end_of_speech_and_the_vads_lets_the_vad_say_the_end():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 8 + "-" * 12)
            call.agent(False)
            await settle()
            assert call.marks() == ["start"]
            await call.audio("-" * 8)
            assert call.marks() == ["start", "end"]

    run(go())


def test_two_overlaps_in_one_segment_the_second_confirmed_counts_from_its_own_onset():
    async def go():
        # The gate decides about the first at its end (nothing waits), the VAD's segment goes on through the gap.
        async with Call(70 * STEP, tail_boundary=0.0, utterance_gap=0.0) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 8 + "-" * 13 + "s" * 35)
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            (start,) = call.starts()
            assert start.speech_duration == pytest.approx((70 - 41) * STEP)
            following = call.speech_shown()[0]
            assert following.speech_duration == pytest.approx((70 - 41) * STEP)
            call.agent(False)
            await call.audio("-" * 20)
            (end,) = call.ends()
            assert end.speech_duration == pytest.approx(35 * STEP, abs=0.01)
            assert length(end) == pytest.approx(16 * STEP + (35 + 18) * STEP, abs=3 * STEP)

    run(go())


def test_one_overlap_confirmed_with_the_pending_one_before_it_gives_one_start_from_the_first():
    async def go():
        async with Call(float("inf")) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 8 + "-" * 22 + "s" * 5)
            assert call.kinds() == ["hold", "hold"]
            call.agent(False)
            await settle()
            assert call.kinds() == ["hold", "hold", "release", "release"]
            assert call.marks() == ["start"]
            assert call.starts()[0].speech_duration == pytest.approx(35 * STEP)
            await call.audio("-" * 20)
            assert call.marks() == ["start", "end"]

    run(go())


def test_speech_from_before_the_agent_began_is_never_held():
    async def go():
        async with Call() as call:
            await call.audio("-" * 5 + "s" * 10)
            call.agent(True)
            await call.audio("s" * 20 + "-" * 25)
            assert call.kinds() == []
            assert call.marks() == ["start", "end"]
            assert max(event.speech_duration for event in call.speech_shown()) > 30 * STEP

    run(go())


def test_a_backchannel_within_the_segment_of_the_users_own_turn_does_not_interrupt_but_ends():
    async def go():
        async with Call(tail_boundary=0.0) as call:
            await call.audio("-" * 5 + "s" * 10 + "-" * 10)  # the gate's turn has ended, the VAD's segment has not
            call.agent(True)
            shown_before = len(call.speech_shown())
            await call.audio("s" * 8)
            assert call.kinds() == ["hold"]
            shown = [event for event in call.speech_shown()[shown_before:] if event.speech_duration > 0]
            assert shown[1:] == []  # the first window came before the hold
            await call.audio("-" * 30)
            assert call.kinds() == ["hold", "cancel"]
            assert call.marks() == ["start", "end"]

    run(go())


def test_a_click_too_short_to_be_held_is_swallowed_while_the_agent_speaks():
    async def go():
        async with Call(min_speech_duration=0.2) as call:
            call.agent(True)
            await call.audio("-" * 5 + "sss" + "-" * 30)
            assert call.kinds() == []
            assert call.marks() == []
            assert call.speech_shown() == []

    run(go())


def test_speech_that_the_gate_does_not_hold_yet_is_sent_when_the_agent_stops():
    async def go():
        async with Call(min_speech_duration=0.2) as call:
            call.agent(True)
            await call.audio("-" * 5 + "sss")
            call.agent(False)
            await settle()
            assert call.marks() == ["start"]
            assert call.starts()[0].speech_duration == pytest.approx(3 * STEP)

    run(go())


def test_the_rest_of_a_cancelled_segment_is_not_sent_when_the_agent_stops_until_speech_comes_again():
    async def go():
        async with Call(tail_boundary=0.0, utterance_gap=0.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8 + "-" * 11)
            assert call.kinds() == ["hold", "cancel"]
            call.agent(False)
            await call.audio("-" * 3)
            assert call.marks() == []
            assert call.speech_shown() == []
            await call.audio("s" * 5)
            assert call.marks() == ["start"]
            assert call.starts()[0].speech_duration < 8 * STEP

    run(go())


def test_a_gate_that_hears_more_than_the_vad_tells_start_and_end_by_itself():
    async def go():
        # The gate's threshold is below the VAD's 0.5, the speech in between.
        async with Call(
            20 * STEP, activation_threshold=0.3, deactivation_threshold=0.2, min_silence_duration=0.2
        ) as call:
            call.agent(True)
            await call.audio("-" * 10)
            for _ in range(14):
                await call.window(0.4)
            assert call.kinds() == ["hold", "confirm"]
            assert call.marks() == ["start"]
            assert call.speech_shown()[0].speech_duration == pytest.approx(10 * STEP)
            await call.audio("-" * 10)
            assert call.marks() == ["start", "end"]

    run(go())


def test_a_vad_that_joins_in_after_the_gate_confirmed_alone_gives_no_second_start():
    async def go():
        async with Call(20 * STEP, activation_threshold=0.3, deactivation_threshold=0.2) as call:
            call.agent(True)
            await call.audio("-" * 10)
            for _ in range(12):
                await call.window(0.4)
            await call.audio("s" * 6 + "-" * 25)
            assert call.marks() == ["start", "end"]

    run(go())


def test_flush_makes_the_next_speech_a_new_segment():
    async def go():
        async with Call() as call:
            await call.audio("-" * 5 + "s" * 10)
            call.stream.flush()
            await call.audio("s" * 10 + "-" * 20)
            assert call.marks() == ["start", "start", "end"]
            assert call.gate.gate.time == pytest.approx(45 * STEP)

    run(go())


def test_flush_in_mid_hold_still_lets_the_confirm_through():
    async def go():
        async with Call(30 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            call.stream.flush()
            await call.audio("s" * 15)
            assert call.kinds() == ["hold", "confirm"]
            assert call.marks() == ["start"]

    run(go())


def test_a_vad_without_probabilities_is_read_by_what_it_decided():
    async def go():
        async with Call(30 * STEP, vad=ScriptedVAD(graded=False)) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 25)
            assert call.kinds() == ["hold", "confirm"]
            assert call.marks() == ["start"]

    run(go())


def test_a_vad_without_inference_events_is_read_by_its_marks():
    async def go():
        vad = ScriptedVAD()
        vad.infers = False
        # So much silence before it that the gate gave up waiting for an inference event.
        async with Call(150 * STEP, vad=vad) as call:
            call.agent(True)
            await call.audio("-" * 120 + "s" * 40)
            assert call.kinds() == ["hold", "confirm"]
            # The VAD's START comes with its second window of speech: that is the first thing it says.
            assert call.decisions[0].onset == pytest.approx(122 * STEP)
            assert call.decisions[1].reason == "evidence"
            assert call.marks() == ["start"]
            call.agent(False)
            await call.audio("-" * 25)
            assert call.marks() == ["start", "end"]

    run(go())


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_silero_plugin_says_the_same_with_the_gate_as_without_on_a_real_conversation(rate):
    """At once, not in real time: also a burst of audio must not change what passes."""
    samples, own = soundfile.read(DEMO, dtype="int16", always_2d=True, stop=14 * 16_000)
    user = resampled(samples[:, 1], own, rate)

    async def events_of(vad):
        stream = vad.stream()
        step = rate // 100
        for start in range(0, len(user) - step, step):
            stream.push_frame(rtc.AudioFrame(user[start : start + step].tobytes(), rate, 1, step))
        stream.end_input()
        # LiveKit's resampler dithers: away from 16 kHz the plugin itself gives other probabilities each time.
        dithered = {} if rate == own else {"probability": 0.0}
        got = [replace(event, inference_duration=0.0, **dithered) async for event in stream]
        await stream.aclose()
        return bare(got)

    async def go():
        vad = silero.VAD.load()
        gate = ProsodyGate(listener=False)
        wrapped = gate.vad(vad)
        gate.attach(StubSession(vad=wrapped))
        alone, gated = await events_of(vad), await events_of(wrapped)
        assert [event.type for event in gated].count(VADEventType.START_OF_SPEECH) >= 2
        assert gated == alone
        assert gate.gate.time == pytest.approx(14.0, abs=0.1)

    run(go())


def resampled(samples, own, rate):
    if own == rate:
        return samples
    places = np.arange(int(len(samples) * rate / own)) * own / rate
    return np.interp(places, np.arange(len(samples)), samples).astype(np.int16)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_other_sample_rates_are_held_and_confirmed_alike(rate):
    async def go():
        async with Call(30 * STEP, rate=rate) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 20)
            (start,) = call.starts()
            assert start.speech_duration == pytest.approx(10 * STEP, abs=1.5 * STEP)
            assert start.frames[0].sample_rate == rate

    run(go())


def test_a_new_stream_after_a_hand_over_goes_on_with_the_gates_clock():
    async def go():
        async with Call(55 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 20)
            await call.close_stream()
            call.open()
            await call.audio("-" * 20 + "s" * 20)
            assert call.decisions[0].onset == pytest.approx(40 * STEP)
            assert call.kinds() == ["hold", "confirm"]
            assert call.starts()[0].speech_duration == pytest.approx(15 * STEP)

    run(go())


def test_a_hand_over_in_mid_hold_keeps_the_hold():
    async def go():
        async with Call(40 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 5)
            await call.close_stream()
            call.open()
            await call.audio("s" * 20)
            assert call.kinds() == ["hold", "confirm"]
            assert call.marks() == ["start"]

    run(go())


def test_a_second_stream_open_beside_the_first_is_the_vad_alone():
    async def go():
        async with Call() as call:
            call.agent(True)
            other = call.vad.stream()
            got = []

            async def read():
                async for event in other:
                    got.append(event)

            reader = asyncio.create_task(read())
            await call.audio("-")
            for character in "-" * 4 + "s" * 10 + "-" * 20:
                value = np.full(WINDOW, 900 if character == "s" else 20, np.int16)
                other.push_frame(rtc.AudioFrame(value.tobytes(), 16_000, 1, WINDOW))
                await settle()
            await other.aclose()
            await reader
            assert bare(got) == bare(await plain("-" * 4 + "s" * 10 + "-" * 20))
            assert call.gate.gate.time == pytest.approx(STEP)

    run(go())


def test_the_contract_of_the_vad_passes_through():
    async def go():
        inner = ScriptedVAD()
        vad = ProsodyGate(listener=False).vad(inner)
        assert (vad.model, vad.provider, vad._label) == ("scripted", "tests", inner._label)
        assert vad.capabilities is inner.capabilities
        assert vad.min_silence_duration == 0.55
        vad.update_options(min_silence_duration=0.7)
        assert inner.updated == {"min_silence_duration": 0.7}
        got = []
        vad.on("metrics_collected", got.append)
        inner.emit("metrics_collected", "numbers")
        vad.off("metrics_collected", got.append)
        inner.emit("metrics_collected", "more")
        assert got == ["numbers"]
        with pytest.raises(AttributeError):
            _ = vad.no_such_thing

    run(go())


def test_metrics_come_once_from_the_vad_inside():
    async def go():
        async with Call() as call:
            got = []
            call.vad.on("metrics_collected", got.append)
            await call.audio("-" * 70)
            assert len(got) == 2
            assert got[0].label == call.inner._label

    run(go())


def test_end_input_ends_the_stream_after_the_last_event():
    async def go():
        async with Call() as call:
            await call.audio("-" * 5 + "s" * 5)
            call.stream.end_input()
            await asyncio.wait_for(asyncio.gather(*call._readers), 5)
            assert call.marks() == ["start"]
            with pytest.raises(RuntimeError):
                call.stream.push_frame(rtc.AudioFrame(bytes(1024), 16_000, 1, 512))

    run(go())


@pytest.mark.parametrize("profile", [None, QUIET])
def test_an_error_of_the_vad_reaches_the_session_and_makes_the_gate_transparent(profile):
    async def go():
        vad = ScriptedVAD()
        vad.fail_at = 20 * STEP
        errors = []
        call = Call(vad=vad, profile=profile)
        call.gate.on("error", errors.append)
        call.open()
        call.agent(True)
        await call.audio("-" * 10 + "s" * 5)
        for _ in range(6):
            call.stream._input_ch.send_nowait(rtc.AudioFrame(bytes(1024), 16_000, 1, 512))
        result = await asyncio.gather(*call._readers, return_exceptions=True)
        assert isinstance(result[0], RuntimeError)
        assert [str(error) for error in errors] == ["the VAD broke"]
        assert call.kinds() == ["hold", "release"]
        assert call.gate.metrics.errors == 1
        await call.stream.aclose()
        await call.gate.aclose()

    run(go())


def test_an_error_in_the_gate_lets_the_speech_through_and_everything_after():
    class Broken:
        name = "broken"

        def reset(self) -> None:
            pass

        def update(self, observation):
            if observation.time > 15 * STEP:
                raise ZeroDivisionError("broken")
            return -9.0

    async def go():
        async with Call(sources=[Broken()]) as call:
            errors = []
            call.gate.on("error", errors.append)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            assert call.kinds() == ["hold", "release"]
            assert call.decisions[-1].reason == "failure"
            assert call.marks() == ["start"]
            await call.audio("-" * 30 + "s" * 5 + "-" * 30)
            assert call.marks() == ["start", "end", "start", "end"]
            assert call.speech_shown()
            assert len(errors) == 1
            assert call.gate.metrics.errors == 1

    run(go())


def test_an_error_in_the_wrapper_itself_makes_it_transparent():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 5)
            call.stream._translator.translate = None  # type: ignore[assignment]
            await call.audio("s" * 5 + "-" * 25)
            assert call.gate.metrics.errors == 1
            assert call.kinds() == ["hold", "release"]
            assert call.ends()

    run(go())


def test_a_second_session_is_refused():
    async def go():
        call = Call()
        call.gate.attach(call.session)  # the same one again is fine
        with pytest.raises(ProsodyGateError, match="another session"):
            call.gate.attach(Call(attach=False).session)

    run(go())


def test_attaching_while_the_agent_speaks_counts_at_once():
    async def go():
        call = Call(attach=False)
        call.session.agent_state = "speaking"
        async with call:
            call.gate.attach(call.session)
            await call.audio("-" * 5 + "s" * 8)
            assert call.kinds() == ["hold"]

    run(go())


def test_without_attach_it_is_transparent_and_says_so_once(caplog):
    async def go():
        async with Call(attach=False) as call:
            await call.audio("-" * 100 + "s" * 50 + "-" * 50)
            assert call.marks() == ["start", "end"]

    run(go())
    assert caplog.text.count("call gate.attach(session)") == 1


def test_the_end_of_the_session_in_mid_hold_cancels_and_detaches():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 5)
            call.session.emit("close")
            assert call.kinds() == ["hold", "cancel"]
            assert call.decisions[-1].reason == "stream_end"

    run(go())


def test_closing_the_gate_in_mid_hold_tells_nothing_of_the_speech_that_this_cancels():
    async def go():
        async with Call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 6)
            await call.gate.aclose()
            await call.audio("s" * 20 + "-" * 25)
            assert call.kinds() == ["hold", "cancel"]
            assert call.marks() == []
            assert call.speech_shown() == []
            # What comes after it passes.
            await call.audio("s" * 10 + "-" * 25)
            assert call.marks() == ["start", "end"]
            assert call.speech_shown()

    run(go())


def test_a_handler_that_fails_does_not_disturb_the_call():
    async def go():
        async with Call(20 * STEP) as call:
            call.gate.on("decision", lambda: None)
            call.gate.on("decision", lambda event: 1 / 0)
            call.gate.on("decision", lambda event, more: None)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)
            assert call.marks() == ["start"]
            assert call.gate.metrics.errors == 0

    run(go())


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.tuples(st.sampled_from("s-sa-A"), st.integers(1, 30)), min_size=3, max_size=14),
    confirms=st.lists(st.integers(5, 200), max_size=3),
    patience=st.sampled_from([0.0, 1.0]),
)
def test_whatever_happens_starts_and_ends_alternate_and_nothing_shows_before_a_start(script, confirms, patience):
    """`a` and `A`: the agent begins and stops; the rest is audio."""

    async def go():
        async with Call(*sorted(at * STEP for at in confirms), tail_boundary=patience) as call:
            windows = 0
            for what, count in script:
                if what in "aA":
                    call.agent(what == "a")
                else:
                    await call.audio(what * count)
                    windows += count
            call.agent(False)
            await call.audio("-" * 40)
            marks = call.marks()
            assert marks == ["start", "end"] * (len(marks) // 2)
            inferences = [event for event in call.got if event.type is VADEventType.INFERENCE_DONE]
            assert len(inferences) >= windows + 40
            kinds = call.kinds()
            assert kinds.count("hold") == len(kinds) - kinds.count("hold")
            let_through = sum(kind in ("confirm", "release") for kind in kinds)
            if let_through:
                assert "start" in marks

    run(go())


def values(event) -> set[int]:
    return {int(sample) for frame in event.frames for sample in np.frombuffer(frame.data, np.int16)}


@pytest.mark.parametrize("speaking", [True, False])
def test_with_a_gain_the_vad_hears_the_user_louder_and_the_session_gets_what_was_recorded(speaking):
    async def go(**options):
        async with Call(0.3, **options) as call:
            call.agent(speaking)
            for _ in range(20):
                await call.window(0.09)
            for _ in range(25):
                await call.window(0.002)
            return call

    assert run(go()).marks() == []
    call = run(go(profile=QUIET))
    assert call.marks() == ["start", "end"]
    assert call.vad.wrapped_vad is call.inner
    (start,), (end,) = call.starts(), call.ends()
    assert values(start) == {90}
    assert values(end) == {90, 2}
    assert length(start) == pytest.approx(start.speech_duration, abs=STEP / 2)
    assert length(end) == pytest.approx(38 * STEP, abs=STEP)
    inferences = [event for event in call.got if event.type is VADEventType.INFERENCE_DONE]
    assert {value for event in inferences for value in values(event)} == {90, 2}
    assert inferences[5].probability == pytest.approx(0.9, abs=0.01)


def test_with_a_gain_a_flush_in_speech_leaves_the_next_start_with_its_own_audio():
    async def go():
        async with Call(profile=QUIET) as call:
            for _ in range(10):
                await call.window(0.09)
            call.stream.flush()
            await settle()
            for _ in range(10):
                await call.window(0.08)
            first, second = call.starts()
            assert values(first) == {90}
            assert values(second) == {80}

    run(go())


def test_with_a_gain_the_gate_hears_the_user_louder_too():
    async def go(**options):
        levels = []
        async with Call(**options) as call:
            push = call.gate.gate.push

            def keep(frame, probability):
                levels.append(float(np.abs(frame).max()))
                return push(frame, probability)

            call.gate.gate.push = keep
            for _ in range(5):
                await call.window(0.09)
        return levels

    plain_levels, louder_levels = run(go()), run(go(profile=QUIET))
    assert louder_levels == pytest.approx([10.0 * level for level in plain_levels])


def test_audio_that_cannot_be_amplified_reaches_the_vad_as_it_is(monkeypatch, caplog):
    def broken(samples, gain_db):
        raise ValueError("no such gain")

    monkeypatch.setattr("prosody_gate.livekit.louder_vad.amplified", broken)

    async def go():
        async with Call(profile=QUIET) as call:
            await call.audio("-" * 5 + "s" * 10 + "-" * 25)
            assert call.marks() == ["start", "end"]

    run(go())
    assert caplog.text.count("could not be amplified") == 1


def test_audio_that_the_vad_refuses_ends_the_stream_with_the_error():
    async def go():
        call = Call()
        errors = []
        call.gate.on("error", errors.append)
        call.open()
        await call.audio("-" * 5)

        def refuse(frame):
            raise ValueError("no such frame")

        call.stream._inner.push_frame = refuse
        call.stream.push_frame(rtc.AudioFrame(bytes(1024), 16_000, 1, 512))
        (result,) = await asyncio.gather(*call._readers, return_exceptions=True)
        assert isinstance(result, ValueError)
        assert [str(error) for error in errors] == ["no such frame"]
        assert call.gate.metrics.errors == 1
        await call.stream.aclose()
        await call.gate.aclose()

    run(go())

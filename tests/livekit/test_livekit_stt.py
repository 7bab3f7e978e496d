"""The STT companion: which transcripts the session gets, and when."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, stt
from livekit.agents.types import TimedString

from livekit_call import STEP, Call, HandSTT, ScriptedVAD, settle
from prosody_gate import Transcript
from prosody_gate.errors import OptionError
from prosody_gate.livekit import ProsodyGate
from prosody_gate.profile import Microphone, Profile
from prosody_gate.session.transcript_hold import MAX_HELD

PATIENT = {"tail_boundary": 1.0, "transcript_timeout": 1.0}


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def quiet_call(*confirm_at: float, recogniser: HandSTT | None = None, **options) -> Call:
    return Call(*confirm_at, **{**PATIENT, **options}).with_stt(recogniser)


def test_while_the_agent_is_silent_every_event_passes_at_once_and_unchanged():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 5 + "s" * 10)
            for kind, text in [
                ("start_of_speech", ""),
                ("interim_transcript", "yes"),
                ("preflight_transcript", "yes I"),
                ("final_transcript", "yes I do"),
                ("end_of_speech", ""),
            ]:
                await call.say(kind, text)
            assert call.texts() == ["start_of_speech", "yes", "yes I", "yes I do", "end_of_speech"]

    run(go())


def test_the_words_of_a_cancelled_overlap_never_arrive():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.say("interim_transcript", "okay")
            await call.audio("-" * 15)
            await call.say("preflight_transcript", "okay")
            await call.say("final_transcript", "Okay.")
            await call.say("end_of_speech")
            await call.audio("-" * 40)
            assert call.kinds() == ["hold", "cancel"]
            assert call.decisions[-1].reason == "ignore_phrase"
            assert call.received == []
            assert call.gate.metrics.transcripts_dropped == 3

    run(go())


def test_a_transcript_that_comes_after_the_cancel_is_dropped_too():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10 + "-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            await call.say("final_transcript", "Okay.")
            assert call.received == []
            # And also when the agent has ended by then.
            call.agent(False)
            await call.say("final_transcript", "Right.")
            assert call.received == []

    run(go())


def test_held_events_come_in_order_after_the_confirm():
    async def go():
        async with quiet_call(25 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.say("interim_transcript", "I")
            await call.say("interim_transcript", "I meant")
            assert call.received == []
            await call.audio("s" * 10)
            assert call.kinds() == ["hold", "confirm"]
            assert call.texts() == ["start_of_speech", "I", "I meant"]
            await call.say("final_transcript", "I meant Tuesday")
            await call.say("end_of_speech")
            assert call.texts()[3:] == ["I meant Tuesday", "end_of_speech"]

    run(go())


def test_an_interrupt_phrase_in_an_interim_confirms_and_passes_at_once():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("interim_transcript", "wait")
            assert call.decisions[-1].reason == "phrase"
            assert call.texts() == ["wait"]
            assert call.marks() == ["start"]

    run(go())


def test_the_answer_to_the_agents_last_words_is_handed_on_once_it_has_ended():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10 + "-" * 12)
            await call.say("start_of_speech")
            await call.say("final_transcript", "Yes.")
            await call.say("end_of_speech")
            assert call.received == []
            call.agent(False)
            await settle()
            assert call.texts() == ["start_of_speech", "Yes.", "end_of_speech"]
            assert call.marks() == ["start"]

    run(go())


def test_okay_is_cancelled_and_wait_alone_is_sent():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            for word in ("Okay.", "Right.", "Got it."):
                await call.audio("-" * 10 + "s" * 10 + "-" * 15)
                await call.say("final_transcript", word)
                await call.audio("-" * 40)
            await call.audio("s" * 10)
            await call.say("interim_transcript", "wait")
            await call.audio("s" * 5 + "-" * 10)
            await call.say("final_transcript", "Wait.")
            assert call.kinds() == ["hold", "cancel"] * 3 + ["hold", "confirm"]
            assert call.texts() == ["wait", "Wait."]

    run(go())


def test_a_transcript_with_its_own_times_goes_with_the_speech_it_describes():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 10 + "s" * 20 + "-" * 20)  # the user's own turn, 0.32 to 0.96 s
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)  # an overlap from 1.92 s
            await call.say("final_transcript", "tell me more", start=0.4, end=0.9)
            assert call.texts() == ["tell me more"]
            await call.say("final_transcript", "okay", start=1.95, end=2.2)
            assert call.texts() == ["tell me more"]

    run(go())


def test_the_stream_offset_of_livekit_is_taken_off_the_times():
    async def go():
        async with quiet_call() as call:
            call.stt_stream.start_time_offset = 100.0
            assert call.recogniser.streams[-1].start_time_offset == 100.0
            await call.audio("-" * 10 + "s" * 20 + "-" * 20)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            await call.say("final_transcript", "tell me more", start=100.4, end=100.9)
            await call.say("final_transcript", "okay", start=101.95, end=102.2)
            assert call.texts() == ["tell me more"]

    run(go())


def test_times_that_lie_ahead_of_the_audio_are_not_believed():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("interim_transcript", "okay", start=30.0, end=31.0)
            assert call.received == []
            assert call.gate.gate.held_overlap.transcript == "okay"

    run(go())


def test_times_that_begin_anew_are_not_taken_for_speech_of_long_ago():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 20 + "s" * 10 + "-" * 60)
            await call.say("final_transcript", "okay", start=20 * STEP, end=30 * STEP)
            await call.audio("-" * 120)
            assert call.kinds() == ["hold", "cancel"]
            # The plugin has connected again, 0.64 s before the user speaks: its times are those of the "okay" before.
            await call.audio("-" * 20 + "s" * 12)
            await call.say("interim_transcript", "stop", start=0.66, end=0.95)
            await call.audio("s" * 2 + "-" * 10)
            await call.say("final_transcript", "Stop.", start=0.66, end=1.05)
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            assert call.texts() == ["stop", "Stop."]

    run(go())


def test_times_that_run_backwards_are_not_believed():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 5 + "s" * 90 + "-" * 15)
            await call.say("final_transcript", "tell me about it", start=0.2, end=3.0)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 12)
            # The plugin connected again 0.4 s ago.
            await call.say("interim_transcript", "okay", start=0.05, end=0.35)
            assert call.gate.gate.held_overlap.transcript == "okay"
            assert call.texts() == ["tell me about it"]
            # And from then on its times count again: they lie as far behind the audio as those before.
            await call.audio("s" * 6)
            await call.say("interim_transcript", "okay so", start=0.05, end=0.55)
            held = call.transcripts[-1]
            assert call.gate.gate.held_overlap.transcript == held.text
            assert held.end == pytest.approx(call.gate.gate.time - 0.52, abs=0.01)
            assert held.start == pytest.approx(held.end - 0.5)

    run(go())


def test_after_a_retry_the_audio_that_waited_is_not_late_by_the_time_that_the_recogniser_was_gone():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 100)
            # LiveKit adds the wall time between the starts, 0.5 s of which no connection was there.
            call.recogniser.streams[-1]._start_time_offset += 100 * STEP + 0.5
            offset = 100 * STEP + 0.5
            await call.audio("s" * 10 + "-" * 11 + "s" * 7)
            await call.say("final_transcript", "Okay.", start=offset + 0.01, end=offset + 10 * STEP)
            okay, wait = overlap_at(call, 102 * STEP), overlap_at(call, 123 * STEP)
            assert (okay.number, wait.number) == (1, 2)
            assert (okay.transcript, wait.transcript) == ("Okay.", "")
            await call.audio("s" * 3)
            await call.say("interim_transcript", "wait", start=offset + 21 * STEP, end=offset + 29 * STEP)
            assert overlap_at(call, 123 * STEP).transcript == "wait"
            assert call.texts() == ["wait"]

    run(go())


def overlap_at(call: Call, time: float):
    """The overlap in which a stream time (s) lies."""
    gate = call.gate.gate
    return gate.overlap_of(Transcript(at=gate.time, text="", start=time, end=time + STEP))


def test_a_stream_opened_in_mid_call_is_aligned_with_the_gate():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 50)
            await call.stt_stream.aclose()
            call.open_stt()
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            await call.say("final_transcript", "okay", start=11 * STEP, end=18 * STEP)
            assert call.gate.gate.held_overlap.transcript == "okay"
            assert call.transcripts[-1].start == pytest.approx(61 * STEP, abs=0.05)

    run(go())


def test_the_end_of_speech_goes_with_the_words_before_it():
    async def go():
        async with quiet_call() as call:
            # One utterance of the recogniser over two overlaps: the first cancelled, the second confirmed.
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.audio("-" * 15)
            await call.say("final_transcript", "okay")
            await call.audio("-" * 40)
            assert call.kinds() == ["hold", "cancel"]
            await call.audio("s" * 12)
            await call.say("final_transcript", "stop")
            await call.say("end_of_speech")
            assert call.texts() == ["start_of_speech", "stop", "end_of_speech"]

    run(go())


def test_a_start_that_was_sent_always_gets_its_end():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 5 + "s" * 5)
            await call.say("start_of_speech")
            await call.audio("-" * 15)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 12)
            await call.say("interim_transcript", "okay")
            await call.say("end_of_speech")
            assert call.texts() == ["start_of_speech"]
            await call.audio("-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert call.texts() == ["start_of_speech", "end_of_speech"]

    run(go())


def test_usage_passes_at_once_even_while_the_gate_holds():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 5)
            await call.say("recognition_usage", recognition_usage=stt.RecognitionUsage(audio_duration=1.0))
            assert call.texts() == ["recognition_usage"]

    run(go())


def test_metrics_and_errors_are_the_recognisers_own_and_come_once():
    async def go():
        async with quiet_call() as call:
            metrics, errors = [], []
            call.stt.on("metrics_collected", metrics.append)
            call.stt.on("error", errors.append)
            await call.say("recognition_usage", recognition_usage=stt.RecognitionUsage(audio_duration=1.0))
            assert [entry.audio_duration for entry in metrics] == [1.0]
            assert metrics[0].label == call.recogniser.label
            call.recogniser.streams[-1].error.set_exception(ValueError("broken"))
            results = await asyncio.gather(call._readers[1], return_exceptions=True)
            assert isinstance(results[0], ValueError)
            assert [str(error.error) for error in errors] == ["broken"]
            # The gate goes on without.
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8)
            assert call.kinds() == ["hold"]

    run(go())


def test_a_retried_connection_error_of_the_recogniser_is_not_retried_again():
    async def go():
        async with quiet_call() as call:
            errors = []
            call.stt.on("error", errors.append)
            await call.stt_stream.aclose()
            call.stt_stream = call.stt.stream(conn_options=APIConnectOptions(max_retry=1, retry_interval=0.01))
            await settle()
            assert call.recogniser.calls[-1] == ("stream", (stt.stt.NOT_GIVEN, 1))
            opened = len(call.recogniser.streams)
            for _ in range(2):
                call.recogniser.streams[-1].error.set_exception(APIConnectionError("gone"))
                await asyncio.sleep(0.15)  # LiveKit's first retry comes after 0.1 s
            assert [error.recoverable for error in errors] == [True, False]
            assert len(call.recogniser.streams) == opened
            with pytest.raises(APIConnectionError):
                await call.stt_stream.__anext__()

    run(go())


def test_what_is_held_when_the_stream_breaks_comes_through_the_next_one():
    async def go():
        async with quiet_call(40 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("interim_transcript", "I think")
            call.recogniser.streams[-1].error.set_exception(APIConnectionError("gone", retryable=False))
            await settle()
            assert call.received == []
            call.open_stt()
            await settle()
            await call.audio("s" * 30)
            assert call.kinds() == ["hold", "confirm"]
            assert call.texts() == ["I think"]

    run(go())


def test_repeated_and_reordered_transcripts_are_harmless():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            for text in ("yeah", "ye", "yeah", "yeah", "y"):
                await call.say("interim_transcript", text)
            await call.say("final_transcript", "Yeah.")
            await call.say("interim_transcript", "yea")
            await call.say("final_transcript", "Yeah.")
            await call.audio("-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert call.received == []

    run(go())


def test_a_transcript_long_after_all_speech_is_handed_on_unless_it_is_a_backchannel():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10 + "-" * 300)
            await call.say("final_transcript", "okay")
            assert call.received == []
            await call.say("final_transcript", "what is the price")
            assert call.texts() == ["what is the price"]

    run(go())


def test_too_much_to_hold_goes_on():
    async def go():
        async with quiet_call(max_hold=30.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            for index in range(MAX_HELD + 3):
                await call.say("interim_transcript", "okay " * (index % 7 + 1))
            assert len(call.received) == 3

    run(go())


@pytest.mark.parametrize(("text", "received"), [("okay", []), ("I think", ["I think"])])
def test_when_no_audio_comes_any_more_words_go_on_after_a_while_and_backchannels_do_not(text, received):
    async def go():
        async with quiet_call(max_hold=0.2, tail_boundary=0.0, transcript_timeout=0.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 3)
            await call.say("interim_transcript", text)
            await asyncio.sleep(1.9)
            assert call.received == []
            await asyncio.sleep(0.5)
            assert call.texts() == received

    run(go())


def test_what_is_held_is_given_up_by_its_own_age():
    async def go():
        async with quiet_call(max_hold=0.2, tail_boundary=0.0, transcript_timeout=0.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 3)
            await call.say("interim_transcript", "I")
            await asyncio.sleep(1.5)
            await call.say("interim_transcript", "I think")
            await asyncio.sleep(0.9)
            assert call.texts() == ["I"]
            await asyncio.sleep(1.5)
            assert call.texts() == ["I", "I think"]

    run(go())


def test_backchannels_that_go_on_and_on_never_come_through():
    async def go():
        async with quiet_call(max_hold=0.2, tail_boundary=0.0, transcript_timeout=0.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 4)
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - began < 2.8:
                now = call.gate.gate.time
                await call.say("final_transcript", "okay", start=now - 0.12, end=now)
                await call.audio("s" * 3)
                await asyncio.sleep(0.06)
            assert call.kinds() == ["hold"]
            assert call.received == []
            assert call.gate.metrics.transcripts_dropped > 0

    run(go())


def test_words_cancelled_while_no_stream_was_there_never_arrive():
    async def go():
        async with quiet_call(max_hold=0.4, tail_boundary=0.1, transcript_timeout=0.1) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 6)
            await call.say("start_of_speech")
            await call.say("final_transcript", "okay")
            call.recogniser.streams[-1].error.set_exception(APIConnectionError("gone", retryable=False))
            await settle()
            await call.audio("-" * 30)
            assert call.kinds() == ["hold", "cancel"]
            call.open_stt()
            await settle()
            assert call.stt_stream._hold.held == 0
            assert call.received == []

    run(go())


def test_words_confirmed_while_no_stream_was_there_come_as_soon_as_there_is_one():
    async def go():
        async with quiet_call(20 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.say("final_transcript", "I think")
            call.recogniser.streams[-1].error.set_exception(APIConnectionError("gone", retryable=False))
            await settle()
            await call.audio("s" * 10)
            assert call.kinds() == ["hold", "confirm"]
            call.open_stt()
            await settle()
            assert call.texts() == ["start_of_speech", "I think"]

    run(go())


def test_what_is_held_when_the_session_closes_the_stream_is_forgotten():
    """As `session.clear_user_turn()` does; it opens another one at once."""

    async def go():
        async with quiet_call(40 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.say("interim_transcript", "I think")
            await call.stt_stream.aclose()
            call.open_stt()
            await settle()
            await call.audio("s" * 30)
            assert call.kinds() == ["hold", "confirm"]
            assert call.received == []
            await call.say("interim_transcript", "that is all")
            assert call.texts() == ["that is all"]

    run(go())


def test_older_words_come_before_the_start_of_newer_ones():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8)
            await call.say("start_of_speech")
            await call.audio("-" * 12)
            await call.say("final_transcript", "I think")
            await call.say("end_of_speech")
            await call.audio("s" * 6)
            await call.say("start_of_speech")
            await call.say("interim_transcript", "that")
            call.agent(False)
            await settle()
            assert call.kinds() == ["hold", "hold", "release", "release"]
            assert call.texts() == ["start_of_speech", "I think", "end_of_speech", "start_of_speech", "that"]

    run(go())


def timed(text: str, *words: tuple[str, float, float]) -> dict:
    """What `Call.say` takes to say a text with the times of its words."""
    sent = [TimedString(word, start_time=start, end_time=end) for word, start, end in words]
    return {"text": text, "start": words[0][1], "end": words[-1][2], "words": sent}


def test_a_transcript_over_two_overlaps_loses_the_words_of_the_cancelled_one():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8)
            await call.say("interim_transcript", "okay", start=0.16, end=0.4)
            await call.audio("-" * 45)
            assert call.kinds() == ["hold", "cancel"]
            await call.audio("s" * 10)
            words = [("Okay.", 0.16, 0.4), ("Wait,", 1.9, 2.05), ("a", 2.05, 2.1), ("second", 2.1, 2.15)]
            await call.say("final_transcript", **timed("Okay. Wait, a second.", *words))
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            assert call.texts() == ["Wait, a second."]
            (best,) = call.received[0].alternatives
            assert [str(word) for word in best.words] == ["Wait,", "a", "second"]
            assert (best.start_time, best.end_time) == (1.9, 2.15)

    run(go())


def test_held_words_of_an_overlap_that_is_confirmed_lose_those_of_the_cancelled_one_before():
    async def go():
        async with quiet_call(2.3) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8 + "-" * 45 + "s" * 10)
            assert call.kinds() == ["hold", "cancel", "hold"]
            # Spelled otherwise in the text than word for word.
            await call.say("interim_transcript", **timed("OK, I think", ("okay", 0.16, 0.4), ("I think", 1.9, 2.15)))
            await call.audio("s" * 10)
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            assert call.texts() == ["I think"]

    run(go())


@pytest.mark.parametrize(("first", "sent"), [("Tomorrow morning", "Tomorrow morning is fine"), ("Mm-hm", "is fine")])
def test_a_sentence_whose_first_half_was_given_up_while_the_second_was_held_stays_whole(first: str, sent: str):
    async def go():
        async with quiet_call(5.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 19 + "-" * 25 + "s" * 112)
            assert call.kinds() == ["hold", "hold", "cancel", "confirm"]
            await call.say("final_transcript", **timed(f"{first} is fine", (first, 0.16, 0.7), ("is fine", 1.6, 4.9)))
            assert call.texts() == [sent]

    run(go())


def test_one_late_transcript_does_not_change_the_recognisers_clock():
    async def go():
        async with quiet_call() as call:
            await call.audio("-" * 210)
            await call.say("final_transcript", "tell me", start=0.2, end=0.5)  # more than 5 s late
            call.agent(True)
            await call.audio("s" * 10 + "-" * 8)
            await call.say("interim_transcript", "okay", start=210 * STEP, end=220 * STEP)
            held = call.transcripts[-1]
            assert call.gate.gate.held_overlap.transcript == held.text
            assert (held.start, held.end) == (pytest.approx(210 * STEP, abs=0.01), pytest.approx(220 * STEP, abs=0.01))

    run(go())


def test_an_interrupt_phrase_is_never_cut_off():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8 + "-" * 45 + "s" * 10)
            # By its times "stop" lies in the overlap that was cancelled: they cannot be right.
            await call.say("final_transcript", **timed("Stop it now", ("Stop", 0.16, 0.4), ("it now", 1.9, 2.15)))
            assert call.texts() == ["Stop it now"]

    run(go())


def test_an_error_in_the_gate_hands_on_what_is_held_and_all_that_follows():
    async def go():
        async with quiet_call() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("start_of_speech")
            await call.say("interim_transcript", "okay")
            call.gate._driver.fail(RuntimeError("broken"))
            await settle()
            assert call.texts() == ["okay"] or call.texts() == ["start_of_speech", "okay"]
            await call.audio("-" * 60)
            await call.say("final_transcript", "okay")
            assert call.texts()[-1] == "okay"
            assert call.gate.metrics.errors == 1

    run(go())


def test_the_contract_of_the_recogniser_passes_through():
    async def go():
        call = quiet_call()
        inner, outer = call.recogniser, call.stt
        assert (outer.label, outer.model, outer.provider) == (inner.label, "hand", "tests")
        assert outer.metrics_metadata == inner.metrics_metadata
        assert outer.capabilities is inner.capabilities
        outer.prewarm()
        outer.update_options(language="de")
        outer._update_session_keyterms(["Zuckerhut"])
        outer._push_conversation_item("item")
        assert (await outer.recognize([])).alternatives[0].text == "recognised"
        stream = outer.stream(language="fr", conn_options=APIConnectOptions(max_retry=7))
        stream.flush()
        stream.context = None
        assert stream.context is None
        stream.start_time = 5.0
        assert inner.streams[-1].start_time == stream.start_time == 5.0
        await stream.aclose()
        await outer.aclose()
        assert [name for name, _ in inner.calls] == [
            "prewarm",
            "update_options",
            "keyterms",
            "item",
            "recognize",
            "stream",
            "flush",
            "aclose",
        ]
        assert ("stream", ("fr", 7)) in inner.calls
        with pytest.raises(AttributeError):
            _ = outer.no_such_thing
        await call.gate.aclose()

    run(go())


def test_other_events_of_an_adapter_reach_those_who_listen_to_the_companion():
    async def go():
        adapter = stt.FallbackAdapter([HandSTT(), HandSTT()])
        outer = ProsodyGate(listener=False).stt(adapter)
        got = []
        outer.on("stt_availability_changed", got.append)
        adapter.emit("stt_availability_changed", "gone")
        assert got == ["gone"]
        await outer.aclose()

    run(go())


def test_a_recogniser_that_does_not_stream_is_put_into_an_adapter_with_the_vad_itself():
    gate = ProsodyGate(listener=False)
    with pytest.raises(OptionError, match=r"call vad\(\) before stt\(\)"):
        gate.stt(HandSTT(streaming=False))
    vad = ScriptedVAD()
    gate.vad(vad)
    outer = gate.stt(HandSTT(streaming=False))
    assert isinstance(outer.wrapped_stt, stt.StreamAdapter)
    assert outer.wrapped_stt._vad is vad


def test_through_a_stream_adapter_a_cancelled_backchannel_is_dropped_and_a_turn_is_sent():
    async def go():
        call = Call(lexicon=_EverythingIsIgnored(), **PATIENT)
        call.stt = call.gate.stt(HandSTT(streaming=False))
        call.session.stt = call.stt
        async with call:
            stream = call.stt.stream()
            received: list = []

            async def read() -> None:
                async for event in stream:
                    received.append(event)

            reader = asyncio.create_task(read())

            async def audio(script: str) -> None:
                for character in script:
                    value = np.full(512, 900 if character == "s" else 20, np.int16)
                    frame = rtc.AudioFrame(value.tobytes(), 16_000, 1, 512)
                    call.stream.push_frame(frame)
                    stream.push_frame(frame)
                    await settle()

            await audio("-" * 5 + "s" * 10 + "-" * 30)
            kinds = [event.type.value for event in received]
            assert kinds == ["start_of_speech", "end_of_speech", "final_transcript"]
            call.agent(True)
            await audio("-" * 5 + "s" * 10 + "-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert len(received) == 3
            await stream.aclose()
            await reader

    run(go())


@pytest.mark.parametrize(("text", "kinds"), [("okay", ["hold", "cancel"]), ("stop", ["hold", "confirm"])])
def test_times_within_a_clip_are_not_taken_for_times_of_the_call(text, kinds):
    class Timed(HandSTT):
        text = "tell me more"

        async def _recognize_impl(self, buffer, *, language, conn_options):
            data = stt.SpeechData(language="en", text=self.text, start_time=0.2, end_time=0.6)
            return stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])

    async def go():
        async with Call(**PATIENT) as call:
            recogniser = Timed(streaming=False)
            stream = call.gate.stt(recogniser).stream()
            received: list[str] = []

            async def read() -> None:
                async for event in stream:
                    received.extend(data.text for data in event.alternatives)

            reader = asyncio.create_task(read())

            async def audio(script: str) -> None:
                for character in script:
                    value = np.full(512, 900 if character == "s" else 20, np.int16)
                    frame = rtc.AudioFrame(value.tobytes(), 16_000, 1, 512)
                    call.stream.push_frame(frame)
                    stream.push_frame(frame)
                    await settle()

            await audio("-" * 5 + "s" * 15 + "-" * 60)  # the user's own turn, 0.16 to 0.64 s: the clip's times fit it
            call.agent(True)
            recogniser.text = text
            await audio("-" * 20 + "s" * 10 + "-" * 60)
            assert call.kinds() == kinds
            assert received == ["tell me more", *(["stop"] if text == "stop" else [])]
            if text == "okay":
                assert call.decisions[-1].reason == "ignore_phrase"
            await stream.aclose()
            await reader

    run(go())


def test_with_a_gain_a_recogniser_that_does_not_stream_hears_the_user_as_recorded():
    async def go(gain_db: float) -> tuple[list[str], int]:
        profile = Profile(microphone=Microphone(name="quiet", input_gain_db=gain_db))
        call = Call(profile=profile, **PATIENT)
        recogniser = _Loudest(streaming=False)
        async with call:
            stream = call.gate.stt(recogniser).stream()
            received: list[str] = []

            async def read() -> None:
                async for event in stream:
                    received.append(event.type.value)

            reader = asyncio.create_task(read())
            for character in "-" * 5 + "s" * 10 + "-" * 30:
                value = np.full(512, 90 if character == "s" else 2, np.int16)
                stream.push_frame(rtc.AudioFrame(value.tobytes(), 16_000, 1, 512))
                await settle()
            await stream.aclose()
            await reader
        return received, recogniser.loudest

    assert run(go(0.0)) == ([], 0)
    assert run(go(20.0)) == (["start_of_speech", "end_of_speech", "final_transcript"], 90)


class _Loudest(HandSTT):
    """Keeps the loudest sample it was given."""

    loudest = 0

    async def _recognize_impl(self, buffer, *, language, conn_options):
        self.loudest = int(np.abs(np.frombuffer(buffer.data, np.int16)).max())
        return await super()._recognize_impl(buffer, language=language, conn_options=conn_options)


class _EverythingIsIgnored:
    def match(self, text, *, final=True):
        from prosody_gate import LexiconMatch

        return LexiconMatch(interrupt=None, ignore_only=True, tokens=("x",), interrupt_index=None)


def test_through_a_fallback_adapter_the_second_recognisers_words_are_held_alike():
    async def go():
        first, second = HandSTT(), HandSTT()
        call = Call(**PATIENT).with_stt(stt.FallbackAdapter([first, second], max_retry_per_stt=0))
        call.open()
        await settle()
        first.streams[-1].error.set_exception(APIConnectionError("gone"))
        await settle()
        call.agent(True)
        await call.audio("-" * 5 + "s" * 10)
        second.streams[-1].say("interim_transcript", "okay")
        await settle()
        assert call.received == []
        second.streams[-1].say("interim_transcript", "okay stop")
        await settle()
        assert call.kinds() == ["hold", "confirm"]
        assert call.texts() == ["okay", "okay stop"]
        await call.close_all()
        await call.stt.aclose()
        await call.gate.aclose()

    run(go())

"""The real Deepgram plugin behind the companion, against a server on this machine."""

from __future__ import annotations

import asyncio
import time
from unittest.mock import patch

import pytest
from livekit.agents import APIConnectOptions

from livekit_call import STEP, Call
from loopback_deepgram import LoopbackDeepgram, Phrase, eventually

deepgram = pytest.importorskip("livekit.plugins.deepgram")

QUICK = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=2.0)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def call_on(server: LoopbackDeepgram, *confirm_at: float, **options) -> Call:
    recogniser = deepgram.STT(api_key="test", base_url=server.url, http_session=server.http, sample_rate=16_000)
    call = Call(*confirm_at, **options).with_stt(recogniser)
    return call


async def audio(call: Call, server: LoopbackDeepgram, script: str, *, lost: float = 0.0) -> None:
    """Push audio and wait until the server has had it: 50 ms of it may stay in the plugin's buffer.

    `lost` is what a connection that was given up took with it (s).
    """
    for start in range(0, len(script), 5):
        await call.audio(script[start : start + 5])
        pushed = call.gate.gate.time
        await eventually(lambda pushed=pushed: server.audio >= pushed - 0.06 - lost)
        await asyncio.sleep(0.01)


def test_interim_and_final_results_of_an_interruption_come_through_in_order():
    async def go():
        # 60 windows are 1.92 s; the speech begins at 0.64 s.
        server = LoopbackDeepgram([Phrase("I meant Tuesday.", 20 * STEP, 44 * STEP)])
        async with server, call_on(server, 40 * STEP) as call:
            await eventually(lambda: server.connections == 1)
            call.agent(True)
            await audio(call, server, "-" * 20 + "s" * 24 + "-" * 16)
            await eventually(lambda: len(call.texts()) >= 6)
            assert call.kinds() == ["hold", "confirm"]
            assert call.texts() == [
                "start_of_speech",
                "I",
                "I meant",
                "I meant Tuesday.",
                "I meant Tuesday.",
                "end_of_speech",
            ]
            query = server.queries[0]
            assert (query["interim_results"], query["sample_rate"]) == ("true", "16000")
            assert "KeepAlive" in server.received
        assert server.connections == 1

    run(go())


def test_a_backchannel_is_dropped_and_the_command_after_it_confirms_by_its_interim():
    async def go():
        server = LoopbackDeepgram([Phrase("Okay.", 10 * STEP, 20 * STEP), Phrase("Wait.", 80 * STEP, 90 * STEP)])
        async with server, call_on(server) as call:
            await eventually(lambda: server.connections == 1)
            call.agent(True)
            await audio(call, server, "-" * 10 + "s" * 10 + "-" * 60 + "s" * 10 + "-" * 12)
            await eventually(lambda: len(call.texts()) == 4)
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            assert [event.reason for event in call.decisions[1::2]] == ["ignore_phrase", "phrase"]
            assert call.texts() == ["start_of_speech", "Wait.", "Wait.", "end_of_speech"]
            assert call.gate.metrics.transcripts_dropped == 2

    run(go())


def test_with_the_agent_silent_all_comes_as_from_the_plugin_alone():
    async def go():
        server = LoopbackDeepgram([Phrase("Yes please.", 10 * STEP, 25 * STEP)])
        async with server, call_on(server) as call:
            await eventually(lambda: server.connections == 1)
            await audio(call, server, "-" * 10 + "s" * 15 + "-" * 15)
            await eventually(lambda: len(call.texts()) == 5)
            assert call.texts() == ["start_of_speech", "Yes", "Yes please.", "Yes please.", "end_of_speech"]
            assert call.kinds() == []

    run(go())


def test_a_connection_cut_in_mid_hold_is_made_again_and_the_words_after_it_count():
    async def go():
        server = LoopbackDeepgram([Phrase("Well actually stop.", 20 * STEP, 50 * STEP)], cut_at=[28 * STEP])
        async with server:
            call = call_on(server)
            stream = call.stt.stream
            with patch.object(call.stt, "stream", lambda: stream(conn_options=QUICK)):
                call.open()
            errors = []
            call.stt.on("error", errors.append)
            await eventually(lambda: server.connections == 1)
            call.agent(True)
            # The rest of the audio waits in the plugin while it connects again.
            await call.audio("-" * 20 + "s" * 9)
            await eventually(lambda: server.connections == 2)
            await call.audio("s" * 21 + "-" * 15)
            await eventually(lambda: "stop" in " ".join(call.texts()))
            assert [error.recoverable for error in errors] == [True]
            assert call.kinds() == ["hold", "confirm"]
            await call.close_all()
            await call.gate.aclose()

    run(go())


def test_an_error_of_the_service_is_reported_as_the_plugins_own():
    async def go():
        server = LoopbackDeepgram(refuse=10)
        async with server:
            call = call_on(server)
            errors = []
            call.stt.on("error", errors.append)
            stream = call.stt.stream
            with patch.object(call.stt, "stream", lambda: stream(conn_options=QUICK)):
                call.open()
            await eventually(lambda: len(errors) == 3)
            assert [error.recoverable for error in errors] == [True, True, False]
            assert {error.label for error in errors} == {"livekit.plugins.deepgram.stt.STT"}
            # Speech to text is dead, the gate is not.
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            assert call.kinds() == ["hold"]
            await call.close_all()
            await call.gate.aclose()

    run(go())


def test_options_and_keyterms_reach_the_live_stream_of_the_plugin():
    async def go():
        server = LoopbackDeepgram()
        async with server, call_on(server) as call:
            await eventually(lambda: server.connections == 1)
            call.stt._update_session_keyterms(["Zuckerhut"])
            await eventually(lambda: server.connections == 2)
            assert server.queries[-1]["keyterm"] == "Zuckerhut"
            call.stt.update_options(language="de")
            await eventually(lambda: server.connections == 3)
            assert server.queries[-1]["language"] == "de"
            assert call.stt.capabilities.keyterms

    run(go())


def test_words_after_new_keyterms_are_not_taken_for_those_before_them():
    async def go():
        # "Stop." lies as far into the second connection as "Okay." into the first.
        server = LoopbackDeepgram([Phrase("Okay.", 10 * STEP, 20 * STEP), Phrase("Stop.", 70 * STEP, 80 * STEP)])
        async with server, call_on(server) as call:
            await eventually(lambda: server.connections == 1)
            call.agent(True)
            await audio(call, server, "-" * 10 + "s" * 10 + "-" * 40)
            assert call.kinds() == ["hold", "cancel"]
            call.stt._update_session_keyterms(["Zuckerhut"])
            await eventually(lambda: server.connections == 2)
            await audio(call, server, "-" * 10 + "s" * 10 + "-" * 12, lost=0.05)
            await eventually(lambda: "Stop." in call.texts())
            assert call.kinds() == ["hold", "cancel", "hold", "confirm"]
            assert call.decisions[-1].onset == pytest.approx(70 * STEP)
            assert "Okay." not in call.texts()

    run(go())


def test_the_stream_says_goodbye_when_its_input_ends():
    async def go():
        server = LoopbackDeepgram()
        async with server, call_on(server) as call:
            await eventually(lambda: server.connections == 1)
            await audio(call, server, "-" * 10)
            call.stt_stream.end_input()
            await eventually(lambda: "CloseStream" in server.received)
            began = time.monotonic()
            await asyncio.wait_for(call._readers[1], 5)
            assert time.monotonic() - began < 5
            assert "recognition_usage" in call.texts()

    run(go())

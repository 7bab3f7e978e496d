"""LiveKit's own `overlapping_speech` event for what the gate decided."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from livekit.agents.inference import OverlappingSpeechEvent
from livekit.agents.voice.remote_session import SessionHost, SessionTransport
from livekit.plugins import silero

from livekit_call import Call, settle
from livekit_session import RATE, Said, ScriptedSTT, run_session
from prosody_gate.livekit import ProsodyGate

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


class Reported(list):
    """The events that a stub session was given."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        call.session.on("overlapping_speech", self.append)


def test_a_confirm_is_reported_as_an_interruption_with_its_probability_delay_and_start():
    async def go():
        async with Call(0.6) as call:
            reported = Reported(call)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 20)
            assert call.kinds() == ["hold", "confirm"]
            (event,) = reported
            confirm = call.decisions[1]
            assert isinstance(event, OverlappingSpeechEvent)
            assert event.is_interruption
            assert not event.agent_ended
            assert event.probability == confirm.probability > 0.99
            assert event.detection_delay == confirm.latency
            assert event.detected_at == event.created_at == pytest.approx(time.time(), abs=1.0)
            # The audio came faster than real time: by the stream's clock it began that long before the decision.
            assert event.detected_at - event.overlap_started_at == pytest.approx(confirm.latency, abs=0.04)

    run(go())


def test_a_cancel_is_reported_as_no_interruption():
    async def go():
        async with Call() as call:
            reported = Reported(call)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10 + "-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            (event,) = reported
            assert (event.is_interruption, event.agent_ended) == (False, False)
            assert event.probability < 0.01

    run(go())


def test_a_release_is_reported_as_no_verdict_because_the_agent_ended():
    async def go():
        async with Call() as call:
            reported = Reported(call)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            call.agent(False)
            await settle()
            assert call.kinds() == ["hold", "release"]
            (event,) = reported
            assert (event.is_interruption, event.agent_ended) == (False, True)

    run(go())


def test_nothing_is_reported_for_a_hold_alone_a_closed_session_or_a_gate_that_failed():
    async def go():
        async with Call() as call:
            reported = Reported(call)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            await call.gate.aclose()
            assert call.kinds() == ["hold", "cancel"]
            assert reported == []
        async with Call() as call:
            reported = Reported(call)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 10)
            call.gate._driver.fail(RuntimeError("broken"))
            assert call.kinds() == ["hold", "release"]
            assert reported == []

    run(go())


def test_a_handler_that_fails_does_no_harm(caplog):
    async def go():
        async with Call(0.6) as call:
            call.session.on("overlapping_speech", lambda: None)
            call.agent(True)
            await call.audio("-" * 10 + "s" * 20)
            assert call.kinds() == ["hold", "confirm"]
            assert call.marks() == ["start"]

    run(go())


class NotedTransport(SessionTransport):
    """What a remote session client would get."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def start(self) -> None: ...

    async def send_message(self, msg: Any) -> None:
        self.sent.append(msg.event)

    async def close(self) -> None: ...

    def __aiter__(self) -> NotedTransport:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(3600)


@pytest.mark.slow
def test_in_a_session_remote_clients_get_the_events_and_nothing_acts_on_them():
    demo, rate = sf.read(DEMO, dtype="int16")
    assert rate == RATE
    samples = np.random.default_rng(7).normal(0.0, 8.0, 5 * RATE).astype(np.int16)
    samples[round(1.2 * RATE) : round(1.95 * RATE)] += demo[round(6.95 * RATE) : round(7.7 * RATE), 1]  # "mm-hmm"
    transport = NotedTransport()
    local: list[OverlappingSpeechEvent] = []

    async def go():
        gate = ProsodyGate()

        async def during(session, microphone):
            host = SessionHost(transport)
            host.register_session(session)
            session.on("overlapping_speech", local.append)
            await host.start()
            await asyncio.sleep(0.8)
            # Whatever it says: the session does not take it as a command.
            session.emit("overlapping_speech", OverlappingSpeechEvent(is_interruption=True, probability=1.0))
            await microphone.ended.wait()
            await host.aclose()

        return await run_session(
            samples,
            vad=gate.vad(silero.VAD.load()),
            stt=gate.stt(ScriptedSTT([Said("mm-hmm", 1.3, 1.9)])),
            gate=gate,
            turn_handling=gate.turn_handling(),
            agent_speaks=[(0.0, 4.5)],
            during=during,
        )

    session = run(go())
    assert session.kinds() == ["hold", "cancel"]
    assert [event.is_interruption for event in local] == [True, False]
    remote = [event.overlapping_speech for event in transport.sent if event.WhichOneof("event") == "overlapping_speech"]
    assert [event.is_interruption for event in remote] == [True, False]
    assert remote[1].detection_delay == pytest.approx(session.decisions[1].latency)
    assert 1.0 < remote[1].detected_at.ToNanoseconds() / 1e9 - remote[1].overlap_started_at.ToNanoseconds() / 1e9 < 2.5
    assert session.interrupted == [False]
    assert session.times("pause", "cut") == []

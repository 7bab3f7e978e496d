"""What a session is made with: values that LiveKit takes, warnings of what defeats the gate, the plugin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from livekit.agents import Agent, Plugin, inference
from livekit.agents.stt import SpeechEventType

from livekit_call import Call, HandSTT
from livekit_session import Answering
from prosody_gate.livekit import ProsodyGate
from virtual_session import VirtualCall, run_virtual, tone


def options_warned_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.option for record in caplog.records if hasattr(record, "option")]


class OwnNode(Answering):
    async def stt_node(self, audio, model_settings):
        async for event in Agent.default.stt_node(self, audio, model_settings):
            yield event


@pytest.mark.parametrize(
    ("agent", "warned"),
    [
        (lambda: Answering(), []),
        (lambda: OwnNode(), ["agent.stt_node"]),
        (
            lambda: Answering(turn_handling={"interruption": {"mode": "adaptive"}}),
            ["agent.interruption.mode"],
        ),
        (lambda: Answering(turn_handling={"interruption": {"mode": "vad"}}), []),
    ],
)
def test_an_agent_that_brings_what_defeats_the_gate_is_warned_of_once(agent, warned, caplog):
    async def main():
        async with VirtualCall(agent=agent()) as call:
            for _ in range(2):
                call.speak(0.5)
                await call.silence(1.0)

    run_virtual(main)
    assert options_warned_of(caplog) == warned


def test_an_stt_that_an_agent_gets_in_mid_call_is_warned_of(caplog):
    async def main():
        async with VirtualCall() as call:
            call.speak(0.5)
            await call.silence(1.0)
            assert options_warned_of(caplog) == []
            call.agent.update_options(stt=HandSTT())
            call.speak(0.5)
            await call.silence(1.0)

    run_virtual(main)
    assert options_warned_of(caplog) == ["agent.stt"]


def test_an_agents_new_stt_that_is_wrapped_is_none_to_warn_of(caplog):
    async def main():
        async with VirtualCall() as call:
            call.agent.update_options(stt=call.gate.stt(HandSTT()))
            call.speak(0.5)
            await call.silence(1.0)

    run_virtual(main)
    assert options_warned_of(caplog) == []


def test_without_a_vad_the_gate_wraps_the_one_that_a_session_has_by_itself():
    assert isinstance(ProsodyGate(listener=False).vad().wrapped_vad, inference.VAD)


def test_a_string_is_a_model_of_livekit_inference_as_it_is_for_a_session(monkeypatch):
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    wrapped = ProsodyGate(listener=False).stt("deepgram/nova-3:en").wrapped_stt
    assert isinstance(wrapped, inference.STT)
    assert wrapped.model == "deepgram/nova-3"


def test_the_package_is_one_of_livekits_plugins_once():
    plugins = [plugin for plugin in Plugin.registered_plugins if plugin.title == "prosody_gate.livekit"]
    assert len(plugins) == 1
    assert plugins[0].package == "prosody_gate"


@pytest.mark.parametrize(("identity", "known"), [("anna", True), ("bert", False)])
def test_a_new_participant_is_not_measured_by_the_one_before(identity: str, known: bool):
    async def go():
        async with Call() as call:
            room_io = call.session.room_io = SimpleNamespace(linked_participant=SimpleNamespace(identity="anna"))
            await call.audio("-" * 5)
            norm = call.gate.gate.analyzer.speaker_norm
            for _ in range(20):
                norm.learn(-15.0, 120.0)
            room_io.linked_participant = None
            await call.audio("-" * 5)
            room_io.linked_participant = SimpleNamespace(identity=identity)
            await call.audio("-" * 5)
            assert (norm.level_dbfs is not None) is known

    run_virtual(go)


@pytest.mark.parametrize("allow_interruptions", [True, False])
def test_a_recogniser_that_gets_silence_from_the_session_is_no_dead_one(allow_interruptions: bool):
    async def main():
        warmup = 20.0 if allow_interruptions else 0.0
        async with VirtualCall(aec_warmup_duration=warmup) as call:
            await call.silence(0.2)
            call.session.say("x", audio=tone(15.0), allow_interruptions=allow_interruptions, add_to_chat_ctx=False)
            await call.silence(0.3)
            for _ in range(5):
                await call.audio("s" * 8)
                await call.silence(2.0)
            assert call.kinds() == ["hold", "cancel"] * 5
            assert call.gate.gate._history.has_transcripts

    run_virtual(main)


def test_a_recogniser_that_gets_the_audio_and_says_nothing_is_a_dead_one():
    async def main():
        async with VirtualCall() as call:
            await call.silence(0.2)
            call.speak(15.0)
            await call.silence(0.3)
            for _ in range(5):
                await call.audio("s" * 8)
                await call.silence(2.0)
            assert not call.gate.gate._history.has_transcripts

    run_virtual(main)


@pytest.mark.parametrize(("manual", "flushes"), [(True, 1), (False, 0)])
def test_a_recogniser_that_waits_for_a_flush_is_flushed_after_a_cancel(manual: bool, flushes: int):
    async def go():
        async with Call().with_stt(HandSTT(manual_flush=manual)) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10 + "-" * 50)
            assert call.kinds() == ["hold", "cancel"]
            assert [name for name, _ in call.recogniser.calls].count("flush") == flushes
            await call.say(SpeechEventType.FINAL_TRANSCRIPT.value, "okay")
            assert call.texts() == []

    run_virtual(go)


def test_cancelled_words_do_not_come_with_the_next_turn_of_a_recogniser_that_waits_for_a_flush():
    class Buffering(HandSTT):
        """Sends what it was given to say with the next flush."""

    async def main():
        recogniser = Buffering(manual_flush=True)
        async with VirtualCall(stt=recogniser) as call:
            stream = recogniser.streams[-1]
            waiting: list[str] = []
            push = type(stream).flush

            def flush() -> None:
                push(stream)
                if waiting:
                    stream.say("final_transcript", " ".join(waiting))
                    waiting.clear()

            stream.flush = flush
            await call.silence(0.5)
            call.speak(3.0)
            await call.silence(0.5)
            await call.audio("s" * 8)
            waiting.append("okay")
            await call.silence(4.0)
            await call.audio("s" * 20)
            waiting.append("two of them")
            await call.silence(2.0)
            assert call.finals() == ["two of them"]

    run_virtual(main)


def test_the_listeners_thread_is_there_before_the_first_overlap():
    async def main():
        async with VirtualCall(gate={"listener": None}) as call:
            assert call.gate._listener._thread.is_alive()

    run_virtual(main)

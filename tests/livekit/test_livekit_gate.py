"""ProsodyGate: what it is made from, what it warns of, and what it reports."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from functools import partial

import numpy as np
import psutil
import pytest
from livekit.agents.types import NOT_GIVEN
from livekit.agents.vad import VADEventType
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from livekit_call import STEP, Call, ConfirmAt, HandSTT, ScriptedVAD, StubSession, settle
from livekit_session import SilentRealtimeModel
from prosody_gate import GateOptions, Lexicon, LexiconError, ModelError, OptionError, livekit
from prosody_gate.evidence import EvidenceWeights
from prosody_gate.livekit import ProsodyGate, testing
from prosody_gate.session.session_metrics import SessionMetrics
from prosody_gate.session.threaded_listener import ThreadedListener

PROFILE = """
[microphone]
name = "test"
noise_floor_dbfs = -55.0
[gate]
sensitivity = 0.7
max_hold = 1.5
"""


def run(coroutine, *, timeout=60):
    return asyncio.run(asyncio.wait_for(coroutine, timeout))


def test_all_names_are_exported_sorted_and_documented():
    assert list(livekit.__all__) == ["GatedSTT", "GatedVAD", "ProsodyGate"]
    assert list(testing.__all__) == sorted(testing.__all__)
    for module in (livekit, testing):
        for name in module.__all__:
            assert getattr(module, name).__doc__


def test_options_come_from_profile_then_options_then_arguments(tmp_path):
    path = tmp_path / "headset.toml"
    path.write_text(PROFILE, encoding="utf-8")
    assert ProsodyGate(path, listener=False).gate.options.sensitivity == 0.7
    gate = ProsodyGate(
        str(path), listener=False, options=GateOptions(max_hold=1.2, tail_boundary=0.5), tail_boundary=0.8
    )
    assert gate.gate.options.sensitivity == 0.7
    assert gate.gate.options.max_hold == 1.2
    assert gate.gate.options.tail_boundary == 0.8
    assert ProsodyGate(path, sensitivity=0.1, listener=False).gate.options.sensitivity == 0.1
    assert gate.gate.analyzer.noise_floor.dbfs == pytest.approx(-55.0)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"sensitivity": 2.0}, OptionError, "sensitivity: expected a number from 0 to 1"),
        ({"no_such_option": 1.0}, OptionError, "no_such_option"),
        ({"profile": "no-such-file.toml"}, OptionError, "no-such-file.toml"),
        ({"languages": ["xx"]}, LexiconError, "xx"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(arguments, error, says):
    with pytest.raises(error, match=says) as raised:
        ProsodyGate(listener=False, **arguments)
    assert "\n" not in str(raised.value)


def test_the_listener_comes_with_known_phrases_and_can_be_left_out_or_replaced():
    assert isinstance(ProsodyGate().gate.listener, ThreadedListener)
    assert isinstance(ProsodyGate(languages=["de"]).gate.listener, ThreadedListener)
    assert ProsodyGate(listener=False).gate.listener is None
    made = []

    class Own:
        def __init__(self):
            made.append(self)

    assert ProsodyGate(languages=["de"], listener=Own).gate.listener._listener is made[0]


def test_a_lexicon_of_the_users_own_is_used():
    lexicon = Lexicon.load(["de"])
    assert ProsodyGate(listener=False, lexicon=lexicon).gate.lexicon is lexicon


def test_the_gate_is_made_late_so_that_it_waits_for_transcripts_wherever_stt_was_called_before():
    async def go():
        async with Call() as call:  # attached, its stream open, no audio yet
            call.gate.update_options(max_hold=1.5)
            call.agent(False)
            call.gate.stt(HandSTT())
            await call.audio("-")
            assert call.gate.gate.expects_transcripts
            assert call.gate.gate.options.max_hold == 1.5
        without = ProsodyGate(listener=False)
        assert not without.gate.expects_transcripts

    run(go())


def test_an_stt_that_comes_too_late_is_warned_of_once_and_its_transcripts_are_held_all_the_same(caplog):
    async def go():
        async with Call() as call:
            await call.audio("-")
            call.with_stt().open_stt()
            call.gate.stt(HandSTT())
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            await call.say("final_transcript", "okay")
            assert call.received == []
            await call.audio("-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert call.received == []
            assert not call.gate.gate.expects_transcripts

    run(go())
    assert [record.option for record in caplog.records] == ["stt"]
    assert "call gate.stt() before the session starts" in caplog.text


def test_a_second_stt_of_the_session_is_no_late_one(caplog):
    async def go():
        async with Call().with_stt() as call:
            await call.audio("-")
            call.gate.stt(HandSTT())

    run(go())
    assert caplog.records == []


def test_sources_that_cannot_be_used_are_refused_when_the_gate_is_made():
    with pytest.raises(OptionError, match="sources: expected names that differ"):
        ProsodyGate(listener=False, sources=[ConfirmAt(), ConfirmAt()])


def test_damaged_weights_are_an_error_before_the_call(monkeypatch, tmp_path):
    damaged = partial(EvidenceWeights.load, tmp_path)
    monkeypatch.setattr(EvidenceWeights, "load", damaged)
    with pytest.raises(ModelError, match=r"weights\.json"):
        ProsodyGate(listener=False)


@pytest.mark.parametrize("missing", ["livekit", "livekit.agents", "livekit.plugins.silero"])
def test_without_livekit_agents_the_import_says_in_one_line_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None\nimport prosody_gate.livekit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: prosody_gate.livekit needs LiveKit Agents and its Silero plugin")
    assert 'pip install "livekit-agents>=1.8,<2" "livekit-plugins-silero>=1.8,<2"' in last


def test_update_options_reaches_the_live_gate():
    async def go():
        async with Call(max_hold=2.0) as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 10)
            call.gate.update_options(max_hold=0.2)
            await call.audio("s")
            assert call.kinds() == ["hold", "confirm"]
            with pytest.raises(OptionError):
                call.gate.update_options(max_hold=-1.0)

    run(go())


def test_turn_handling_adds_what_the_gate_needs_and_keeps_the_rest():
    gate = ProsodyGate(listener=False)
    assert gate.turn_handling() == {"interruption": {"mode": "vad", "min_duration": 0.05}}
    given = {"endpointing": {"min_delay": 0.3}, "interruption": {"min_words": 0, "false_interruption_timeout": 1.0}}
    merged = gate.turn_handling(given, preemptive_generation={"enabled": False})
    assert merged == {
        "endpointing": {"min_delay": 0.3},
        "preemptive_generation": {"enabled": False},
        "interruption": {
            "min_words": 0,
            "false_interruption_timeout": 1.0,
            "mode": "vad",
            "min_duration": 0.05,
        },
    }
    assert given["interruption"] == {"min_words": 0, "false_interruption_timeout": 1.0}
    assert gate.turn_handling(interruption={"min_duration": 0.2})["interruption"]["min_duration"] == 0.2


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"interruption": {"min_duration": 0}}, "interruption.min_duration"),
        ({"interruption": {"mode": "adaptive"}}, "interruption.mode"),
        ({"turn_detection": "realtime_llm"}, "turn_detection"),
    ],
)
def test_turn_handling_warns_once_of_what_defeats_the_gate(options, name, caplog):
    gate = ProsodyGate(listener=False)
    for _ in range(2):
        merged = gate.turn_handling(options)
    assert [record.option for record in caplog.records] == [name]
    assert name in caplog.text
    assert merged["interruption"]["mode"] == "vad"
    assert merged["interruption"]["min_duration"] > 0


@pytest.mark.parametrize(
    ("session", "name"),
    [
        (lambda vad, stt: StubSession(vad=vad, stt=stt, min_duration=0.0), "interruption.min_duration"),
        (lambda vad, stt: StubSession(vad=vad, stt=stt, mode="adaptive"), "interruption.mode"),
        (lambda vad, stt: StubSession(vad=vad, stt=HandSTT()), "stt"),
        (lambda vad, stt: StubSession(vad=ScriptedVAD(), stt=stt), "vad"),
        (lambda vad, stt: StubSession(vad=vad, stt=stt), None),
        (lambda vad, stt: StubSession(vad=vad), None),
    ],
)
def test_attach_warns_of_a_session_that_defeats_the_gate(session, name, caplog):
    gate = ProsodyGate(listener=False)
    gate.attach(session(gate.vad(ScriptedVAD()), gate.stt(HandSTT())))
    assert [record.option for record in caplog.records] == ([name] if name else [])


def test_the_metrics_of_a_session_add_up_and_are_emitted():
    async def go():
        call = Call(20 * STEP, tail_boundary=0.5)
        got: list[SessionMetrics] = []
        call.gate.on("metrics_collected", got.append)
        async with call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)
            await call.audio("-" * 40 + "s" * 8 + "-" * 40)
            await call.audio("s" * 5)
            call.agent(False)
            await settle()
            metrics = call.gate.metrics
        assert (metrics.held, metrics.confirmed, metrics.cancelled, metrics.released) == (3, 1, 1, 1)
        assert metrics.reasons == {"confirm/evidence": 1, "cancel/evidence": 1, "release/agent_stopped": 1}
        assert metrics.confirm_latency_p50 == metrics.confirm_latency_p95 == pytest.approx(10 * STEP)
        assert metrics.time_held > 10 * STEP
        assert metrics.errors == 0
        assert got[-1] == metrics  # the last one comes at the end
        assert len(got) == 4
        assert metrics.to_dict()["confirm_latency_p90"] == 0.32

    run(go())


def test_metrics_before_anything_happened_are_empty():
    metrics = ProsodyGate(listener=False).metrics
    assert metrics.held == 0
    assert metrics.confirm_latency_p50 is None
    assert metrics.to_dict()["confirm_latency_p95"] is None


def test_prometheus_counts_over_all_sessions():
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    async def go():
        async with Call(20 * STEP) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)

    confirmed = {"kind": "confirm", "reason": "evidence"}
    before = value("prosody_gate_decisions_total", **confirmed)
    observed = value("prosody_gate_confirm_latency_seconds_count")
    run(go())
    run(go())
    assert value("prosody_gate_decisions_total", **confirmed) == before + 2
    assert value("prosody_gate_confirm_latency_seconds_count") == observed + 2
    assert value("prosody_gate_overlaps_total") >= 2


def test_decisions_are_written_onto_the_sessions_spans():
    async def go():
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")
        async with Call(20 * STEP) as call:
            call.session._agent_speaking_span = tracer.start_span("agent_speaking")
            call.session._user_speaking_span = None
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)
            call.session._user_speaking_span = tracer.start_span("user_speaking")
            call.session.user("speaking")
            call.session._agent_speaking_span.end()
            call.session._user_speaking_span.end()
        agent, user = exporter.get_finished_spans()
        assert [event.name for event in agent.events] == ["prosody_gate.hold", "prosody_gate.confirm"]
        assert agent.events[1].attributes["prosody_gate.reason"] == "evidence"
        assert agent.events[1].attributes["prosody_gate.evidence.script"] == 20.0
        assert user.attributes["prosody_gate.kind"] == "confirm"
        assert user.attributes["lk.is_interruption"] == "true"
        assert user.attributes["lk.interruption.detection_delay"] == pytest.approx(10 * STEP)
        assert not any("text" in name for name in user.attributes)

    run(go())


@pytest.mark.parametrize("already_speaking", [False, True])
def test_a_later_turn_is_not_marked_with_an_old_confirm(already_speaking):
    async def go():
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("test")

        def begin():
            call.session._user_speaking_span = tracer.start_span("user_speaking")
            call.session.user("speaking")

        def end():
            call.session._user_speaking_span.end()
            call.session.user("listening")

        async with Call(60 * STEP) as call:
            call.session._agent_speaking_span = call.session._user_speaking_span = None
            if already_speaking:  # within one stretch of the VAD the agent begins, and the user then interrupts it
                begin()
                await call.audio("-" * 5 + "s" * 10 + "-" * 11)
            call.agent(True)
            await call.audio("-" * (0 if already_speaking else 26) + "s" * 40)
            assert call.kinds() == ["hold", "confirm"]
            if not already_speaking:
                begin()
            end()
            call.agent(False)
            await call.audio("-" * 60)
            begin()
            end()
        interruption, later = exporter.get_finished_spans()
        assert interruption.attributes["lk.is_interruption"] == "true"
        assert not later.attributes

    run(go())


def test_a_confirm_that_came_to_nothing_is_forgotten_with_the_end_of_the_users_speech():
    async def go():
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        async with Call(20 * STEP) as call:
            call.session._agent_speaking_span = call.session._user_speaking_span = None
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)
            call.session.user("away")
            call.session._user_speaking_span = provider.get_tracer("test").start_span("user_speaking")
            call.session.user("speaking")
            call.session._user_speaking_span.end()
        (later,) = exporter.get_finished_spans()
        assert not later.attributes

    run(go())


def test_a_release_is_on_the_span_of_the_users_speech_as_no_interruption():
    async def go():
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        async with Call() as call:
            call.session._agent_speaking_span = call.session._user_speaking_span = None
            call.agent(True)
            await call.audio("-" * 10 + "s" * 15)
            call.agent(False)
            call.session._user_speaking_span = provider.get_tracer("test").start_span("user_speaking")
            call.session.user("speaking")
            call.session._user_speaking_span.end()
        (span,) = exporter.get_finished_spans()
        assert span.attributes["prosody_gate.kind"] == "release"
        assert span.attributes["lk.is_interruption"] == "false"

    run(go())


class StubAgent:
    """The part of an Agent that the gate looks at."""

    def __init__(self, *, vad=NOT_GIVEN, stt=NOT_GIVEN, llm=NOT_GIVEN, turn_detection=NOT_GIVEN) -> None:
        self.vad, self.stt, self.llm, self.turn_detection = vad, stt, llm, turn_detection
        self.cleared = 0

    @property
    def realtime_llm_session(self):
        return self

    def clear_audio(self) -> None:
        self.cleared += 1


@pytest.mark.parametrize(
    ("own", "names"),
    [
        ({"stt": HandSTT()}, ["agent.stt"]),
        ({"vad": ScriptedVAD()}, ["agent.vad"]),
        ({"vad": None}, ["agent.vad"]),
        ({"stt": None}, []),
        ({}, []),
    ],
)
@pytest.mark.parametrize("handed_over", [False, True])
def test_an_agent_with_a_vad_or_stt_of_its_own_is_warned_of_once(own, names, handed_over, caplog):
    gate = ProsodyGate(listener=False)
    session = StubSession(vad=gate.vad(ScriptedVAD()), stt=gate.stt(HandSTT()))
    if not handed_over:
        session.in_charge = StubAgent(**own)
    gate.attach(session)
    session.in_charge = session.in_charge or StubAgent(**own)
    for state in ("listening", "speaking", "listening"):
        session.agent(state)
    assert [record.option for record in caplog.records] == names
    session.in_charge = StubAgent(**{name: getattr(session, name) for name in own})
    session.agent("thinking")
    assert [record.option for record in caplog.records] == names


@pytest.mark.parametrize(
    ("case", "cleared"),
    [
        ("the session's model", 1),
        ("with speech-to-text beside it", 1),
        ("the agent's own model", 1),
        ("its server takes turns", 0),
        ("its server takes turns and cannot leave it", 0),
        ("no realtime model", 0),
    ],
)
def test_a_realtime_models_input_is_cleared_of_cancelled_speech(case, cleared):
    async def go():
        async with Call(tail_boundary=0.5) as call:
            model = SilentRealtimeModel()
            agent = call.session.in_charge = StubAgent(llm=model if case == "the agent's own model" else NOT_GIVEN)
            if case not in ("the agent's own model", "no realtime model"):
                call.session.llm = model
            if case == "with speech-to-text beside it":
                call.session.stt = call.gate.stt(HandSTT())
            if "its server" in case:
                model.capabilities.turn_detection = True
                model.capabilities.can_disable_turn_detection = "cannot" not in case
                call.session.turn_detection = None if "cannot" in case else "realtime_llm"
            call.agent(True)
            await call.audio("-" * 5 + "s" * 8 + "-" * 60)
            assert call.kinds() == ["hold", "cancel"]
            assert agent.cleared == cleared

    run(go())


def test_what_the_user_said_is_logged_at_debug_level_only(caplog):
    async def go():
        async with Call().with_stt() as call:
            call.agent(True)
            await call.audio("-" * 5 + "s" * 12)
            await call.say("interim_transcript", "okay secret")
            await call.say("final_transcript", "okay")
            await call.audio("-" * 60)
            await call.audio("s" * 12)
            await call.say("final_transcript", "stop secret")

    with caplog.at_level(logging.DEBUG, "prosody_gate"):
        run(go())
    above = [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert above
    for record in above:
        assert "secret" not in record.getMessage()
        assert "secret" not in str(getattr(record, "prosody_gate", ""))
    assert "secret" in caplog.text
    decided = [record.prosody_gate for record in above if record.name == "prosody_gate"]
    assert [fields["kind"] for fields in decided] == ["confirm"] or [f["kind"] for f in decided] == [
        "cancel",
        "confirm",
    ]


def test_prewarm_gives_a_loaded_vad_and_the_recogniser_that_every_gate_shares():
    try:
        vad = ProsodyGate.prewarm()
    finally:
        gc.unfreeze()
    assert vad.model == "silero"
    from prosody_gate.listener.phoneme_recogniser import shared_recogniser

    assert shared_recogniser.cache_info().currsize == 1
    first, second = ProsodyGate(), ProsodyGate()
    assert first.gate.listener._listener._recogniser is shared_recogniser()
    assert first.gate.listener._listener._phrases is second.gate.listener._listener._phrases


def test_a_thousand_overlaps_leave_nothing_behind():
    async def go():
        async with Call(tail_boundary=0.1, transcript_timeout=0.1).with_stt() as call:
            sizes = []
            memory = []
            call.agent(True)
            for index in range(1_000):
                call.got.clear()
                call.decisions.clear()
                for probability in (*(0.9,) * 4, *(0.02,) * 22):
                    await _whole_window(call, probability)
                await call.say("final_transcript", "okay")
                assert call.kinds() == ["hold", "cancel"]
                if index in (300, 999):
                    sizes.append((_objects_of(call), len(asyncio.all_tasks())))
                    gc.collect()
                    memory.append(psutil.Process().memory_info().rss)
            assert sizes[0] == sizes[1]
            # The measured frames of one overlap alone are some 20 kB.
            assert memory[1] - memory[0] < 700 * 10_000
            assert call.received == []
            assert call.gate.metrics.held == 1_000
            # And the agent can still be interrupted.
            call.decisions.clear()
            for _ in range(12):
                await _whole_window(call, 0.9)
            await call.say("interim_transcript", "stop")
            assert call.kinds() == ["hold", "confirm"]
            assert any(event.type is VADEventType.START_OF_SPEECH for event in call.got)

    run(go(), timeout=200)


async def _whole_window(call: Call, probability: float) -> None:
    from livekit import rtc

    frame = rtc.AudioFrame(np.full(512, round(probability * 1_000), np.int16).tobytes(), 16_000, 1, 512)
    call.stream.push_frame(frame)
    call.stt_stream.push_frame(frame)
    for _ in range(6):
        await asyncio.sleep(0)


def _objects_of(call: Call) -> tuple[int, ...]:
    """How much the parts that live as long as the session keep."""
    stream = call.stream
    return (
        len(call.gate._driver._followers),
        len(call.gate._telemetry._counter._recorder._held_since),
        len(stream._translator._kept),
        len(stream._frames),
        len(stream._history._frames),
        call.stt_stream._hold.held,
        len(call.gate.gate._history._segments),
        len(call.gate.gate._overlaps.undecided),
        len(call.gate.gate._overlaps._decisions),
    )

"""A real AgentSession in real time: what happens when the user makes a sound, with the gate and without it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from livekit.agents import Agent, inference
from livekit.agents.stt import SpeechEventType
from livekit.agents.telemetry import tracer
from livekit.agents.vad import VAD
from livekit.plugins import silero
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from livekit_session import RATE, Answering, Said, ScriptedSTT, SilentRealtimeModel, run_session
from prosody_gate.livekit import ProsodyGate

pytestmark = pytest.mark.slow

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"

TURN = 4.5
"""Seconds from one of the agent's turns to the next, where a test has several."""

SPEAKS = 3.9
"""Seconds for which the agent then speaks."""

AT = 1.2
"""Where in the agent's turn the user makes a sound."""


class Clips:
    """Real recordings by text, from the shared data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        lines = (folder / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
        self._rows = [json.loads(line) for line in lines]

    def of(self, group: str, text: str | None = None, index: int = 0) -> np.ndarray:
        rows = [row for row in self._rows if row["set"] == group and text in (None, row["text"])]
        samples, rate = sf.read(self._folder / rows[index]["audio"], dtype="int16")
        assert rate == RATE
        return samples


class InUse:
    """The VAD that the sessions of a test are made with."""

    make: Callable[[], VAD] = silero.VAD.load


@pytest.fixture(params=[silero.VAD.load, inference.VAD], ids=["silero", "inference"], autouse=True)
def vad_in_use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    without_gate = "without_the_gate" in request.node.name
    if without_gate and request.param is inference.VAD:
        pytest.skip("what LiveKit does by itself is shown with one VAD")
    monkeypatch.setattr(InUse, "make", request.param)


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> Clips:
    return Clips(shared_data)


def channel(seconds: float, *sounds: tuple[float, np.ndarray]) -> np.ndarray:
    """The user's channel: a quiet room, with sounds at their times."""
    samples = np.random.default_rng(7).normal(0.0, 8.0, round(seconds * RATE))
    for at, sound in sounds:
        first = round(at * RATE)
        samples[first : first + len(sound)] += sound[: len(samples) - first]
    return np.clip(samples, -32768, 32767).astype(np.int16)


def door() -> np.ndarray:
    """A hinge that creaks for 0.4 s, then a thump that rings off.

    Made, not recorded: of the recorded noises (dishes, a tap, rooms) none makes Silero speak, nor does the thump alone.
    A hinge sticks and slips, 80 to 180 times a second here, and the wood rings with it: much as a voice is made.
    """
    random = np.random.default_rng(3)
    slips = (np.diff(np.floor(np.cumsum(np.linspace(80, 180, round(0.4 * RATE)) / RATE)), prepend=0) > 0).astype(float)
    slips *= random.uniform(0.6, 1.4, slips.size)
    ring = np.arange(round(0.05 * RATE)) / RATE
    wood = np.sin(2 * np.pi * 500 * ring) * np.exp(-ring / 0.004)
    wood += 0.3 * np.sin(2 * np.pi * 1500 * ring) * np.exp(-ring / 0.003)
    creak = np.convolve(slips, wood)[: slips.size]
    time = np.arange(round(0.5 * RATE)) / RATE
    thump = (random.normal(0.0, 1.0, time.size) + 2 * np.sin(2 * np.pi * 90 * time)) * np.exp(-time / 0.06)
    return np.concatenate([6_000 * creak / np.abs(creak).max(), 4_000 * thump]).astype(np.int16)


def demo(start: float, end: float) -> np.ndarray:
    """What the demo's user says in that time (s); a synthetic voice."""
    samples, rate = sf.read(DEMO, dtype="int16")
    assert rate == RATE
    return samples[round(start * RATE) : round(end * RATE), 1]


def go(
    samples: np.ndarray,
    script: Sequence[Said] = (),
    *,
    gated: bool = True,
    agent: Agent | None = None,
    gate: ProsodyGate | None = None,
    stt=None,
    **options,
):
    """Run one session in real time, with the gate or without."""

    async def run():
        vad = InUse.make()
        recogniser = stt or ScriptedSTT(script)
        turn_handling = options.pop("turn_handling", {})
        if not gated:
            turn_handling.setdefault("interruption", {})["mode"] = "vad"
            return await run_session(
                samples, vad=vad, stt=recogniser, agent=agent, turn_handling=turn_handling, **options
            )
        own = gate or ProsodyGate()
        return await run_session(
            samples,
            vad=own.vad(vad),
            stt=own.stt(recogniser),
            gate=own,
            agent=agent,
            turn_handling=own.turn_handling(turn_handling),
            **options,
        )

    return asyncio.run(run())


def turns(count: int) -> list[tuple[float, float]]:
    """The agent speaks so many times, one sound of the user in each."""
    return [(index * TURN, SPEAKS) for index in range(count)]


def turn_of(time: float) -> int:
    return int(time // TURN)


def backchannels(clips: Clips) -> tuple[np.ndarray, list[Said]]:
    said = [
        ("yes", clips.of("read_affirmative", "yes", 2)),
        ("mm-hmm", demo(6.95, 7.7)),
        ("yeah", demo(9.95, 10.4)),
        ("okay right", demo(13.15, 14.35)),
        ("right", clips.of("read_affirmative", "right", 0)),
    ]
    sounds, script = [], []
    for index, (words, sound) in enumerate(said):
        at = index * TURN + AT
        sounds.append((at, sound))
        script.append(Said(words, at + 0.3, at + 0.8))
    return channel(len(said) * TURN, *sounds), script


def test_without_the_gate_each_backchannel_stops_the_agent(clips):
    samples, script = backchannels(clips)
    run = go(samples, script, gated=False, agent_speaks=turns(5))
    assert {turn_of(at) for at in run.times("pause", "cut")} == {0, 1, 2, 3, 4}
    assert run.interrupted == [True] * 5


def test_backchannels_do_not_stop_the_agent_and_leave_no_word_behind(clips):
    samples, script = backchannels(clips)
    agent = Answering()
    run = go(samples, script, agent=agent, agent_speaks=turns(5))
    assert run.kinds() == ["hold", "cancel"] * 5
    assert run.interrupted == [False] * 5
    assert run.times("pause", "cut") == []
    assert run.transcripts() == run.transcripts(final=False) == []
    assert run.user_turns == agent.asked == []
    assert run.user_states() == []


def noises(clips: Clips) -> np.ndarray:
    places = [clips.of("cough", index=0), clips.of("cough", index=8), door()]
    return channel(3 * TURN, *((index * TURN + AT, sound) for index, sound in enumerate(places)))


def test_without_the_gate_coughs_and_a_door_each_stop_the_agent(clips):
    run = go(noises(clips), gated=False, agent_speaks=turns(3))
    # What was paused goes on 2 s later, so that the end of the session cuts the last of it.
    assert {turn_of(at) for at in run.times("pause")} == {0, 1, 2}


def test_coughs_and_a_door_do_not_stop_the_agent(clips):
    run = go(noises(clips), agent_speaks=turns(3))
    assert run.kinds() == ["hold", "cancel"] * 3
    assert run.interrupted == [False] * 3
    assert run.times("pause", "cut") == []
    assert run.user_states() == []


def test_stop_stops_the_agent_and_is_the_users_turn(clips):
    stop = clips.of("command_word", "stop", 1)
    agent = Answering()
    run = go(channel(6.0, (2.0, stop)), [Said("stop", 2.2, 2.8)], agent=agent, agent_speaks=[(0, 5.5)])
    assert run.interrupted[0]
    (pause,) = [at for at in run.times("pause")][:1]
    assert pause < 3.0
    assert run.user_turns == ["stop"]
    assert agent.asked == ["stop"]


def test_a_backchannel_that_goes_on_as_an_interruption_stops_the_agent(clips):
    yes, wait = clips.of("read_affirmative", "yes", 2), clips.of("command_word", "no", 0)
    samples = channel(6.5, (1.5, yes), (2.3, wait))
    said = Said(
        "yeah wait a second", 1.8, 3.0, interim=[(2.6, "yeah"), (3.1, "yeah wait"), (3.3, "yeah wait a second")]
    )
    run = go(samples, [said], agent=Answering(), agent_speaks=[(0, 6.0)])
    assert run.interrupted[0]
    assert run.times("pause", "cut")[0] < 3.4
    assert run.user_turns == ["yeah wait a second"]


def several(clips: Clips, places: Sequence[float]) -> tuple[np.ndarray, list[Said]]:
    words = [
        ("okay", demo(13.15, 13.7)),
        ("right", clips.of("read_affirmative", "right", 0)),
        ("got it", clips.of("read_affirmative", "yes", 4)),
        ("wait", clips.of("command_word", "stop", 1)),
    ]
    samples = channel(places[-1] + 3.1, *((at, sound) for at, (_, sound) in zip(places, words, strict=True)))
    script = [Said(text, at + 0.2, at + 0.8) for at, (text, _) in zip(places, words, strict=True)]
    return samples, script


def test_without_the_gate_each_of_okay_right_got_it_and_wait_stops_the_agent(clips):
    samples, script = several(clips, [index * TURN + AT for index in range(4)])
    run = go(samples, script, gated=False, agent_speaks=turns(4))
    assert {turn_of(at) for at in run.times("pause", "cut")} == {0, 1, 2, 3}
    assert run.interrupted == [True] * 4


def test_three_backchannels_then_wait_goes_on_three_times_and_hears_wait_alone(clips):
    samples, script = several(clips, [1.2 + 2.4 * index for index in range(4)])
    agent = Answering()
    run = go(samples, script, agent=agent, agent_speaks=[(0, 11.0)])
    assert run.kinds() == ["hold", "cancel"] * 3 + ["hold", "confirm"]
    assert run.interrupted[0]
    assert run.times("pause", "cut")[0] > 8.4
    assert run.user_turns == agent.asked == ["wait"]


def test_yeah_while_the_agent_is_silent_is_an_ordinary_turn(clips):
    agent = Answering(seconds=1.0)
    samples = channel(5.0, (1.0, clips.of("read_affirmative", "yes", 2)))
    run = go(samples, [Said("yeah", 1.3, 1.8)], agent=agent, agent_speaks=())
    assert run.kinds() == []
    assert run.user_turns == agent.asked == ["yeah"]
    assert run.times("play") != []


def test_yes_in_the_last_second_of_the_agents_question_is_its_answer(clips):
    agent = Answering(seconds=1.0)
    # The agent ends at 3.0; the word is from about 2.3 to 2.8.
    samples = channel(6.0, (2.0, clips.of("read_affirmative", "yes", 2)))
    run = go(samples, [Said("yes", 2.3, 2.8, delay=0.6)], agent=agent, agent_speaks=[(0, 3.0)])
    assert run.interrupted == [False]
    assert run.kinds() == ["hold", "release"]
    assert run.user_turns == agent.asked == ["yes"]


def test_a_long_sentence_stops_the_agent_when_speech_to_text_is_dead(clips):
    order = clips.of("spoken_order", index=5)
    run = go(channel(7.5, (1.5, order)), agent_speaks=[(0, 7.0)])
    assert run.kinds()[:2] == ["hold", "confirm"]
    assert run.times("pause")[0] < 5.5


def test_stop_stops_the_agent_when_speech_to_text_is_dead(clips):
    stop = clips.of("command_word", "stop", 1)
    run = go(channel(4.5, (1.5, stop)), agent_speaks=[(0, 4.0)])
    assert run.kinds()[:2] == ["hold", "confirm"]
    assert run.times("pause")[0] < 2.8


def test_false_interruption_resume_works_as_ever(clips):
    """A confirmed sound without words: the agent pauses, and resumes after the timeout."""

    class Eager:
        name = "eager"

        def reset(self) -> None: ...

        def update(self, observation):
            return 20.0

    gate = ProsodyGate(sources=[Eager()], listener=False)
    run = go(
        channel(6.0, (1.5, clips.of("read_affirmative", "yes", 2))),
        gate=gate,
        agent_speaks=[(0, 4.0)],
        turn_handling={"interruption": {"false_interruption_timeout": 1.0}},
    )
    assert run.kinds() == ["hold", "confirm"]
    assert [kind for kind, _ in run.playout] == ["play", "pause", "resume", "end"]
    assert any(name == "agent_false_interruption" and event.resumed for _, name, event in run.events)
    assert run.interrupted == [False]


def test_speech_that_may_not_be_interrupted_is_not(clips):
    run = go(
        channel(5.0, (1.5, clips.of("command_word", "stop", 1))),
        agent_speaks=[(0, 4.5)],
        allow_interruptions=False,
    )
    assert run.kinds()[:2] == ["hold", "confirm"]
    assert run.times("pause", "cut") == []
    assert run.interrupted == [False]


def test_preemptive_generation_starts_on_the_final_transcript_as_without_the_gate(clips):
    agent = Answering(seconds=0.5)
    samples = channel(5.0, (0.8, clips.of("read_affirmative", "yes", 2)))
    run = go(
        samples,
        [Said("yes", 1.1, 1.6, delay=0.2)],
        agent=agent,
        agent_speaks=(),
        turn_handling={
            "preemptive_generation": {"enabled": True},
            "endpointing": {"min_delay": 1.0, "max_delay": 2.0},
        },
    )
    assert agent.asked == ["yes"]  # once: the generation that began early was used
    assert run.user_turns == ["yes"]


def test_endpointing_waits_as_long_after_the_speech_as_without_the_gate(clips):
    samples = channel(5.5, (0.8, clips.of("read_affirmative", "yes", 2)))
    began = {}
    for gated in (True, False):
        agent = Answering(seconds=0.5)
        run = go(
            samples,
            [Said("yes", 1.1, 1.6, delay=0.2)],
            gated=gated,
            agent=agent,
            agent_speaks=(),
            turn_handling={"endpointing": {"min_delay": 1.5, "max_delay": 2.5}},
        )
        assert agent.asked == ["yes"]
        began[gated] = run.times("play")[0]
    assert began[True] == pytest.approx(began[False], abs=0.3)


def test_a_turn_detector_is_asked_about_the_users_turns_alone(clips):
    class Detector:
        model = "detector"
        provider = "tests"

        def __init__(self) -> None:
            self.asked: list[str] = []

        async def unlikely_threshold(self, language):
            return 0.5

        async def supports_language(self, language):
            return True

        async def predict_end_of_turn(self, chat_ctx, *, timeout=None):
            self.asked.append(chat_ctx.items[-1].text_content)
            return 0.9

    detector = Detector()
    samples = channel(
        7.5,
        (1.2, clips.of("read_affirmative", "yes", 2)),
        (4.5, clips.of("command_word", "stop", 1)),
    )
    run = go(
        samples,
        [Said("okay", 1.5, 2.0), Said("stop", 4.7, 5.3)],
        agent=Answering(seconds=0.5),
        agent_speaks=[(0, 7.0)],
        turn_handling={"turn_detection": detector},
    )
    assert run.user_turns == ["stop"]
    assert set(detector.asked) == {"stop"}


def test_turn_detection_by_speech_to_text_gets_no_start_or_end_of_a_cancelled_overlap(clips):
    class Marking(ScriptedSTT):
        """Adds START and END of speech, as a recogniser with its own turn detection does."""

        def stream(self, **options):
            stream = super().stream(**options)
            send = stream._event_ch.send_nowait

            def with_marks(event):
                kind = type(event)
                send(kind(type=SpeechEventType.START_OF_SPEECH))
                send(event)
                send(kind(type=SpeechEventType.END_OF_SPEECH))

            stream._event_ch.send_nowait = with_marks
            return stream

    samples = channel(8.0, (1.2, clips.of("read_affirmative", "yes", 2)), (4.5, clips.of("command_word", "stop", 1)))
    run = go(
        samples,
        stt=Marking([Said("okay", 1.5, 2.0), Said("stop", 4.7, 5.3)]),
        agent=Answering(seconds=0.5),
        agent_speaks=[(0, 7.0)],
        turn_handling={"turn_detection": "stt"},
    )
    assert run.user_turns == ["stop"]
    first_state = next(at for at, name, _ in run.events if name == "user_state_changed")
    assert first_state > 4.5


def test_the_gate_goes_on_across_an_agent_hand_over(clips):
    samples = channel(
        9.5,
        (1.2, clips.of("read_affirmative", "yes", 2)),
        (5.2, clips.of("read_affirmative", "right", 0)),
        (7.0, clips.of("command_word", "stop", 1)),
    )
    second = Answering(seconds=0.5)

    async def hand_over(session, microphone):
        await asyncio.sleep(3.7)
        session.update_agent(second)

    gate = ProsodyGate()
    run = go(
        samples,
        [Said("okay", 1.5, 2.0), Said("right", 5.4, 6.0), Said("stop", 7.2, 7.8)],
        gate=gate,
        agent=Answering(),
        agent_speaks=[(0, 3.5), (4.2, 5.0)],
        during=hand_over,
    )
    assert run.kinds() == ["hold", "cancel"] * 2 + ["hold", "confirm"]
    assert run.user_turns == ["stop"]
    assert second.asked == ["stop"]
    # The gate's clock is the user's channel, but for what was lost in the hand-over.
    assert run.decisions[-1].onset == pytest.approx(7.2, abs=0.4)


def test_two_sessions_in_one_process_do_not_disturb_each_other(clips):
    async def both():
        vad = silero.VAD.load()  # shared, as from a prewarmed process
        runs = []
        for sound in (clips.of("read_affirmative", "yes", 2), clips.of("command_word", "stop", 1)):
            gate = ProsodyGate()
            runs.append(
                run_session(
                    channel(5.0, (1.5, sound)),
                    vad=gate.vad(vad),
                    stt=gate.stt(ScriptedSTT()),
                    gate=gate,
                    agent_speaks=[(0, 4.5)],
                    turn_handling=gate.turn_handling(),
                )
            )
        return await asyncio.gather(*runs)

    calm, stopped = asyncio.run(both())
    assert calm.kinds() == ["hold", "cancel"]
    assert calm.times("pause", "cut") == []
    assert stopped.kinds()[:2] == ["hold", "confirm"]
    assert stopped.times("pause") != []


def test_closing_the_session_in_mid_hold_is_clean(clips, caplog):
    order = clips.of("spoken_order", index=5)

    class Undecided:
        name = "undecided"

        def reset(self) -> None: ...

        def update(self, observation):
            return -5.0

    gate = ProsodyGate(sources=[Undecided()], max_hold=30.0)
    with caplog.at_level(logging.WARNING, "prosody_gate"):
        run = go(channel(3.0, (1.0, order)), gate=gate, agent_speaks=[(0, 6.0)], tail=0.0)
    # The session stops the agent first, which gives the floor to the user.
    assert run.kinds() == ["hold", "release"]
    assert [record for record in caplog.records if record.name == "prosody_gate"] == []


def test_what_was_held_when_the_users_turn_is_cleared_never_comes_out(clips):
    class Undecided:
        name = "undecided"

        def reset(self) -> None: ...

        def update(self, observation):
            return -5.0

    async def clear(session, microphone):
        await asyncio.sleep(2.5)
        assert gate.gate.held_overlap is not None
        assert gate.gate.held_overlap.transcript == "I would like"
        recogniser.script = []  # the session opens another stream, which would begin the script again
        session.clear_user_turn()

    recogniser = ScriptedSTT([Said("I would like", 1.3, 1.9, delay=0.2)])
    gate = ProsodyGate(sources=[Undecided()], listener=False, max_hold=2.0)
    run = go(
        channel(4.2, (1.0, clips.of("spoken_order", index=1))),
        stt=recogniser,
        gate=gate,
        agent_speaks=[(0, 6.0)],
        during=clear,
        tail=0.0,
    )
    assert run.kinds()[:2] == ["hold", "confirm"]
    assert run.transcripts() == run.user_turns == []


def test_a_realtime_model_with_client_side_vad_is_interrupted_by_stop_alone_and_never_hears_the_backchannel(clips):
    async def run():
        model = SilentRealtimeModel()
        gate = ProsodyGate()
        run = await run_session(
            channel(7.0, (1.2, clips.of("read_affirmative", "yes", 2)), (4.5, clips.of("command_word", "stop", 1))),
            vad=gate.vad(silero.VAD.load()),
            stt=None,
            llm=model,
            gate=gate,
            agent_speaks=[(0, 6.5)],
            turn_handling=gate.turn_handling(turn_detection="vad"),
        )
        return run, model.commands

    session, commands = asyncio.run(run())
    assert session.kinds() == ["hold", "cancel", "hold", "confirm"]
    assert session.times("pause", "cut")[0] > 4.5
    # The input is cleared of the backchannel, and committed after "stop".
    assert commands[:1] == ["clear"]
    assert "commit" in commands[1:]


def test_decisions_are_on_the_spans_of_a_real_session(clips):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer.set_provider(provider)
    try:
        stop = clips.of("command_word", "stop", 1)
        go(channel(4.0, (1.2, stop)), [Said("stop", 1.4, 1.9)], agent_speaks=[(0, 3.5)])
    finally:
        tracer.set_provider(NoOpTracerProvider())
    spans = {span.name: span for span in exporter.get_finished_spans()}
    names = [event.name for event in spans["agent_speaking"].events]
    assert names == ["prosody_gate.hold", "prosody_gate.confirm"]
    assert spans["user_speaking"].attributes["prosody_gate.kind"] == "confirm"
    assert spans["user_speaking"].attributes["lk.is_interruption"] == "true"


def test_attaching_after_the_start_works(clips):
    async def run():
        gate = ProsodyGate()

        async def attach_late(session, microphone):
            await asyncio.sleep(0.6)
            gate.attach(session)

        decisions = []
        gate.on("decision", decisions.append)
        run = await run_session(
            channel(4.5, (1.5, clips.of("read_affirmative", "yes", 2))),
            vad=gate.vad(silero.VAD.load()),
            stt=gate.stt(ScriptedSTT([Said("yes", 1.8, 2.3)])),
            agent_speaks=[(0, 4.0)],
            turn_handling=gate.turn_handling(),
            during=attach_late,
        )
        await gate.aclose()
        return run, decisions

    run_, decisions = asyncio.run(run())
    assert [event.kind.value for event in decisions] == ["hold", "cancel"]
    assert run_.times("pause", "cut") == []

"""The echo guard between a session's microphone and who hears it: fed by hand, with no real time."""

from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.io import AudioOutput

from echo_room import RATE, level, room, voice
from livekit_call import Call, HandSTT, StubSession, settle
from livekit_session import SilentRealtimeModel
from prosody_gate import OptionError
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.agent_audio_tap import AgentAudioTap
from prosody_gate.livekit.guarded_microphone import GuardedMicrophone
from prosody_gate.livekit.testing import SilentOutput
from virtual_session import VirtualCall, run_virtual

BLOCK = 160


def frame_of(samples: np.ndarray, rate: int = RATE, channels: int = 1) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.astype(np.int16).tobytes(), rate, channels, len(samples) // channels)


def samples_of(frame: rtc.AudioFrame) -> np.ndarray:
    return np.frombuffer(frame.data, np.int16)


class Halving:
    """A canceller that halves."""

    def process(self, microphone: np.ndarray, played: np.ndarray) -> np.ndarray:
        return (microphone // 2).astype(np.int16)


class Breaking(Halving):
    def process(self, microphone: np.ndarray, played: np.ndarray) -> np.ndarray:
        raise RuntimeError("it broke")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Session(StubSession):
    """With an output."""

    def __init__(self, output: AudioOutput | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.output = SimpleNamespace(audio=output)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def test_the_echo_of_what_the_output_plays_is_cancelled_and_its_delay_told_once(caplog):
    caplog.set_level(logging.INFO, "prosody_gate")
    played = voice(6.0)
    heard = room(played, delay=0.2)
    clock, microphone, stream = Clock(), None, object()
    microphone = GuardedMicrophone(True, clock=clock)
    microphone._played.captured(played, RATE, clock.now)
    microphone._played.started(clock.now)
    out = []
    for first in range(0, len(heard), 320):
        clock.now += 0.02
        out.append(samples_of(microphone.clean(frame_of(heard[first : first + 320]), stream)))
    cleaned = np.concatenate(out)
    assert microphone.echo is not None
    assert microphone.echo.delay == pytest.approx(0.2, abs=0.005)
    assert level(cleaned[4 * RATE :]) < 0.1 * level(heard[4 * RATE :])
    told = [line for line in lines(caplog, logging.INFO) if line.startswith("echo guard: ")]
    assert told == ["echo guard: the agent's voice is in the user's microphone, 201 ms after it is played"]


def cleaning(make: Any = Halving, mode: Any = True) -> GuardedMicrophone:
    """A guard past its warm-up, while the agent goes on playing."""
    clock = Clock()
    microphone = GuardedMicrophone(mode, make_canceller=lambda rate: make(), clock=clock)
    loud = (4_000 * np.sin(np.arange(10 * RATE))).astype(np.int16)
    microphone._played.captured(loud, RATE, clock.now)
    microphone._played.started(clock.now)
    stream = microphone.stream = object()
    for _ in range(200):
        clock.now += 0.01
        microphone.clean(frame_of(np.full(BLOCK, 100)), stream)
    return microphone


def test_frames_keep_their_rate_length_and_userdata_and_channels_are_mixed():
    microphone = cleaning()
    frame = rtc.AudioFrame(np.repeat([[200, 600]], BLOCK, axis=0).astype(np.int16).tobytes(), RATE, 2, BLOCK)
    frame.userdata["mine"] = 1
    cleaned = microphone.clean(frame, microphone.stream)
    assert (cleaned.sample_rate, cleaned.num_channels, cleaned.samples_per_channel) == (RATE, 1, BLOCK)
    assert cleaned.userdata["mine"] == 1
    assert np.all(samples_of(cleaned) == 200)


def test_a_frame_of_another_rate_in_mid_call_passes_as_it_is():
    microphone = cleaning()
    frame = frame_of(np.full(240, 100), 24_000)
    assert microphone.clean(frame, microphone.stream) is frame
    assert microphone.is_on


def test_a_second_stream_gets_the_frames_as_the_first_had_them_and_takes_over_when_it_leaves():
    microphone = cleaning()
    second, frame = object(), frame_of(np.full(BLOCK, 100))
    assert microphone.clean(frame, second) is frame
    cleaned = microphone.clean(frame, microphone.stream)
    assert microphone.clean(frame, second) is cleaned
    microphone.leave(microphone.stream)
    assert np.all(samples_of(microphone.clean(frame_of(np.full(BLOCK, 80)), second)) == 40)


def test_the_stream_of_a_second_session_does_not_feed_the_guard_when_the_first_one_opens_another():
    microphone = cleaning()
    second, successor = object(), object()
    for _ in range(30):
        microphone.clean(frame_of(np.full(BLOCK, 7)), second)
        microphone.clean(frame_of(np.full(BLOCK, 100)), microphone.stream)
    microphone.leave(microphone.stream)
    others = frame_of(np.full(BLOCK, 7))
    assert microphone.clean(others, second) is others
    assert np.all(samples_of(microphone.clean(frame_of(np.full(BLOCK, 80)), successor)) == 40)


def test_speech_to_text_gets_each_frame_cleaned_whoever_has_it_first():
    microphone, got = cleaning(), []
    reader = microphone.reader(got.append)
    early, late = frame_of(np.full(BLOCK, 100)), frame_of(np.full(BLOCK, 80))
    reader.push(early)
    assert got == []
    cleaned = microphone.clean(early, microphone.stream)
    assert got == [cleaned]
    cleaned = microphone.clean(late, microphone.stream)
    reader.push(late)
    assert got[1] is cleaned


def test_silence_that_livekit_puts_in_place_of_a_frame_does_not_wait():
    microphone, got = cleaning(), []
    reader = microphone.reader(got.append)
    silence, frame = frame_of(np.zeros(BLOCK)), frame_of(np.full(BLOCK, 100))
    reader.push(silence)
    assert got == [silence]
    reader.push(frame)
    reader.push(silence)  # after one that waits: in its order
    assert got == [silence]
    cleaned = microphone.clean(frame, microphone.stream)
    reader.deliver_waiting()
    assert got == [silence, cleaned, silence]


def test_frames_that_the_vad_never_gets_wait_for_a_moment_and_soon_not_at_all(caplog):
    microphone, got = cleaning(), []
    reader = microphone.reader(got.append)
    frames = [frame_of(np.full(BLOCK, value)) for value in range(1, 40)]
    for index, frame in enumerate(frames):
        reader.push(frame)
        microphone.clean(frame_of(np.full(BLOCK, 100)), microphone.stream)
        assert len(got) >= index - 3
    assert got == frames
    assert lines(caplog) == [
        "echo guard: the speech-to-text gets other audio than the VAD (an stt_node that changes it?): "
        "the agent's voice is not cancelled in it"
    ]


def test_readers_do_not_wait_for_each_other_and_one_that_takes_no_frame_any_more_harms_nobody():
    def broken(frame: rtc.AudioFrame) -> None:
        raise RuntimeError("input ended")

    microphone, got = cleaning(), []
    other, ended, reader = microphone.reader(broken), microphone.reader(broken), microphone.reader(got.append)
    for _ in range(30):
        frame = frame_of(np.full(BLOCK, 100))
        other.push(frame_of(np.full(BLOCK, 7)))  # of another microphone
        ended.push(frame)
        reader.push(frame)
        cleaned = microphone.clean(frame, microphone.stream)
        assert got[-1] is cleaned
        if other._unknown_in_a_row >= 20:
            break
    reader.push(frame := frame_of(np.full(BLOCK, 100)))
    reader.close()
    microphone.clean(frame, microphone.stream)
    assert frame not in got


def test_a_second_session_gets_its_own_frames_as_they_are_and_the_first_one_cleaned_ones(caplog):
    async def go() -> None:
        async with Call(attach=False, echo_guard=True).with_stt() as call:
            prepared = cleaning()
            microphone = call.gate._microphone
            microphone._guard, microphone._clock = prepared._guard, prepared._clock
            microphone._played, microphone._arrival = prepared._played, prepared._arrival
            second = call.stt.stream()
            await settle()
            first, heard = call.recogniser.streams[0], {0: [], 1: []}
            for index, stream in enumerate((first, call.recogniser.streams[1])):
                stream.push_frame = heard[index].append
            for number in range(60):
                prepared._clock.now += 0.032
                frame, others = frame_of(np.full(512, 100)), frame_of(np.full(512, 7))
                if not 20 <= number < 50:  # on hold meanwhile
                    call.stt_stream.push_frame(frame)
                    call.stream.push_frame(frame)
                second.push_frame(others)
                assert heard[1][-1] is others
                await settle()
            await second.aclose()
            # The first of all comes before anybody feeds the guard.
            assert [int(np.median(samples_of(frame))) for frame in heard[0][1:]] == [50] * 29
            assert not [line for line in lines(caplog) if "echo" in line]

    asyncio.run(go())


def test_a_realtime_model_gets_what_the_vad_gets():
    async def main() -> list[int]:
        model = SilentRealtimeModel()
        async with VirtualCall(agent=Agent(instructions="test", llm=model), gate={"echo_guard": True}) as call:
            microphone = call.gate._microphone
            microphone._clock, microphone._make_canceller = time.time, lambda rate: Halving()
            await call.silence(0.2)
            call.speak(4.0)
            await call.silence(2.5)  # past the warm-up
            call.session.update_agent(Agent(instructions="test", llm=model))
            await call.silence(2.5)
            call.speak(1.0)
            await call.audio("s" * 10)
            return [int(np.median(samples_of(frame))) for frame in model.audio[-8:]]

    assert run_virtual(main) == [450] * 8


def test_a_canceller_that_breaks_is_one_line_and_everything_passes_from_then_on(caplog):
    got: list[Any] = []
    microphone = cleaning(Breaking)
    frame = frame_of(np.full(BLOCK, 100))
    assert microphone.clean(frame, microphone.stream) is frame
    microphone.reader(got.append).push(frame)
    assert got == [frame]
    assert not microphone.is_on
    assert lines(caplog) == ["echo guard: failed (it broke); the call goes on without it"]


def test_a_livekit_without_the_module_is_one_line_and_the_call_goes_on_without_the_guard(caplog, monkeypatch):
    monkeypatch.delattr(rtc, "AudioProcessingModule")

    async def go() -> None:
        async with Call(0.6, echo_guard=True) as call:
            call.agent(True)
            await call.audio("-" * 10 + "s" * 20)
            assert call.kinds() == ["hold", "confirm"]

    asyncio.run(go())
    (line,) = lines(caplog)
    assert line.startswith("echo guard: the installed livekit package has no AudioProcessingModule")
    assert line.endswith("; the call goes on without it")


def test_a_session_without_an_audio_output_is_one_line_once_the_agent_speaks(caplog):
    gate = ProsodyGate(echo_guard=True, listener=False)
    session = Session()
    gate.attach(session)  # type: ignore[arg-type]
    assert not [line for line in lines(caplog) if "echo" in line]
    for state in ("speaking", "listening", "speaking"):
        session.agent(state)
    (line,) = [line for line in lines(caplog) if "echo" in line]
    assert line == (
        "echo guard: the session has no audio output, so that there is nothing to cancel; the call goes on without it; "
        "set session.output.audio before the agent speaks"
    )


def test_an_agents_voice_of_a_rate_that_cannot_be_resampled_is_one_line_and_is_played_all_the_same(caplog):
    async def go() -> None:
        session, sink = Session(SilentOutput(96_000)), None
        gate = ProsodyGate(echo_guard=True, listener=False)
        gate.attach(session)  # type: ignore[arg-type]
        sink = session.output.audio
        assert isinstance(sink, AgentAudioTap)
        await sink.capture_frame(frame_of(np.ones(960), 96_000))
        sink.flush()
        await asyncio.wait_for(sink.wait_for_playout(), 2.0)
        await gate.aclose()

    asyncio.run(go())
    assert [line for line in lines(caplog) if "echo" in line] == [
        "echo guard: agent's audio: sample rate is 96000 Hz; expected 8000 to 48000 Hz; the call goes on without it"
    ]


def test_an_agent_that_speaks_already_is_tapped_from_its_next_turn_on():
    gate = ProsodyGate(echo_guard=True, listener=False)
    output = SilentOutput()
    session = Session(output)
    session.agent_state = "speaking"
    gate.attach(session)  # type: ignore[arg-type]
    assert session.output.audio is output
    session.agent("listening")
    assert isinstance(session.output.audio, AgentAudioTap)
    tap = session.output.audio
    session.agent("speaking")
    session.emit("speech_created", object())
    assert session.output.audio is tap


def test_vad_gate_and_speech_to_text_hear_the_cleaned_frames_and_with_an_option_speech_to_text_the_others():
    async def go(echo_guard_stt: bool) -> tuple[float, float]:
        gate = ProsodyGate(echo_guard=True, echo_guard_stt=echo_guard_stt, listener=False)
        microphone = gate._microphone
        assert microphone is not None
        prepared = cleaning()
        microphone._guard, microphone._clock, microphone._played = prepared._guard, prepared._clock, prepared._played
        microphone._arrival = prepared._arrival
        heard: dict[str, list[np.ndarray]] = {"vad": [], "stt": []}
        call = Call()
        vad = gate.vad(call.inner)
        recogniser = HandSTT()
        stream, stt_stream = vad.stream(), gate.stt(recogniser).stream()
        await settle()
        for name, inner in (("vad", stream._inner), ("stt", recogniser.streams[-1])):
            inner.push_frame = lambda frame, name=name: heard[name].append(samples_of(frame))
        for _ in range(5):
            prepared._clock.now += 0.032
            frame = frame_of(np.full(512, 100))
            stt_stream.push_frame(frame)
            stream.push_frame(frame)
            await settle()
        await stream.aclose()
        await stt_stream.aclose()
        await gate.aclose()
        return tuple(float(np.median(np.concatenate(heard[name]))) for name in ("vad", "stt"))

    assert asyncio.run(go(True)) == (50.0, 50.0)
    assert asyncio.run(go(False)) == (50.0, 100.0)


def test_the_gate_takes_the_guard_from_the_profile_unless_it_is_told(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('[microphone]\nname = "speakerphone"\necho_guard = true\n', encoding="utf-8")
    assert ProsodyGate(listener=False)._microphone is None
    assert ProsodyGate(path, listener=False)._microphone is not None
    assert ProsodyGate(path, listener=False, echo_guard=False)._microphone is None
    assert ProsodyGate(listener=False, echo_guard="auto")._microphone is not None
    assert ProsodyGate(path, listener=False).echo is None
    with pytest.raises(OptionError, match="echo_guard: expected True, False or \"auto\", got 'yes'"):
        ProsodyGate(listener=False, echo_guard="yes")  # type: ignore[arg-type]


def test_after_the_gate_is_closed_frames_pass_as_they_are():
    gate = ProsodyGate(echo_guard=True, listener=False)
    session = Session(SilentOutput())
    gate.attach(session)  # type: ignore[arg-type]
    asyncio.run(gate.aclose())
    frame = frame_of(np.full(BLOCK, 100))
    assert gate._microphone.clean(frame, object()) is frame

"""The echo guard: what it takes out of a microphone, when, and what it leaves alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from echo_room import RATE, level, room, voice
from prosody_gate import AudioError, ModelError, create_detector
from prosody_gate.audio import FRAME_SAMPLES, Framer
from prosody_gate.echo import EchoGuard, WebRtcCanceller, guarded_frames, recording_guard
from prosody_gate.gate import GateEventKind
from prosody_gate.gate_factory import GateFactory
from prosody_gate.replay import ALWAYS, drive, replay

BLOCK = 160


class Nothing:
    """A canceller that leaves nothing, and keeps what it was given."""

    made: list[Nothing]

    def __init__(self) -> None:
        self.played: list[np.ndarray] = []

    def process(self, microphone: np.ndarray, played: np.ndarray) -> np.ndarray:
        self.played.append(played)
        return np.zeros_like(microphone)


def guard_of_nothing(**options) -> tuple[EchoGuard, list[Nothing]]:
    made: list[Nothing] = []

    def make(rate: int) -> Nothing:
        made.append(Nothing())
        return made[-1]

    return EchoGuard(RATE, make_canceller=make, **options), made


def run(
    guard: EchoGuard,
    microphone: np.ndarray,
    played: np.ndarray,
    *,
    chunk: int = BLOCK,
    start: float = 0.0,
    ahead: int = 0,
):
    """The cleaned microphone; both sides in chunks, what is played `ahead` samples before its time."""
    out = []
    guard.played(played[:ahead], start)
    for first in range(0, len(microphone) - chunk + 1, chunk):
        at = start + first / RATE
        guard.played(played[first + ahead : first + ahead + chunk], at + ahead / RATE)
        out.append(guard.clean(microphone[first : first + chunk], at))
    return np.concatenate(out)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.5])
def test_an_echo_is_cancelled_however_late_it_comes(delay):
    played = voice(10.0)
    microphone = room(played, delay=delay)
    guard = EchoGuard(RATE, lead=0.05)
    cleaned = run(guard, microphone, played, ahead=800)
    assert guard.echo is not None
    assert guard.echo.delay == pytest.approx(delay, abs=0.003)
    settled = 6 * RATE
    assert level(cleaned[settled:]) < 0.1 * level(microphone[settled:])


def test_an_echo_that_moves_in_mid_call_is_found_again():
    played = voice(16.0)
    half = 8 * RATE
    microphone = np.concatenate((room(played, delay=0.05)[:half], room(played, delay=0.45)[half:]))
    guard = EchoGuard(RATE)
    cleaned = run(guard, microphone, played)
    assert guard.echo.delay == pytest.approx(0.45, abs=0.003)
    assert level(cleaned[13 * RATE :]) < 0.15 * level(microphone[13 * RATE :])


def test_the_clock_may_begin_anywhere():
    played = voice(5.0)
    microphone = room(played, delay=0.1)
    wall = run(EchoGuard(RATE), microphone, played, start=1_700_000_000.0)
    assert level(wall[4 * RATE :]) < 0.1 * level(microphone[4 * RATE :])


def test_while_nothing_is_played_the_microphone_passes_bit_for_bit():
    guard, _ = guard_of_nothing()
    microphone, silence = voice(3.0, seed=1), np.zeros(3 * RATE, np.int16)
    assert np.array_equal(run(guard, microphone, silence), microphone)


def test_after_the_agents_end_the_guard_goes_on_for_a_second_and_a_half():
    guard, _ = guard_of_nothing(only_when_found=False)
    played = np.concatenate((voice(3.0), np.zeros(3 * RATE, np.int16)))
    microphone = voice(6.0, seed=1)
    cleaned = run(guard, microphone, played)
    ends = np.flatnonzero(np.abs(played) > 0)[-1] / RATE
    is_cleaned = ~np.any(cleaned[: len(cleaned) // BLOCK * BLOCK].reshape(-1, BLOCK), axis=1)
    passes_from = (np.flatnonzero(is_cleaned)[-1] + 1) / 100
    assert passes_from == pytest.approx(ends + 1.5, abs=0.15)
    assert np.array_equal(cleaned[5 * RATE :], microphone[5 * RATE :])


def test_the_first_second_and_a_half_that_is_played_is_the_warm_up_and_gives_the_noise_of_the_room():
    played = np.concatenate((np.zeros(RATE, np.int16), voice(5.0)))
    quiet = np.random.default_rng(0).normal(0.0, 8.0, len(played)).astype(np.int16)
    microphone = quiet + np.concatenate((np.zeros(RATE, np.int16), voice(5.0, seed=5)))
    cleaned = run(guard_of_nothing()[0], microphone, played)
    warm_up = cleaned[round(1.1 * RATE) : round(2.4 * RATE)]
    assert 4.0 < level(warm_up) < 12.0
    assert not np.any(cleaned[4 * RATE : 5 * RATE])  # what the canceller leaves: nothing


def test_the_warm_up_comes_once_and_does_not_go_on_after_a_short_greeting():
    greeting = np.concatenate((voice(0.4), np.zeros(round(4.6 * RATE), np.int16)))
    answer = np.concatenate((np.zeros(round(1.2 * RATE), np.int16), voice(3.8, seed=6)))
    guard = EchoGuard(RATE)
    cleaned = run(guard, answer, greeting)
    assert level(cleaned[round(1.2 * RATE) : 2 * RATE]) > 0.5 * level(answer[round(1.2 * RATE) : 2 * RATE])


def test_auto_leaves_the_microphone_alone_until_it_has_found_the_agents_voice():
    played = voice(6.0)
    microphone = room(played, delay=0.2)
    guard = EchoGuard(RATE, only_when_found=True)
    assert not guard.active
    first = run(guard, microphone[: round(0.9 * RATE)], played[: round(0.9 * RATE)])
    assert np.array_equal(first, microphone[: len(first)])
    assert not guard.active
    rest = run(guard, microphone[len(first) :], played[len(first) :], start=len(first) / RATE)
    assert guard.active
    assert level(rest[3 * RATE :]) < 0.1 * level(microphone[4 * RATE :])
    without = EchoGuard(RATE, only_when_found=True)
    other = voice(6.0, seed=7)
    assert np.array_equal(run(without, other, played), other)
    assert without.echo is None


@pytest.mark.parametrize("chunk", [160, 320, 512, 800, 37])
def test_chunks_of_any_length_give_as_many_samples_less_than_10_ms_later(chunk):
    microphone, silence = voice(2.0, seed=1), np.zeros(2 * RATE, np.int16)
    cleaned = run(guard_of_nothing()[0], microphone, silence, chunk=chunk)
    assert len(cleaned) == len(microphone) // chunk * chunk
    lag = 0 if chunk % BLOCK == 0 else BLOCK - math.gcd(chunk, BLOCK)
    assert not np.any(cleaned[:lag])
    assert np.array_equal(cleaned[lag:], microphone[: len(cleaned) - lag])


def test_three_cancellers_follow_the_echo_with_references_that_differ():
    played = voice(6.0)
    guard, made = guard_of_nothing()
    run(guard, room(played, delay=0.4), played)
    ahead = []
    for canceller in made[-3:]:
        newest = np.concatenate(canceller.played[-100:]).astype(float)
        spectrum = np.fft.rfft(played[-RATE:].astype(float)) * np.conj(np.fft.rfft(newest))
        shift = RATE - int(np.argmax(np.fft.irfft(spectrum)))
        ahead.append(round(0.4 - shift / RATE, 2))
    assert sorted(ahead) == [0.03, 0.08, 0.13]
    assert len(made) == 5  # two until the delay was known, and these


def test_without_an_echo_one_canceller_is_left_after_20_seconds():
    guard, made = guard_of_nothing()
    loud = (4_000 * np.sin(np.arange(25 * RATE))).astype(np.int16)
    run(guard, voice(25.0, seed=8), loud)
    assert [len(canceller.played) for canceller in made] == [2_500, pytest.approx(2_000, abs=2)]


def test_a_microphone_whose_clock_jumps_is_aligned_anew():
    played = voice(8.0)
    microphone = room(played, delay=0.1)
    guard = EchoGuard(RATE)
    gap = slice(3 * RATE, 4 * RATE)  # the microphone was off
    out = []
    for first in range(0, len(played), BLOCK):
        guard.played(played[first : first + BLOCK], first / RATE)
        if not gap.start <= first < gap.stop:
            out.append(guard.clean(microphone[first : first + BLOCK], first / RATE))
    cleaned = np.concatenate(out)
    assert guard.echo.delay == pytest.approx(0.1, abs=0.003)
    assert level(cleaned[6 * RATE :]) < 0.15 * level(microphone[7 * RATE :])


def test_a_microphone_of_another_rate_is_cleaned_too():
    rate = 48_000
    played = voice(6.0)
    at_rate = np.interp(np.arange(6 * rate) / rate, np.arange(len(played)) / RATE, played)
    microphone = room(at_rate, delay=0.1, rate=rate)
    guard, out = EchoGuard(rate), []
    for index in range(600):
        guard.played(played[index * BLOCK : (index + 1) * BLOCK], index / 100)
        out.append(guard.clean(microphone[index * 480 : (index + 1) * 480], index / 100))
    assert level(np.concatenate(out)[4 * rate :]) < 0.15 * level(microphone[4 * rate :])


def test_a_rate_out_of_range_and_a_missing_module_are_refused_in_one_line(monkeypatch):
    with pytest.raises(AudioError, match=r"^echo guard: microphone: sample rate is 96000 Hz; expected 8000 to"):
        EchoGuard(96_000)
    from livekit import rtc

    monkeypatch.delattr(rtc, "AudioProcessingModule")
    with pytest.raises(ModelError, match=r"^echo guard: the installed livekit package has no Audio") as raised:
        WebRtcCanceller(RATE)
    assert "\n" not in str(raised.value)


def confirms(folder: Path, name: str, *, delay: float, guard: EchoGuard | None) -> list[float]:
    """Onsets (s) of what is confirmed."""
    frames = []
    for side, begins in (("mic", delay), ("lpb", 0.0)):
        samples, rate = sf.read(folder / "echo" / f"{name}_{side}.flac", dtype="float32")
        assert rate == RATE
        frames.append(Framer().push(np.concatenate((np.zeros(round(begins * RATE), np.float32), samples))))
    heard = frames[0] if guard is None else guarded_frames(frames[0], frames[1], guard)
    gate = GateFactory.create().gate()
    events = drive(gate, heard, create_detector("silero").frame_probability, (ALWAYS,), ())
    assert gate.failure is None
    return [event.onset for event in events if event.kind is GateEventKind.CONFIRM]


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.5])
def test_on_real_echo_the_agent_does_not_interrupt_itself_and_the_user_still_does(shared_data, delay):
    def found(name: str, guard: EchoGuard | None) -> list[float]:
        return confirms(shared_data, name, delay=delay, guard=guard)

    assert len(found("farend_singletalk", None)) == 4
    assert found("farend_singletalk", recording_guard()) == []
    assert len(found("nearend_singletalk", recording_guard())) >= 3
    assert len(found("doubletalk", recording_guard())) >= 1
    # In the first 3 s of its agent's speech LiveKit lets nothing interrupt by itself.
    assert all(onset < 2.0 for onset in found("farend_singletalk", recording_guard(only_when_found=True)))
    assert len(found("nearend_singletalk", recording_guard(only_when_found=True))) >= 3


def test_a_replay_takes_the_agents_channel_out_of_the_users(tmp_path):
    played = voice(8.0)
    path = tmp_path / "call.wav"
    sf.write(path, np.stack((played, room(played, delay=0.1)), axis=1), RATE)
    guard = recording_guard()
    plain = replay(path, GateFactory.create(listener=False).gate(), user_channel=1, agent="always", trace=True)
    result = replay(
        path,
        GateFactory.create(listener=False).gate(),
        user_channel=1,
        agent_channel=0,
        echo_guard=guard,
        trace=True,
    )
    assert guard.echo.delay == pytest.approx(0.1, abs=0.003)
    settled = 5 * RATE // FRAME_SAMPLES
    loudest = max(point.level_dbfs for point in plain.trace[settled:])
    assert max(point.level_dbfs for point in result.trace[settled:]) < loudest - 15.0

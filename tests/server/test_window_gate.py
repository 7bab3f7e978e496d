from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from bargein_server import windows_of
from gate_timeline import Says
from loud_speech import sound, window_gate
from prosody_gate import GateFactory
from prosody_gate.gate import GateOptions
from prosody_gate.server.frames import SessionCreate
from prosody_gate.server.window_gate import Judgement, WindowGate, options_for, threshold_of
from prosody_gate.session import AudioFeed

STEP = 1_600


def judged(gate: WindowGate, samples: np.ndarray, onset: float) -> list[Judgement]:
    """What a gate makes of the windows of one overlap, whose speech begins at `onset` (s)."""
    return [gate.judge(window) for window in windows_of(samples, round(16_000 * onset) + 800)]


def longest_run(judgement: Judgement, threshold: float) -> int:
    """Most frames in a row that reach the threshold."""
    runs = "".join("x" if chance >= threshold else " " for chance in judgement.probabilities).split()
    return max(map(len, runs), default=0)


def test_an_interruption_is_told_once_and_in_the_window_where_it_was_found() -> None:
    gate = window_gate(Says(5.0, after=0.3))
    found = judged(gate, sound(("room", 1.5), ("speech", 1.0), ("room", 1.0)), 1.5)
    assert [one.interruption for one in found].count(True) == 1
    # 0.3 s of speech are there in the third window; what is left of its last frame comes with the fourth.
    assert [one.interruption for one in found].index(True) in (2, 3)


def test_what_is_no_interruption_is_never_told() -> None:
    gate = window_gate(Says(-2.0))
    found = judged(gate, sound(("room", 1.5), ("speech", 0.6), ("room", 1.5)), 1.5)
    assert not any(one.interruption for one in found)
    assert max(max(one.probabilities) for one in found) == pytest.approx(0.119, abs=1e-3)
    # After its cancel, nothing in the window is undecided.
    assert max(found[-1].probabilities) == 0.0


def test_there_is_a_probability_for_each_25_ms_and_none_before_the_onset() -> None:
    gate = window_gate(Says(0.0))
    samples = sound(("room", 1.5), ("speech", 1.0))
    for window, one in zip(windows_of(samples, 24_800), judged(gate, samples, 1.5), strict=True):
        assert len(one.probabilities) == len(window) // 400
        # The window begins 1 s before what the client takes for the onset.
        assert one.probabilities[:36] == (0.0,) * 36
        assert one.probabilities[-3:] == (0.5,) * 3


@pytest.mark.parametrize("min_frames", [1, 2, 5, 20])
@pytest.mark.parametrize("threshold", [None, 0.3, 0.51234567, 0.97])
def test_livekits_rule_on_the_probabilities_agrees_with_the_verdict(threshold: float | None, min_frames: int) -> None:
    class Rises:
        name = "rises"

        def reset(self) -> None: ...

        def update(self, observation: object) -> float:
            return -3.0 + 12.0 * observation.speech_duration  # type: ignore[attr-defined, no-any-return]

    gate = window_gate(Rises(), threshold=threshold, min_frames=min_frames)
    found = judged(gate, sound(("room", 1.5), ("speech", 1.2), ("room", 0.5)), 1.5)
    told = [index for index, one in enumerate(found) if one.interruption]
    assert len(told) == 1
    for one in found[: told[0] + 1]:
        assert (longest_run(one, gate.threshold) >= min_frames) == one.interruption


def test_an_interruption_shorter_than_the_client_wants_is_none() -> None:
    gate = window_gate(Says(5.0), min_frames=20)
    found = judged(gate, sound(("room", 1.5), ("speech", 0.3), ("room", 1.0)), 1.5)
    assert not any(one.interruption for one in found)
    assert all(longest_run(one, gate.threshold) < 20 for one in found)


def test_the_second_overlap_is_told_and_the_first_is_not_told_again() -> None:
    class SecondAlone:
        name = "second"

        def reset(self) -> None: ...

        def update(self, observation: object) -> float:
            return 5.0 if observation.onset > 2.0 else -5.0  # type: ignore[attr-defined]

    gate = window_gate(SecondAlone())
    samples = sound(("room", 1.5), ("speech", 0.4), ("room", 1.4), ("speech", 0.5), ("room", 0.6))
    first = [gate.judge(window) for window in windows_of(samples[: round(2.5 * 16_000)], 24_800)]
    assert not any(one.interruption for one in first)
    # The client sent nothing in between; its window still holds the first overlap.
    second = [gate.judge(samples[max(end - 48_000, 8_800) : end]) for end in range(54_400, len(samples), STEP)]
    assert [one.interruption for one in second].count(True) == 1
    assert second[0].probabilities[:20] == (0.0,) * 20


def test_speech_of_long_before_the_clients_overlap_is_not_told() -> None:
    gate = window_gate(Says(5.0, after=0.2))
    # The first window has an earlier overlap that nobody was told about, and the very begin of another.
    samples = sound(("room", 0.8), ("speech", 0.5), ("room", 1.0), ("speech", 1.0))
    found = [gate.judge(samples[:end]) for end in range(round(2.4 * 16_000), len(samples), STEP)]
    assert not found[0].interruption
    assert [one.interruption for one in found].count(True) == 1


def test_speech_that_goes_on_since_before_the_first_window_is_told() -> None:
    gate = window_gate(Says(5.0, after=0.2))
    assert gate.judge(sound(("room", 0.5), ("speech", 1.5))).interruption


def test_a_window_that_does_not_continue_the_last_one_begins_anew() -> None:
    gate = window_gate(Says(5.0, after=0.3))
    first = judged(gate, sound(("room", 1.5), ("speech", 0.8), seed=1), 1.5)
    second = judged(gate, sound(("room", 1.5), ("speech", 0.8), seed=2), 1.5)
    assert [one.interruption for one in first] == [one.interruption for one in second]
    assert sum(one.interruption for one in second) == 1


def test_the_same_stream_is_judged_the_same_however_it_was_cut() -> None:
    samples = sound(("room", 1.5), ("speech", 1.0), ("room", 0.5))

    def told_at(step: int) -> float:
        gate = window_gate(Says(5.0, after=0.5))
        ends = iter(range(24_800 + step, len(samples), step))
        return next(end for end in ends if gate.judge(samples[max(end - 48_000, 8_800) : end]).interruption) / 16_000

    times = [told_at(step) for step in (160, 800, 1_600, 2_128)]
    assert max(times) - min(times) <= 2_128 / 16_000


def test_a_gate_that_fails_is_transparent_and_the_next_conversation_has_another() -> None:
    class Breaks:
        name = "breaks"
        calls = 0

        def reset(self) -> None: ...

        def update(self, observation: object) -> float:
            Breaks.calls += 1
            if Breaks.calls == 1:
                raise RuntimeError("broken")
            return 5.0

    gate = window_gate(Breaks())
    found = judged(gate, sound(("room", 1.5), ("speech", 0.5), seed=1), 1.5)
    assert [one.failed for one in found].count(True) == 1
    assert not any(one.interruption for one in found)
    assert judged(gate, sound(("room", 1.5), ("speech", 0.5), seed=2), 1.5)[-1].state == "passing"


def test_a_gate_at_rest_keeps_no_audio() -> None:
    gate = window_gate(Says(0.0))
    assert gate.at_rest
    gate.judge(sound(("room", 1.0)))
    assert not gate.at_rest
    gate.rest()
    assert gate.at_rest
    assert judged(gate, sound(("room", 1.5), ("speech", 0.5)), 1.5)[-1].state == "holding"


@pytest.mark.parametrize("threshold", [0.02, 0.2, 0.5, 0.85, 0.9995])
@pytest.mark.parametrize("sensitivity", [0.1, 0.5, 0.9])
def test_a_clients_threshold_is_what_the_gate_confirms_from(threshold: float, sensitivity: float) -> None:
    options = options_for(GateOptions(sensitivity=sensitivity), threshold)
    # The least that the options can say is 0.047.
    assert threshold_of(options) == pytest.approx(max(threshold, 0.0474), rel=1e-3)


def test_without_a_threshold_of_the_clients_the_servers_sensitivity_counts() -> None:
    assert window_gate(Says(0.0)).threshold == pytest.approx(0.85)
    assert window_gate(Says(0.0), sensitivity=0.8).threshold == pytest.approx(0.484, abs=1e-3)


def test_it_decides_as_the_gate_does_in_a_session(demo_user: np.ndarray) -> None:
    factory = GateFactory.create(listener=False)
    plain = factory.gate()
    plain.agent_started(float("-inf"))
    feed = AudioFeed(plain, 16_000)
    confirmed = [event for event in feed.push(demo_user) + feed.close() if event.kind.value == "confirm"]
    gate = WindowGate(factory, SessionCreate(None, 2))
    ends = range(16_000, len(demo_user), STEP)
    told = [end for end in ends if gate.judge(demo_user[max(end - 48_000, 0) : end]).interruption]
    assert len(told) == len(confirmed)
    for end, event in zip(told, confirmed, strict=True):
        assert 0.0 <= end / 16_000 - event.time <= 0.1 + 0.032


@pytest.fixture
def demo_user() -> np.ndarray:
    """The user's channel of the bundled call."""
    samples, _ = sf.read(Path(__file__).resolve().parents[2] / "examples" / "demo.flac", dtype="int16")
    return np.ascontiguousarray(samples[:, 1])

"""The audio feed: the same events as a replay, whatever the rate, the chunks and the form of the samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate_timeline import LEXICON, Says, make_gate
from prosody_gate import AudioError, AudioFeed, Gate, OptionError, WebRtcDetector, replay

DEMO = Path(__file__).parents[2] / "examples" / "demo.flac"
SECONDS = 16.0
"""Of the demo: a question and three backchannels."""


@pytest.fixture(scope="module")
def user() -> np.ndarray:
    samples, rate = soundfile.read(DEMO, dtype="int16", stop=round(SECONDS * 16_000))
    assert rate == 16_000
    return samples[:, 1]


@pytest.fixture(scope="module")
def replayed(user: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("feed") / "user.flac"
    soundfile.write(path, user, 16_000)
    events = replay(path, Gate(lexicon=LEXICON)).events
    assert [event.kind.value for event in events].count("cancel") >= 3
    return as_json(events)


def as_json(events: object) -> str:
    return json.dumps([event.to_dict() for event in events])  # type: ignore[attr-defined]


def fed(feed: AudioFeed, samples: np.ndarray, sizes: list[int]) -> str:
    """Push the samples in chunks of these sizes, over and over; the agent speaks from the beginning."""
    feed.gate.agent_started(float("-inf"))
    events = []
    at = turn = 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        events += feed.push(samples[at : at + size])
        at, turn = at + size, turn + 1
    return as_json(events + feed.close())


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 6_000), min_size=1, max_size=5).filter(any))
def test_the_demo_gives_the_events_of_a_replay_however_it_is_cut_into_chunks(
    user: np.ndarray, replayed: str, sizes: list[int]
) -> None:
    assert fed(AudioFeed(Gate(lexicon=LEXICON), 16_000), user, sizes) == replayed


@pytest.mark.parametrize(
    "form",
    [
        lambda user: user.astype(np.float32) / 32_768,
        lambda user: user[:, np.newaxis],
    ],
)
def test_the_form_of_the_samples_makes_no_difference(user: np.ndarray, replayed: str, form) -> None:
    assert fed(AudioFeed(Gate(lexicon=LEXICON), 16_000), form(user), [480]) == replayed


@pytest.mark.parametrize("interleaved", [False, True])
def test_the_mean_of_several_channels_is_taken(user: np.ndarray, replayed: str, interleaved: bool) -> None:
    both = np.stack([user, user], axis=1)
    feed = AudioFeed(Gate(lexicon=LEXICON), 16_000, channels=2)
    assert fed(feed, both.reshape(-1) if interleaved else both, [960]) == replayed


def test_other_sample_rates_are_resampled_and_the_time_is_that_of_the_audio(user: np.ndarray, replayed: str) -> None:
    places = np.arange(len(user) * 3) / 3
    at_48_khz = np.interp(places, np.arange(len(user)), user).astype(np.int16)
    feed = AudioFeed(Gate(lexicon=LEXICON), 48_000)
    assert feed.time == 0.0
    kinds = [event["kind"] for event in json.loads(fed(feed, at_48_khz, [1_440]))]
    assert kinds == [event["kind"] for event in json.loads(replayed)]
    assert feed.time == pytest.approx(SECONDS)


def test_the_rest_of_a_frame_is_fed_at_the_end_and_what_is_undecided_is_cancelled() -> None:
    class Loud:
        name = "loud"

        def frame_probability(self, frame: np.ndarray) -> float:
            return float(np.abs(frame).max() > 0.1)

        def reset(self) -> None: ...

    gate = make_gate(Says(-9.0))
    feed = AudioFeed(gate, 16_000, detector=Loud())
    gate.agent_started(feed.time)
    assert [event.kind.value for event in feed.push(np.full(512 * 6 + 100, 9_000, np.int16))] == ["hold"]
    assert gate.time == pytest.approx(6 * 0.032)
    assert [(event.kind.value, event.reason) for event in feed.close()] == [("cancel", "stream_end")]
    assert gate.time == pytest.approx(7 * 0.032)


class Loudest:
    """A detector that keeps the loudest sample it was given."""

    name = "loudest"
    loudest = 0.0

    def frame_probability(self, frame: np.ndarray) -> float:
        self.loudest = max(self.loudest, float(np.abs(frame).max()))
        return 0.0

    def reset(self) -> None:
        self.loudest = 0.0


@pytest.mark.parametrize(("gain_db", "loudest"), [(None, 0.01), (0.0, 0.01), (20.0, 0.1)])
def test_a_gain_amplifies_what_vad_and_gate_get(gain_db: float | None, loudest: float) -> None:
    detector = Loudest()
    feed = AudioFeed(make_gate(), 16_000, detector=detector, input_gain_db=gain_db)
    feed.push(np.full(1_024, 0.01, np.float32))
    assert detector.loudest == pytest.approx(loudest)


@pytest.mark.parametrize(
    ("samples", "channels", "says"),
    [
        (b"\x00\x01", 1, r"audio: expected a NumPy array, got bytes; .*frombuffer"),
        (np.zeros((4, 2), np.int16), 1, r"audio: samples have shape \[4, 2\]; expected \[n\] or \[n, 1\]"),
        (np.zeros(5, np.int16), 2, r"audio: samples have shape \[5\]; expected \[n, 2\], or \[n\] with n a multiple"),
        (np.zeros(4, np.uint8), 1, r"audio: samples are uint8; expected int16"),
        (np.array([0.0, np.nan], np.float32), 1, r"audio: sample 1 is not a finite number"),
    ],
)
def test_samples_that_cannot_be_used_are_refused_in_one_line(samples, channels: int, says: str) -> None:
    feed = AudioFeed(make_gate(), 16_000, detector=WebRtcDetector(), channels=channels)
    with pytest.raises(AudioError, match=says) as raised:
        feed.push(samples)
    assert "\n" not in str(raised.value)
    assert feed.time == 0.0


def test_a_rate_channels_or_a_gate_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(AudioError, match="sample rate is 4000 Hz; expected 8000 to 48000 Hz"):
        AudioFeed(make_gate(), 4_000)
    with pytest.raises(OptionError, match="channels: expected 1 or more, got 0"):
        AudioFeed(make_gate(), 16_000, channels=0)
    used = make_gate()
    used.push(None, 0.0)
    with pytest.raises(OptionError, match="gate: has had audio of another stream; make one gate a stream"):
        AudioFeed(used, 16_000)


def test_steps_stop_after_each_frame_and_give_what_a_push_gives(user) -> None:
    pushed, stepped = (AudioFeed(make_gate(Says(3.0)), 16_000, detector=WebRtcDetector()) for _ in range(2))
    for feed in (pushed, stepped):
        feed.gate.agent_started(0.0)
    times, events = [], []
    for begin in range(0, len(user), 1_600):
        for caused in stepped.steps(user[begin : begin + 1_600]):
            times.append(stepped.gate.time)
            events += caused
    assert times == pytest.approx([0.032 * number for number in range(1, len(user) // 512 + 1)])
    assert events
    assert events == [e for begin in range(0, len(user), 1_600) for e in pushed.push(user[begin : begin + 1_600])]

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE, AudioFile, Framer
from prosody_gate.errors import AudioError, ModelError, OptionError
from prosody_gate.vad import (
    SileroDetector,
    SpeechChange,
    SpeechDetector,
    SpeechSegmenter,
    WebRtcDetector,
    create_detector,
    silero_detector,
)

STARTED, ENDED = SpeechChange.STARTED, SpeechChange.ENDED

Frames = list[npt.NDArray[np.float32]]


def frames_of(samples: npt.NDArray[np.float32]) -> Frames:
    framer = Framer()
    frames = framer.push(samples)
    last = framer.flush()
    return frames if last is None else [*frames, last]


def buzz(seconds: float = 2.0) -> npt.NDArray[np.float32]:
    """A vowel-like sound with pauses, on the grid of 16-bit samples, for where no recording is at hand."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2 * np.pi * np.cumsum(130 + 30 * np.sin(2 * np.pi * 3 * time)) / SAMPLE_RATE
    voice = sum(np.sin(k * phase) / (1 + abs(k * 130 - 600) / 200) for k in range(1, 25))
    signal = 0.15 * voice * (np.sin(2 * np.pi * 1.7 * time) > -0.3)
    signal += 0.002 * np.random.default_rng(0).standard_normal(time.size)
    return (np.rint(np.clip(signal, -1, 0.99) * 32768) / 32768).astype(np.float32)


def clips(shared_data: Path, kind: str) -> list[Path]:
    rows = map(json.loads, (shared_data / "recordings.jsonl").read_text().splitlines())
    return [shared_data / row["audio"] for row in rows if row["set"] == kind]


def clip_frames(path: Path) -> Frames:
    """The clip between two stretches of 0.3 s of silence, as a live stream would have around it."""
    silence = np.zeros(4800, dtype=np.float32)
    with AudioFile(path) as file:
        assert file.sample_rate == SAMPLE_RATE
        return frames_of(np.concatenate([silence, file.read(), silence]))


def plugin_probabilities(frames: Frames) -> list[float]:
    """What the LiveKit plugin publishes for the same 16-bit audio."""
    from livekit.agents.utils import ExpFilter
    from livekit.plugins.silero import onnx_model

    model = onnx_model.OnnxModel(onnx_session=onnx_model.new_inference_session(True), sample_rate=SAMPLE_RATE)
    smooth = ExpFilter(alpha=0.35)
    return [
        smooth.apply(exp=1.0, sample=model(np.divide(frame * 32768, np.iinfo(np.int16).max, dtype=np.float32)))
        for frame in frames
    ]


class TestSilero:
    def test_gives_the_numbers_of_the_livekit_plugin_on_a_synthetic_voice(self) -> None:
        detector = SileroDetector()
        frames = frames_of(buzz())
        ours = [detector.frame_probability(frame) for frame in frames]
        assert max(ours) - min(ours) > 0.2
        assert ours == pytest.approx(plugin_probabilities(frames), abs=1e-3)

    def test_gives_the_numbers_of_the_livekit_plugin_on_a_recording(self, shared_data: Path) -> None:
        detector = SileroDetector()
        frames = clip_frames(clips(shared_data, "spoken_order")[0])
        ours = [detector.frame_probability(frame) for frame in frames]
        assert max(ours) > 0.9
        assert ours == pytest.approx(plugin_probabilities(frames), abs=1e-3)

    def test_finds_the_speech_in_read_commands(self, shared_data: Path) -> None:
        sample = clips(shared_data, "command_word")[::11]
        detector = SileroDetector()
        found = 0
        for path in sample:
            detector.reset()
            found += max(map(detector.frame_probability, clip_frames(path))) > 0.5
        assert len(sample) == 40
        assert found / len(sample) > 0.95

    def test_finds_no_speech_in_white_noise(self, shared_data: Path) -> None:
        noises = [path for path in clips(shared_data, "background") if path.name.startswith("white_noise")]
        assert noises
        for path in noises:
            detector = SileroDetector()
            assert max(map(detector.frame_probability, clip_frames(path))) < 0.5

    def test_two_detectors_share_the_model_but_not_their_state(self) -> None:
        one, other = SileroDetector(), SileroDetector()
        frames = frames_of(buzz(1.0))
        alone = [one.frame_probability(frame) for frame in frames]
        one.reset()
        mixed = []
        for index, frame in enumerate(frames):
            mixed.append(one.frame_probability(frame))
            other.frame_probability(frames[-1 - index])
        assert mixed == alone

    def test_a_frame_is_left_as_it_was(self) -> None:
        frame = buzz(0.032)
        before = frame.copy()
        SileroDetector().frame_probability(frame)
        assert np.array_equal(frame, before)

    def test_the_plugin_is_not_imported(self) -> None:
        source = Path(silero_detector.__file__).read_text()
        assert "import livekit" not in source
        assert "from livekit" not in source
        assert sys.modules["prosody_gate.vad.silero_detector"] is silero_detector

    def test_a_plugin_that_is_not_installed_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(name: str) -> None:
            raise PackageNotFoundError(name)

        monkeypatch.setattr(silero_detector, "distribution", missing)
        with pytest.raises(ModelError, match="install livekit-plugins-silero, or pipecat-ai"):
            silero_detector._model_path()

    def test_a_plugin_without_its_model_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        files = [Path("gone/silero_vad.onnx")]
        plugin = SimpleNamespace(files=files, version="1.8.9", locate_file=lambda file: tmp_path / file)
        monkeypatch.setattr(silero_detector, "PACKAGES", ("livekit-plugins-silero",))
        monkeypatch.setattr(silero_detector, "distribution", lambda name: plugin)
        with pytest.raises(ModelError, match=r"livekit-plugins-silero 1\.8\.9 is installed without its silero_vad"):
            silero_detector._model_path()

    def test_pipecats_model_is_taken_where_the_plugin_is_not_installed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def only_pipecat(name: str) -> SimpleNamespace:
            if name != "pipecat-ai":
                raise PackageNotFoundError(name)
            files = [Path("pipecat/audio/vad/data/silero_vad.onnx")]
            return SimpleNamespace(files=files, version="1.14.0", locate_file=lambda file: tmp_path / file)

        path = tmp_path / "pipecat/audio/vad/data/silero_vad.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"model")
        monkeypatch.setattr(silero_detector, "distribution", only_pipecat)
        assert silero_detector._model_path() == path

    def test_a_model_that_cannot_be_read_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = tmp_path / "silero_vad.onnx"
        path.write_bytes(b"not a model")
        monkeypatch.setattr(silero_detector, "_model_path", lambda: path)
        with pytest.raises(ModelError, match=r"silero_vad\.onnx: not a model that onnxruntime can read"):
            silero_detector._shared_session.__wrapped__()


class TestWebRtc:
    def test_hears_a_voice_and_not_silence(self) -> None:
        detector = WebRtcDetector()
        silent = [detector.frame_probability(frame) for frame in frames_of(np.zeros(16_000, np.float32))]
        voiced = [detector.frame_probability(frame) for frame in frames_of(buzz(1.0))]
        assert max(silent) == 0.0
        assert max(voiced) > 0.9

    def test_finds_the_speech_in_read_commands(self, shared_data: Path) -> None:
        found = 0
        for path in clips(shared_data, "command_word")[::11]:
            found += max(map(WebRtcDetector().frame_probability, clip_frames(path))) > 0.5
        assert found / 40 > 0.95

    def test_every_sample_is_used_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard = bytearray()

        class Recorder:
            def is_speech(self, samples: bytes, rate: int) -> bool:
                assert (len(samples), rate) == (320, SAMPLE_RATE)
                heard.extend(samples)
                return False

        detector = WebRtcDetector()
        monkeypatch.setattr(detector, "_vad", Recorder())
        samples = buzz(0.32)
        for frame in frames_of(samples):
            detector.frame_probability(frame)
        assert np.array_equal(np.frombuffer(heard, np.int16), (samples * 32768).astype(np.int16))

    def test_its_probability_is_the_smoothed_share_of_speech(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Sub-frames in the five frames that 16 of them fill: 3, 3, 3, 3, 4.
        answers = iter([0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0])
        detector = WebRtcDetector()
        monkeypatch.setattr(detector, "_vad", SimpleNamespace(is_speech=lambda samples, rate: next(answers)))
        got = [detector.frame_probability(np.zeros(FRAME_SAMPLES, np.float32)) for _ in range(5)]
        expected = [0.0]
        for share in (1.0, 2 / 3, 0.0, 0.5):
            expected.append(0.35 * expected[-1] + 0.65 * share)
        assert got == pytest.approx(expected)

    def test_after_a_reset_a_stream_gives_the_same_again(self) -> None:
        detector = WebRtcDetector(aggressiveness=3)
        frames = frames_of(buzz(0.5))
        first = [detector.frame_probability(frame) for frame in frames]
        detector.reset()
        assert [detector.frame_probability(frame) for frame in frames] == first

    def test_full_scale_does_not_wrap_around(self) -> None:
        detector = WebRtcDetector()
        detector.frame_probability(np.ones(FRAME_SAMPLES, np.float32))
        assert set(detector._pending[:32]) == {32767}

    @pytest.mark.parametrize("aggressiveness", [-1, 4, 1.5])
    def test_an_aggressiveness_out_of_range_is_refused(self, aggressiveness: int) -> None:
        with pytest.raises(OptionError, match=r"aggressiveness is .*; expected 0, 1, 2 or 3"):
            WebRtcDetector(aggressiveness)


class TestCreateDetector:
    @pytest.mark.parametrize("name", ["silero", "webrtc"])
    def test_gives_the_detector_of_that_name(self, name: str) -> None:
        detector: SpeechDetector = create_detector(name)  # type: ignore[arg-type]
        assert detector.name == name
        assert 0.0 <= detector.frame_probability(np.zeros(FRAME_SAMPLES, np.float32)) <= 1.0

    @pytest.mark.parametrize("name", ["silero", "webrtc"])
    @pytest.mark.parametrize("shape", [(511,), (513,), (1, 512), (0,)])
    def test_a_frame_of_another_shape_is_refused(self, name: str, shape: tuple[int, ...]) -> None:
        with pytest.raises(AudioError, match=r"a frame has shape .*; expected \(512,\)"):
            create_detector(name).frame_probability(np.zeros(shape, np.float32))  # type: ignore[arg-type]

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(OptionError, match="vad is 'energy'; expected one of silero, webrtc"):
            create_detector("energy")  # type: ignore[arg-type]


class TestSegmenter:
    def test_before_any_frame_everything_is_at_zero(self) -> None:
        segmenter = SpeechSegmenter()
        assert (segmenter.speaking, segmenter.candidate_onset) == (False, None)
        assert (segmenter.time, segmenter.onset, segmenter.last_speech_end) == (0.0, 0.0, 0.0)

    def test_speech_starts_at_its_second_frame_with_the_onset_at_its_first(self) -> None:
        segmenter = SpeechSegmenter()
        assert [segmenter.push(p) for p in (0.1, 0.1, 0.1, 0.9)] == [None] * 4
        assert (segmenter.speaking, segmenter.candidate_onset) == (False, 0.096)
        assert segmenter.push(0.9) is STARTED
        assert (segmenter.speaking, segmenter.candidate_onset) == (True, None)
        assert (segmenter.onset, segmenter.last_speech_end, segmenter.time) == (0.096, 0.16, 0.16)

    def test_a_single_frame_of_sound_starts_nothing(self) -> None:
        segmenter = SpeechSegmenter()
        assert [segmenter.push(p) for p in (0.9, 0.1, 0.9, 0.1)] == [None] * 4
        assert segmenter.candidate_onset is None
        assert (segmenter.onset, segmenter.last_speech_end) == (0.0, 0.0)

    def test_speech_ends_after_the_silence_with_the_end_of_its_last_frame(self) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.096)
        changes = [segmenter.push(p) for p in (0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1)]
        assert changes == [None, STARTED, None, None, None, ENDED, None]
        assert (segmenter.speaking, segmenter.onset, segmenter.last_speech_end) == (False, 0.0, 0.096)
        assert segmenter.time == 0.224

    def test_the_default_silence_is_ten_frames(self) -> None:
        segmenter = SpeechSegmenter()
        changes = [segmenter.push(p) for p in [0.9] * 2 + [0.0] * 10]
        assert changes == [None, STARTED] + [None] * 9 + [ENDED]

    def test_a_pause_shorter_than_the_silence_is_part_of_the_speech(self) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.096)
        changes = [segmenter.push(p) for p in (0.9, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1)]
        assert changes == [None, STARTED, None, None, None, None, None, ENDED]
        assert segmenter.last_speech_end == 0.16

    def test_thresholds_are_those_of_the_plugin(self) -> None:
        segmenter = SpeechSegmenter(min_speech_duration=0.032, min_silence_duration=0.032)
        assert segmenter.push(0.499) is None
        assert segmenter.push(0.5) is STARTED  # at the activation threshold: speech
        assert segmenter.push(0.351) is None  # above the deactivation threshold: speech goes on
        assert segmenter.push(0.35) is ENDED  # at it: silence
        assert segmenter.push(0.4) is None  # between the two, when silent: silence

    def test_a_second_segment_has_its_own_times(self) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.032)
        for p in (0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.9):
            segmenter.push(p)
        assert (segmenter.onset, segmenter.last_speech_end) == (0.128, 0.224)

    def test_a_candidate_leaves_the_times_of_the_last_segment_alone(self) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.032)
        for p in (0.1, 0.9, 0.9, 0.1, 0.9):
            segmenter.push(p)
        assert (segmenter.onset, segmenter.last_speech_end, segmenter.candidate_onset) == (
            0.032,
            0.096,
            0.128,
        )

    def test_durations_of_zero_need_one_frame(self) -> None:
        segmenter = SpeechSegmenter(min_speech_duration=0.0, min_silence_duration=0.0)
        assert [segmenter.push(p) for p in (0.9, 0.1)] == [STARTED, ENDED]

    @pytest.mark.parametrize(("duration", "frames"), [(0.032, 1), (0.0321, 2), (0.32, 10), (0.96, 30), (0.55, 18)])
    def test_durations_count_in_whole_frames_rounded_up(self, duration: float, frames: int) -> None:
        segmenter = SpeechSegmenter(min_speech_duration=duration)
        changes = [segmenter.push(0.9) for _ in range(frames)]
        assert changes == [None] * (frames - 1) + [STARTED]

    def test_times_stay_exact_over_a_long_stream(self) -> None:
        segmenter = SpeechSegmenter()
        for _ in range(100_000):
            segmenter.push(0.0)
        segmenter.push(0.9)
        segmenter.push(0.9)
        assert segmenter.onset == 3200.0
        assert segmenter.time == 3200.064

    def test_a_probability_that_is_not_a_number_counts_as_silence(self) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.032)
        assert [segmenter.push(p) for p in (0.9, 0.9, float("nan"))] == [None, STARTED, ENDED]

    def test_reset_starts_a_new_stream(self) -> None:
        segmenter = SpeechSegmenter()
        for p in (0.1, 0.9, 0.9):
            segmenter.push(p)
        segmenter.reset()
        assert (segmenter.speaking, segmenter.time, segmenter.onset, segmenter.last_speech_end) == (
            False,
            0,
            0,
            0,
        )
        assert [segmenter.push(p) for p in (0.9, 0.9)] == [None, STARTED]

    @given(st.lists(st.floats(0.0, 1.0), max_size=200))
    def test_changes_alternate_and_times_are_in_order(self, probabilities: list[float]) -> None:
        segmenter = SpeechSegmenter(min_silence_duration=0.064)
        changes = []
        for count, probability in enumerate(probabilities, start=1):
            change = segmenter.push(probability)
            if change is not None:
                changes.append(change)
            assert segmenter.time == pytest.approx(count * FRAME_DURATION)
            assert segmenter.speaking == (changes[-1:] == [STARTED])
            assert 0.0 <= segmenter.onset <= segmenter.last_speech_end <= segmenter.time
            candidate = segmenter.candidate_onset
            assert candidate is None or segmenter.last_speech_end <= candidate < segmenter.time
        assert changes == [STARTED, ENDED] * (len(changes) // 2) + [STARTED] * (len(changes) % 2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"activation_threshold": 0.0}, "activation_threshold is 0.0; expected above 0, at most 1"),
            ({"activation_threshold": 1.1}, "activation_threshold is 1.1; expected above 0, at most 1"),
            (
                {"deactivation_threshold": 0.6},
                "deactivation_threshold is 0.6; expected above 0, at most activation",
            ),
            ({"deactivation_threshold": float("nan")}, "deactivation_threshold is nan; expected above 0"),
            ({"min_speech_duration": -0.1}, "min_speech_duration is -0.1; expected 0 or more seconds"),
            (
                {"min_silence_duration": float("inf")},
                "min_silence_duration is inf; expected 0 or more seconds",
            ),
        ],
    )
    def test_an_option_out_of_range_is_named(self, options: dict[str, float], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            SpeechSegmenter(**options)

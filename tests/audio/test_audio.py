from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE, AudioFile, Framer, Resampler, clipped_fraction, to_float32
from prosody_gate.errors import AudioError, OptionError

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

Samples = npt.NDArray[np.float32]


def noise(count: int, seed: int = 0) -> Samples:
    return (np.random.default_rng(seed).standard_normal(count) * 0.1).astype(np.float32)


def tone(frequency: float, rate: int, seconds: float = 1.0) -> Samples:
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def resampled(samples: Samples, rate: int) -> Samples:
    resampler = Resampler(rate)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def level_db(samples: Samples) -> float:
    """Level of a sine against full scale."""
    return float(20 * np.log10(np.sqrt(2 * np.mean(np.square(samples, dtype=np.float64))) + 1e-12))


class TestPcm:
    def test_int16_is_divided_by_its_range(self) -> None:
        mono = to_float32(np.array([-32768, 0, 16384, 32767], dtype=np.int16))
        assert mono.dtype == np.float32
        assert mono.tolist() == [-1.0, 0.0, 0.5, 32767 / 32768]

    def test_int32_is_divided_by_its_range(self) -> None:
        assert to_float32(np.array([-(2**31), 2**30], dtype=np.int32)).tolist() == [-1.0, 0.5]

    def test_float64_becomes_float32(self) -> None:
        mono = to_float32(np.array([0.25, -0.5]))
        assert (mono.dtype, mono.tolist()) == (np.float32, [0.25, -0.5])

    def test_floats_beyond_full_scale_are_clipped_and_the_callers_array_is_left_alone(self) -> None:
        samples = np.array([1.5, -2.0, 0.5], dtype=np.float32)
        assert to_float32(samples).tolist() == [1.0, -1.0, 0.5]
        assert samples.tolist() == [1.5, -2.0, 0.5]

    def test_no_channel_given_takes_the_mean_of_all(self) -> None:
        stereo = np.array([[16384, 0], [-16384, -16384]], dtype=np.int16)
        assert to_float32(stereo).tolist() == [0.25, -0.5]

    def test_a_channel_given_is_taken_alone(self) -> None:
        stereo = np.array([[0.5, -0.25], [0.125, 0.75]], dtype=np.float32)
        mono = to_float32(stereo, channel=1)
        assert mono.tolist() == [-0.25, 0.75]
        assert mono.flags.c_contiguous

    def test_one_column_is_mono(self) -> None:
        assert to_float32(np.array([[0.5], [0.25]], dtype=np.float32)).tolist() == [0.5, 0.25]

    def test_no_samples_give_no_samples(self) -> None:
        assert to_float32(np.zeros(0, dtype=np.int16)).shape == (0,)
        assert to_float32(np.zeros((0, 2))).shape == (0,)

    @pytest.mark.parametrize(
        ("samples", "channel", "message"),
        [
            (np.zeros(4, np.int16), 1, "mic: has 1 channel (0); asked for channel 1"),
            (np.zeros((4, 2)), 2, "mic: has 2 channels (0 to 1); asked for channel 2"),
            (np.zeros((4, 2)), -1, "mic: has 2 channels (0 to 1); asked for channel -1"),
            (
                np.zeros(4, np.uint8),
                None,
                "mic: samples are uint8; expected int16, int32, float32 or float64",
            ),
            (np.zeros((2, 2, 2)), None, "mic: samples have shape (2, 2, 2); expected [n] or [n, channels]"),
            (np.zeros((4, 0)), None, "mic: samples have shape (4, 0); expected [n] or [n, channels]"),
            (np.float64(0.5), None, "mic: samples have shape (); expected [n] or [n, channels]"),
        ],
    )
    def test_what_cannot_be_used_is_named(
        self, samples: npt.NDArray[np.float64], channel: int | None, message: str
    ) -> None:
        with pytest.raises(AudioError, match=re.escape(message)):
            to_float32(samples, channel=channel, source="mic")

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_the_first_sample_that_is_not_finite_is_named(self, bad: float) -> None:
        samples = np.zeros((9, 2), dtype=np.float32)
        samples[5, 1] = samples[7, 0] = bad
        with pytest.raises(AudioError, match="mic: sample 105 is not a finite number"):
            to_float32(samples, source="mic", start=100)

    def test_a_bad_sample_in_a_channel_not_asked_for_does_no_harm(self) -> None:
        assert to_float32(np.array([[0.5, np.nan]]), channel=0).tolist() == [0.5]


class TestClipping:
    def test_counts_only_runs_of_three_or_more_of_one_sign(self) -> None:
        top, low = 32767 / 32768, -1.0
        samples = np.array([top] * 3 + [0] + [top] * 2 + [0] + [low] * 4 + [top, low, top], dtype=np.float32)
        assert clipped_fraction(samples) == 7 / 14

    def test_a_loud_but_whole_recording_is_not_clipped(self) -> None:
        assert clipped_fraction(tone(440, SAMPLE_RATE) * np.float32(0.99)) == 0.0

    def test_an_overdriven_tone_is_clipped(self) -> None:
        assert clipped_fraction(np.clip(tone(100, SAMPLE_RATE) * 2, -1, 1)) == pytest.approx(2 / 3, abs=0.01)

    def test_no_samples_are_not_clipped(self) -> None:
        assert clipped_fraction(np.zeros(0, dtype=np.float32)) == 0.0


class TestResampler:
    def test_16_khz_passes_through(self) -> None:
        samples = noise(1000)
        assert np.array_equal(resampled(samples, SAMPLE_RATE), samples)
        assert Resampler(SAMPLE_RATE).latency == 0.0

    @pytest.mark.parametrize("rate", RATES)
    @pytest.mark.parametrize("count", [0, 1, 2, 500, 12_345])
    def test_total_length_is_the_inputs_duration(self, rate: int, count: int) -> None:
        assert len(resampled(noise(count), rate)) == round(count * SAMPLE_RATE / rate)

    @pytest.mark.parametrize("rate", RATES)
    def test_output_is_aligned_with_the_input(self, rate: int) -> None:
        inner = slice(1000, 15_000)
        assert resampled(tone(500, rate), rate)[inner] == pytest.approx(tone(500, SAMPLE_RATE)[inner], abs=1e-3)

    @pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
    def test_agrees_with_soxr_on_speech_band_noise(self, rate: int) -> None:
        band = soxr.resample(soxr.resample(noise(rate), rate, 6_500), 6_500, rate)
        expected = soxr.resample(band, rate, SAMPLE_RATE, quality="VHQ")
        assert resampled(band, rate)[500:15_000] == pytest.approx(expected[500:15_000], abs=1e-3)

    @pytest.mark.parametrize("rate", [22_050, 24_000, 32_000, 44_100, 48_000])
    def test_the_speech_band_is_kept_and_what_would_alias_is_removed(self, rate: int) -> None:
        inner = slice(2000, 14_000)
        for kept in (100, 1000, 4000, 7000):
            assert abs(level_db(resampled(tone(kept, rate), rate)[inner])) < 0.1
        for removed in (8500, 10_000, 15_000, 20_000):
            if removed < rate / 2:
                assert level_db(resampled(tone(removed, rate), rate)[inner]) < -60

    def test_no_mirror_image_of_telephone_audio_appears_above_its_band(self) -> None:
        samples = resampled(tone(3000, 8_000), 8_000)[2000:14_000].astype(np.float64)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
        above = spectrum[spectrum.size * 9 // 16 :].max()  # from 4.5 kHz
        assert 20 * np.log10(above / spectrum.max()) < -60

    @pytest.mark.parametrize("rate", [rate for rate in RATES if rate != SAMPLE_RATE])
    def test_a_frame_is_complete_within_its_latency(self, rate: int) -> None:
        resampler = Resampler(rate)
        assert resampler.latency <= 0.004
        needed = int(np.ceil((10 * FRAME_SAMPLES / SAMPLE_RATE + resampler.latency) * rate))
        assert len(resampler.push(noise(needed))) >= 10 * FRAME_SAMPLES

    def test_clipped_input_stays_within_full_scale(self) -> None:
        square = np.sign(tone(300, 48_000)).astype(np.float32)
        assert np.abs(resampled(square, 48_000)).max() == 1.0

    @given(
        rate=st.sampled_from(RATES),
        chunks=st.lists(st.integers(0, 3000), max_size=12),
    )
    def test_frames_are_identical_for_any_chunking(self, rate: int, chunks: list[int]) -> None:
        samples = noise(5000)

        def frames(sizes: list[int]) -> list[bytes]:
            resampler, framer = Resampler(rate), Framer()
            cuts = np.cumsum(sizes)
            found = [f for part in np.split(samples, cuts) for f in framer.push(resampler.push(part))]
            found += framer.push(resampler.flush())
            last = framer.flush()
            return [frame.tobytes() for frame in [*found, *([] if last is None else [last])]]

        assert frames(chunks) == frames([])

    def test_after_a_flush_or_a_reset_the_next_stream_owes_nothing_to_the_last(self) -> None:
        resampler = Resampler(48_000)
        resampler.push(noise(3000))
        resampler.flush()
        second = np.concatenate([resampler.push(noise(3000, seed=1)), resampler.flush()])
        resampler.push(noise(777))
        resampler.reset()
        third = np.concatenate([resampler.push(noise(3000, seed=1)), resampler.flush()])
        assert np.array_equal(second, resampled(noise(3000, seed=1), 48_000))
        assert np.array_equal(third, second)

    @pytest.mark.parametrize("rate", [0, -16_000, 7_999, 48_001])
    def test_a_rate_out_of_range_is_refused(self, rate: int) -> None:
        with pytest.raises(AudioError, match=f"sample rate is {rate} Hz; expected 8000 to 48000 Hz"):
            Resampler(rate)

    @pytest.mark.parametrize("samples", [np.zeros(4, np.int16), np.zeros((4, 2), np.float32)])
    def test_samples_of_another_form_are_refused(self, samples: Samples) -> None:
        with pytest.raises(AudioError, match=r"expected float32 of shape \[n\]"):
            Resampler(8_000).push(samples)


class TestFramer:
    def test_frames_come_as_they_fill(self) -> None:
        framer = Framer()
        samples = noise(1300)
        assert framer.push(samples[:511]) == []
        (first,) = framer.push(samples[511:513])
        (second,) = framer.push(samples[513:])
        assert np.array_equal(np.concatenate([first, second]), samples[:1024])

    def test_flush_pads_the_last_frame_with_zeros(self) -> None:
        framer = Framer()
        framer.push(np.full(1000, 0.5, dtype=np.float32))
        last = framer.flush()
        assert last is not None
        assert last.tolist() == [0.5] * 488 + [0.0] * 24
        assert framer.flush() is None

    def test_nothing_is_left_after_whole_frames(self) -> None:
        framer = Framer()
        assert len(framer.push(noise(1024))) == 2
        assert framer.flush() is None

    def test_a_frame_is_the_callers_to_keep(self) -> None:
        framer = Framer()
        (first,) = framer.push(noise(512))
        kept = first.copy()
        framer.push(noise(512, seed=1))
        assert np.array_equal(first, kept)

    def test_reset_forgets_the_unfinished_frame(self) -> None:
        framer = Framer()
        framer.push(noise(100))
        framer.reset()
        assert framer.flush() is None


class TestAudioFile:
    @pytest.fixture
    def stereo(self, tmp_path: Path) -> Path:
        path = tmp_path / "call.wav"
        soundfile.write(path, np.stack([tone(200, 48_000, 2.5), noise(120_000)], axis=1), 48_000, subtype="FLOAT")
        return path

    def test_tells_what_it_holds(self, stereo: Path) -> None:
        with AudioFile(stereo) as file:
            assert (file.path, file.sample_rate, file.channels, file.duration) == (stereo, 48_000, 2, 2.5)

    def test_blocks_add_up_to_the_channel(self, stereo: Path) -> None:
        with AudioFile(str(stereo)) as file:
            blocks = list(file.blocks(1))
            assert [len(block) for block in blocks] == [48_000, 48_000, 24_000]
            assert np.array_equal(np.concatenate(blocks), noise(120_000))
            assert np.array_equal(file.read(1), noise(120_000))

    def test_two_channels_may_be_read_in_turns(self, stereo: Path) -> None:
        with AudioFile(stereo) as file:
            pairs = list(zip(file.blocks(0, seconds=0.3), file.blocks(1, seconds=0.3), strict=True))
        assert np.array_equal(np.concatenate([left for left, _ in pairs]), tone(200, 48_000, 2.5))
        assert np.array_equal(np.concatenate([right for _, right in pairs]), noise(120_000))

    def test_no_channel_given_takes_the_mean(self, stereo: Path) -> None:
        with AudioFile(stereo) as file:
            mean = (tone(200, 48_000, 2.5) + noise(120_000)) / 2
            assert file.read() == pytest.approx(np.clip(mean, -1, 1), abs=1e-6)

    @pytest.mark.parametrize("form", ["wav", "flac", "ogg", "mp3", "aiff"])
    def test_common_formats_are_read(self, tmp_path: Path, form: str) -> None:
        path = tmp_path / f"a.{form}"
        soundfile.write(path, tone(200, 16_000) * np.float32(0.5), 16_000)
        with AudioFile(path) as file:
            assert len(file.read()) == 16_000

    def test_a_recording_of_unknown_length_as_a_pipe_writes_it_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe.wav"
        soundfile.write(path, noise(16_000), 16_000)
        data = bytearray(path.read_bytes())
        at = data.index(b"data") + 4
        data[at : at + 4] = b"\xff" * 4
        path.write_bytes(data)
        with AudioFile(path) as file:
            assert len(file.read()) == 16_000

    def test_a_closed_file_is_refused(self, stereo: Path) -> None:
        file = AudioFile(stereo)
        file.close()
        file.close()
        with pytest.raises(AudioError, match=r"call\.wav: is closed"):
            file.read()

    def test_a_channel_that_is_not_there_is_named_before_anything_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "mono.wav"
        soundfile.write(path, noise(1000), 16_000)
        with (
            AudioFile(path) as file,
            pytest.raises(AudioError, match=r"mono\.wav: has 1 channel \(0\); asked for channel 1$"),
        ):
            file.blocks(1)

    @pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_block_length_that_is_not_above_0_is_refused(self, stereo: Path, seconds: float) -> None:
        with AudioFile(stereo) as file, pytest.raises(OptionError, match=r"seconds is .*; expected above 0"):
            file.blocks(seconds=seconds)

    def test_a_sample_that_is_not_a_number_is_named_by_its_place_in_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.wav"
        samples = noise(40_000)
        samples[33_333] = np.nan
        soundfile.write(path, samples, 16_000, subtype="FLOAT")
        with (
            AudioFile(path) as file,
            pytest.raises(AudioError, match=r"a\.wav: sample 33333 is not a finite"),
        ):
            file.read()

    def test_a_flac_damaged_in_the_middle_gives_what_came_before_and_then_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "a.flac"
        soundfile.write(path, noise(32_000), 16_000)
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
        path.write_bytes(data)
        with (
            AudioFile(path) as file,
            pytest.raises(AudioError, match=r"a\.flac: is damaged .* expected 2\.00 s"),
        ):
            list(file.blocks(seconds=0.1))
        with AudioFile(path) as file:
            assert np.abs(next(file.blocks(seconds=0.1)) - noise(1600)).max() < 2**-15

    def test_a_part_is_the_same_samples_as_in_the_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.flac"
        samples = np.stack([noise(48_000, 1), noise(48_000, 2)], axis=1)
        soundfile.write(path, samples, 16_000)
        with AudioFile(path) as audio:
            part = audio.part(0.5, 1.25)
            assert part.duration == 0.75
            assert (part.sample_rate, part.channels, part.path) == (16_000, 2, path)
            np.testing.assert_array_equal(part.read(1), audio.read(1)[8_000:20_000])
            np.testing.assert_array_equal(part.part(0.25, 9.0).read(0), audio.read(0)[12_000:20_000])
            np.testing.assert_array_equal(audio.part(-1.0, 99.0).read(0), audio.read(0))
            # In turns with the whole, and in blocks of any length.
            pairs = zip(part.blocks(0, seconds=0.1), audio.blocks(1, seconds=0.1), strict=False)
            np.testing.assert_array_equal(np.concatenate([one for one, _ in pairs]), part.read(0))

    def test_a_part_outside_the_recording_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "noise.wav"
        soundfile.write(path, noise(16_000), 16_000)
        with AudioFile(path) as audio, pytest.raises(AudioError, match=r"nothing from 1 to 2 s; expected a stretch"):
            audio.part(1.0, 2.0)


def nothing(path: Path) -> None:
    """The file is missing."""


def folder(path: Path) -> None:
    path.mkdir()


def no_bytes(path: Path) -> None:
    path.touch()


def no_samples(path: Path) -> None:
    soundfile.write(path, noise(0), 16_000)


def text(path: Path) -> None:
    path.write_text("not a recording\n")


def low_rate(path: Path) -> None:
    soundfile.write(path, noise(1000), 4_000)


def high_rate(path: Path) -> None:
    soundfile.write(path, noise(1000), 96_000)


def cut_to(share: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        soundfile.write(path, noise(32_000), 16_000)
        data = path.read_bytes()
        path.write_bytes(data[: max(20, round(len(data) * share))])

    return write


def no_length(path: Path) -> None:
    soundfile.write(path, noise(32_000), 16_000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the count of samples in STREAMINFO: 36 bits
    data[22:26] = bytes(4)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.wav", nothing, "no such file; expected a recording"),
        ("a.wav", folder, "is a folder; expected a recording"),
        ("a.wav", no_bytes, r"is empty \(0 bytes\); expected a recording"),
        ("a.wav", no_samples, r"is empty \(0 samples\); expected a recording"),
        (
            "a.wav",
            text,
            "is not audio in a known format, or the file is damaged; expected a recording as WAV",
        ),
        ("a.txt", text, "is not audio in a known format; expected a recording as WAV"),
        ("a.raw", text, "is not audio in a known format"),
        ("a.wav", low_rate, "sample rate is 4000 Hz; expected 8000 to 48000 Hz"),
        ("a.wav", high_rate, "sample rate is 96000 Hz; expected 8000 to 48000 Hz"),
        ("a.wav", cut_to(0.0), "is not audio in a known format, or the file is damaged"),
        ("a.flac", cut_to(0.0), "is not audio in a known format, or the file is damaged"),
        (
            "a.wav",
            cut_to(0.5),
            "is cut short: .* bytes of audio; expected the 64000 that its header promises",
        ),
        (
            "a.aiff",
            cut_to(0.5),
            "is cut short: .* bytes of audio; expected the 64008 that its header promises",
        ),
        ("a.flac", cut_to(0.5), r"is damaged or cut short after 0\.\d+ s; expected 2\.00 s of audio"),
        ("a.ogg", cut_to(0.5), "is cut short: its last page is missing; expected a whole file"),
        ("a.mp3", cut_to(0.5), r"is damaged or cut short after \d\.\d+ s; expected 2\.00 s of audio"),
        ("a.flac", no_length, "its header does not say how long it is; expected a finished file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / name
    write(path)
    with (
        pytest.raises(AudioError, match=f"{re.escape(str(path))}: {message}") as caught,
        AudioFile(path) as file,
    ):
        file.read()
    assert "\n" not in str(caught.value)

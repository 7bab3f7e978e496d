from __future__ import annotations

import json
import math
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.prosody import MelSpectrum, NoiseFloor, PitchTracker, ProsodyAnalyzer, SpeakerNorm
from prosody_gate.prosody.pitch_tracker import WINDOW_SAMPLES

Samples = npt.NDArray[np.float32]


def tone(hz: float, *, harmonics: int = 1, samples: int = WINDOW_SAMPLES, amplitude: float = 0.1) -> Samples:
    time = np.arange(samples) / SAMPLE_RATE
    parts = [np.sin(2 * np.pi * hz * number * time) / number for number in range(1, harmonics + 1)]
    return (amplitude * np.sum(parts, axis=0)).astype(np.float32)


@settings(deadline=None)
@given(st.floats(65.0, 480.0), st.integers(1, 6))
def test_pitch_of_a_tone_is_within_half_a_percent(hz: float, harmonics: int) -> None:
    pitch = PitchTracker().track(tone(hz, harmonics=harmonics))
    assert pitch.hz == pytest.approx(hz, rel=0.005)
    assert pitch.strength > 0.95


def test_pitch_of_a_voice_without_its_fundamental_is_found() -> None:
    missing = tone(150.0, harmonics=8) - tone(150.0)
    assert PitchTracker().track(missing).hz == pytest.approx(150.0, rel=0.01)


def test_noise_and_silence_have_no_strong_period() -> None:
    rng = np.random.default_rng(1)
    tracker = PitchTracker()
    strengths = [tracker.track(rng.normal(0.0, 0.1, 1024).astype(np.float32)).strength for _ in range(200)]
    assert np.mean(np.array(strengths) > 0.5) < 0.02
    assert math.isnan(tracker.track(np.zeros(1024, np.float32)).hz)


def clips(shared_data: Path, kinds: tuple[str, ...], count: int) -> list[Samples]:
    rows = [json.loads(line) for line in (shared_data / "recordings.jsonl").read_text().splitlines()]
    chosen = [row for row in rows if row["set"] in kinds][::2][:count]
    return [soundfile.read(shared_data / row["audio"], dtype="float32")[0] for row in chosen]


def test_pitch_agrees_with_librosa_on_real_speech(shared_data: Path) -> None:
    tracker = PitchTracker()
    hop, step = FRAME_SAMPLES // 4, 4  # pyin follows pitch from window to window and wants them close
    differences, strengths = [], []
    found = loud = 0
    for samples in clips(shared_data, ("command_word", "content_word", "read_affirmative"), 50):
        loudest = max(np.sqrt(np.mean(samples[at : at + WINDOW_SAMPLES] ** 2)) for at in range(0, 15_000, 512))
        reference, voiced, _ = librosa.pyin(
            samples, fmin=60, fmax=500, sr=SAMPLE_RATE, frame_length=WINDOW_SAMPLES, hop_length=hop, center=False
        )
        for index in range(0, len(reference), step):
            window = samples[index * hop : index * hop + WINDOW_SAMPLES]
            if len(window) < WINDOW_SAMPLES:
                break
            pitch = tracker.track(window)
            if voiced[index] and np.sqrt(np.mean(window**2)) > 0.1 * loudest:
                loud += 1
                found += pitch.strength >= 0.5
            if voiced[index] and pitch.strength >= 0.5:
                differences.append(abs(12.0 * math.log2(pitch.hz / reference[index])))
                strengths.append(pitch.strength)
    near, strong = np.array(differences) < 1.0, np.array(strengths) > 0.8
    assert len(near) > 200
    assert near.mean() > 0.85
    assert near[strong].mean() > 0.92
    # The other way round says little: pyin finds no more than a third of the loud frames of these words voiced.
    assert found / loud > 0.7


def test_pitch_agrees_with_librosa_yin_where_the_voice_is_clear(shared_data: Path) -> None:
    tracker = PitchTracker()
    errors = []
    for samples in clips(shared_data, ("spoken_order",), 6):
        reference = librosa.yin(
            samples,
            fmin=60,
            fmax=500,
            sr=SAMPLE_RATE,
            frame_length=WINDOW_SAMPLES,
            hop_length=FRAME_SAMPLES,
            center=False,
        )
        for index, hz in enumerate(reference):
            pitch = tracker.track(samples[index * FRAME_SAMPLES : index * FRAME_SAMPLES + WINDOW_SAMPLES])
            if pitch.strength > 0.85:
                errors.append(abs(12.0 * math.log2(pitch.hz / hz)))
    assert len(errors) > 100
    assert np.mean(np.array(errors) < 0.5) > 0.78


def test_speech_is_voiced_and_coughs_are_less(shared_data: Path) -> None:
    def voiced_share(samples: Samples) -> float:
        analyzer = ProsodyAnalyzer()
        for _ in range(20):
            analyzer.push(np.random.default_rng(0).normal(0, 1e-3, FRAME_SAMPLES).astype(np.float32), 0.0)
        voiced = []
        for start in range(0, len(samples) - FRAME_SAMPLES, FRAME_SAMPLES):
            level = analyzer.push(samples[start : start + FRAME_SAMPLES], 1.0)
            if level > -40.0:
                voiced.append(analyzer.measure().voiced)
        return float(np.mean(voiced)) if voiced else 0.0

    speech = [voiced_share(samples) for samples in clips(shared_data, ("command_word", "content_word"), 25)]
    coughs = [voiced_share(samples) for samples in clips(shared_data, ("cough",), 25)]
    assert np.median(speech) > 0.5
    assert np.median(coughs) < np.median(speech) - 0.1


def test_level_is_that_of_the_samples() -> None:
    analyzer = ProsodyAnalyzer()
    full_scale_sine = tone(1000.0, samples=FRAME_SAMPLES, amplitude=1.0)
    assert analyzer.push(full_scale_sine, 1.0) == pytest.approx(-3.01, abs=0.01)
    assert analyzer.push(np.zeros(FRAME_SAMPLES, np.float32), 0.0) == -100.0


def test_the_noise_floor_follows_the_room_but_not_the_speech() -> None:
    floor = NoiseFloor()
    for _ in range(100):
        floor.update(-60.0, 0.0)
    assert floor.dbfs == pytest.approx(-60.0)
    for _ in range(int(2.0 / FRAME_DURATION)):
        floor.update(-20.0, 1.0)
    assert -60.0 < floor.dbfs < -58.0
    for _ in range(int(5.0 / FRAME_DURATION)):
        floor.update(-45.0, 0.0)
    assert floor.dbfs == pytest.approx(-45.0)
    for _ in range(int(1.0 / FRAME_DURATION)):
        floor.update(-70.0, 0.0)
    assert floor.dbfs == pytest.approx(-70.0)


def test_the_speaker_norm_is_unknown_until_half_a_second_of_voice() -> None:
    norm = SpeakerNorm()
    for _ in range(15):
        norm.learn(-25.0, 120.0)
    assert norm.level_dbfs is None
    assert math.isnan(norm.semitones(240.0))
    norm.learn(-25.0, 120.0)
    assert norm.level_dbfs == pytest.approx(-25.0)
    assert norm.relative_level_db(-35.0) == pytest.approx(-10.0)
    assert norm.semitones(240.0) == pytest.approx(12.0)


def test_a_norm_from_a_profile_is_a_starting_point() -> None:
    norm = SpeakerNorm(level_dbfs=-30.0, pitch_hz=100.0)
    assert norm.semitones(100.0) == pytest.approx(0.0)
    for _ in range(400):
        norm.learn(-20.0, 200.0)
    assert norm.level_dbfs == pytest.approx(-20.0, abs=1.0)
    assert norm.pitch_hz == pytest.approx(200.0, rel=0.05)


def test_a_rising_voice_has_a_rising_slope() -> None:
    analyzer = ProsodyAnalyzer()
    seconds = np.arange(16 * FRAME_SAMPLES) / SAMPLE_RATE
    hz = 120.0 * 2.0 ** (10.0 * seconds / 12.0)  # ten semitones a second
    voice = (0.1 * np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE)).astype(np.float32)
    for _ in range(10):
        analyzer.push(np.zeros(FRAME_SAMPLES, np.float32), 0.0)
    for frame in voice.reshape(-1, FRAME_SAMPLES):
        analyzer.push(frame, 1.0)
        measured = analyzer.measure()
    assert measured.voiced
    assert measured.pitch_slope == pytest.approx(10.0, abs=1.0)


def test_a_click_is_sharp_and_flat_and_a_tone_is_neither() -> None:
    analyzer = ProsodyAnalyzer()
    click = np.zeros(FRAME_SAMPLES, np.float32)
    click[200] = 0.8
    analyzer.push(np.full(FRAME_SAMPLES, 1e-4, np.float32), 0.0)
    analyzer.push(click, 0.0)
    clicked = analyzer.measure()
    for _ in range(3):
        analyzer.push(tone(200.0, samples=FRAME_SAMPLES), 1.0)
    toned = analyzer.measure()
    assert clicked.onset_sharpness > 30.0
    assert toned.onset_sharpness < 3.0
    assert clicked.spectral_flatness > 0.5
    assert toned.spectral_flatness < 0.05
    assert toned.spectral_centroid_hz < 400.0 < clicked.spectral_centroid_hz


def test_looking_back_measures_the_frames_as_they_were_pushed() -> None:
    rng = np.random.default_rng(2)
    sounds = [rng.normal(0.0, 0.01 * (index + 1), FRAME_SAMPLES).astype(np.float32) for index in range(20)]
    live, late = ProsodyAnalyzer(), ProsodyAnalyzer()
    measured = []
    for sound in sounds:
        live.push(sound, 0.5)
        late.push(sound, 0.5)
        measured.append(live.measure())
    for before, after in zip(measured[-8:], late.look_back(8), strict=True):
        assert after.time == pytest.approx(before.time)
        assert after.level_dbfs == before.level_dbfs
        np.testing.assert_array_equal(after.log_mel, before.log_mel)


def test_mel_spectra_rise_where_the_tone_is() -> None:
    mel = MelSpectrum()
    for hz in (150.0, 500.0, 1500.0, 5000.0):
        spectra = mel.compute(tone(hz, samples=768))
        assert abs(mel.centres_hz[int(spectra[1].argmax())] - hz) < 0.2 * hz + 60.0


def test_level_relative_measures_do_not_depend_on_the_gain() -> None:
    rng = np.random.default_rng(4)
    sounds = [rng.normal(0.0, 0.01 + 0.02 * (index > 12), FRAME_SAMPLES).astype(np.float32) for index in range(20)]
    quiet, loud = ProsodyAnalyzer(), ProsodyAnalyzer()
    for sound in sounds:
        quiet.push(sound, 0.0)
        loud.push(sound * np.float32(4.0), 0.0)
    first, second = quiet.measure(), loud.measure()
    assert second.level_dbfs - first.level_dbfs == pytest.approx(12.04, abs=0.01)
    assert second.snr_db == pytest.approx(first.snr_db, abs=0.01)
    assert second.onset_sharpness == pytest.approx(first.onset_sharpness, abs=0.01)

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from bench_material import RATE, noisy, voice
from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.bench import Clip, SceneMaker, SceneOptions
from prosody_gate.bench.scene import LEAD_IN, TAIL, room_noise
from prosody_gate.errors import OptionError

BEFORE = round(LEAD_IN * RATE)


def dbfs(samples: npt.NDArray[np.float32]) -> float:
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def clip(path: Path, samples: npt.NDArray[np.float32], *, rate: int = RATE) -> Clip:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return Clip(1, path.name, path.name, "interruption", "desk", path)


@pytest.fixture
def spoken(tmp_path: Path) -> Clip:
    return clip(tmp_path / "a.wav", noisy(voice(0.6), before=0.3, after=0.3))


def test_room_noise_has_the_level_and_the_colour_of_the_quietest_stretch() -> None:
    rng = np.random.default_rng(0)
    hiss = np.diff(rng.normal(0.0, 1e-3, RATE + 1)).astype(np.float32)
    hiss[4_000:12_000] += voice(0.5)
    made = room_noise(hiss, 2 * RATE, rng)
    assert dbfs(made) == pytest.approx(dbfs(hiss[:4_000]), abs=1.5)
    power = np.abs(np.fft.rfft(made)) ** 2
    # A first difference has (pi + 2) / (pi - 2) = 4.5 times the power in the upper half.
    assert power[len(power) // 2 :].sum() > 3.5 * power[: len(power) // 2].sum()


def test_a_clip_that_is_all_padding_gets_faint_white_noise() -> None:
    made = room_noise(np.zeros(RATE, np.float32), RATE, np.random.default_rng(0), silence_dbfs=-70.0)
    assert dbfs(made) == pytest.approx(-70.0, abs=0.5)


def test_the_room_is_before_and_after_and_the_clip_untouched(spoken: Clip) -> None:
    scene = SceneMaker(SceneOptions()).make(spoken)
    samples, _ = soundfile.read(spoken.audio, dtype="float32")
    assert len(scene) % FRAME_SAMPLES == 0
    assert len(scene) >= BEFORE + len(samples) + TAIL * RATE
    inside = slice(BEFORE + 100, BEFORE + len(samples) - 100)
    np.testing.assert_array_equal(scene[inside], samples[100:-100])
    for room in (scene[: BEFORE - 100], scene[BEFORE + len(samples) + 100 :]):
        assert dbfs(room) == pytest.approx(-66.0, abs=2.0)


def test_padding_inside_a_clip_is_filled_with_its_room(tmp_path: Path) -> None:
    samples = noisy(voice(0.6), before=0.3, after=0.3)
    samples[-8_000:-1_600] = 0.0
    scene = SceneMaker(SceneOptions()).make(clip(tmp_path / "p.wav", samples))
    filled = scene[BEFORE + len(samples) - 7_000 : BEFORE + len(samples) - 2_000]
    assert dbfs(filled) == pytest.approx(-66.0, abs=3.0)


def test_a_scene_depends_on_its_clip_and_seed_and_on_nothing_before_it(spoken: Clip, tmp_path: Path) -> None:
    other = clip(tmp_path / "b.wav", noisy(voice(0.4), before=0.1, after=0.1))
    maker = SceneMaker(SceneOptions())
    first = maker.make(spoken)
    maker.make(other)
    np.testing.assert_array_equal(maker.make(spoken), first)
    assert not np.array_equal(SceneMaker(SceneOptions(seed=1)).make(spoken), first)


def test_gain_moves_the_level_and_clips_at_full_scale(spoken: Clip) -> None:
    plain = SceneMaker(SceneOptions()).make(spoken)
    softer = SceneMaker(SceneOptions(gain_db=-12.0)).make(spoken)
    assert dbfs(softer) == pytest.approx(dbfs(plain) - 12.0, abs=0.1)
    assert np.abs(SceneMaker(SceneOptions(gain_db=30.0)).make(spoken)).max() == 1.0


def test_noise_lies_under_the_whole_scene_at_the_ratio_asked_for(spoken: Clip, tmp_path: Path) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.1, RATE // 2).astype(np.float32)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, subtype="FLOAT")
    scene = SceneMaker(SceneOptions(noise=tmp_path / "noise.wav", snr_db=10.0)).make(spoken)
    active = dbfs(scene[BEFORE + round(0.4 * RATE) : BEFORE + round(0.8 * RATE)])
    for room in (scene[:BEFORE], scene[-RATE:]):
        assert active - dbfs(room) == pytest.approx(10.0, abs=2.0)


def test_the_telephone_leaves_300_to_3400_hz(spoken: Clip) -> None:
    options = SceneOptions(silence_dbfs=-40.0)
    wide = np.abs(np.fft.rfft(SceneMaker(options).make(spoken)[:BEFORE])) ** 2
    narrow_scene = SceneMaker(SceneOptions(silence_dbfs=-40.0, band="telephone")).make(spoken)
    narrow = np.abs(np.fft.rfft(narrow_scene[:BEFORE])) ** 2
    hertz = np.fft.rfftfreq(BEFORE, 1.0 / RATE)

    def change_db(low: float, high: float) -> float:
        band = (hertz >= low) & (hertz < high)
        return float(10.0 * np.log10(narrow[band].sum() / wide[band].sum()))

    assert change_db(500, 3_200) == pytest.approx(0.0, abs=0.5)
    assert change_db(20, 180) < -20.0
    assert change_db(4_000, 8_000) < -35.0


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"noise": Path("n.wav")}, "noise and snr_db: expected both"),
        ({"snr_db": 5.0}, "noise and snr_db: expected both"),
        ({"gain_db": 99.0}, "gain_db: expected a number from -60 to 60, got 99"),
        ({"gain_db": float("nan")}, "gain_db: expected a number"),
        ({"silence_dbfs": 0.0}, "silence_dbfs: expected a number from -100 to -20"),
        ({"band": "medium"}, "band is 'medium'; expected wide or telephone"),
    ],
)
def test_options_out_of_range_are_named(fields: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        SceneOptions(**fields)  # type: ignore[arg-type]


def test_the_room_of_a_clip_cut_tight_is_that_of_the_recording_around_it(tmp_path: Path) -> None:
    sound = noisy(voice(0.6, level=0.3), before=8.0, after=2.0)
    soundfile.write(tmp_path / "long.wav", sound, RATE)
    clip = Clip(1, "long.wav", "a", "interruption", "a", tmp_path / "long.wav", start=8.1, end=8.5)
    scene = SceneMaker(SceneOptions()).make(clip)
    lead = scene[: int(LEAD_IN * RATE) - 200]
    assert 20.0 * np.log10(np.sqrt(np.mean(lead**2))) == pytest.approx(-66.0, abs=2.0)
    first = round(LEAD_IN * RATE)
    np.testing.assert_allclose(scene[first + 100 : first + 6300], sound[round(8.1 * RATE) + 100 :][:6200], atol=1e-4)

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr
from rich.console import Console
from typer.testing import CliRunner, Result

from bench_material import RATE, noisy, voice
from echo_room import room
from prosody_gate import Gate, GateEvent, GateEventKind, GateOptions, PhonemeListener, replay
from prosody_gate.audio import amplified
from prosody_gate.bench import read_manifest
from prosody_gate.bench.scene import over_telephone
from prosody_gate.calibration.calibration import calibrate, input_gain
from prosody_gate.calibration.guided_recording import MANIFEST, check_keep_folder
from prosody_gate.calibration.measured_sound import MeasuredSound, RecordedSound, geometric_mean
from prosody_gate.calibration.room_findings import find_mains_hum
from prosody_gate.calibration.vad_thresholds import choose_vad_options
from prosody_gate.cli import app
from prosody_gate.cli.progress import level_meter, meter_text
from prosody_gate.errors import AudioError
from prosody_gate.profile import Profile
from prosody_gate.vad import SileroDetector

pexpect = pytest.importorskip("pexpect")

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
Samples = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def demo() -> Samples:
    """A user's channel: real speech with long pauses."""
    samples, rate = soundfile.read(DEMO, dtype="float32")
    assert rate == RATE
    return np.ascontiguousarray(samples[:, 1])


def sound(samples: Samples, *, rate: int = RATE) -> RecordedSound:
    return RecordedSound.of(samples, rate, name="call.wav")


def white(seconds: float, level_dbfs: float, *, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return np.asarray(noise * 10.0 ** (level_dbfs / 20.0), np.float32)


def hum(seconds: float, hertz: float, level_dbfs: float) -> Samples:
    times = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * number * times) / number for number in (1, 2, 3, 5))
    return np.asarray(tone * 10.0 ** (level_dbfs / 20.0), np.float32)


def test_a_gain_moves_room_and_voice_alike_and_nothing_else(demo: Samples) -> None:
    loud, soft = calibrate(sound(demo)), calibrate(sound(demo * np.float32(10.0 ** (-10.0 / 20.0))))
    assert soft.voice_dbfs == pytest.approx(loud.voice_dbfs - 10.0, abs=2.5)
    assert soft.room_dbfs == pytest.approx(loud.room_dbfs - 10.0, abs=1.5)
    assert soft.pitch_hz == pytest.approx(loud.pitch_hz, rel=0.05)
    assert soft.band_hz == loud.band_hz
    assert loud.warnings == ()


def test_the_room_is_measured_where_nobody_speaks(demo: Samples) -> None:
    for level in (-60.0, -50.0):
        found = calibrate(sound(demo), sound(white(4.0, level)))
        assert found.room_dbfs == pytest.approx(level, abs=2.0)
    both = calibrate(sound(demo + white(len(demo) / RATE, -50.0)))
    assert both.room_dbfs == pytest.approx(-50.0, abs=2.0)


def test_the_pitch_is_that_of_the_voice(demo: Samples) -> None:
    for hertz in (110.0, 220.0):
        said = MeasuredSound.of(sound(noisy(voice(4.0, pitch=hertz), before=1.0, after=3.0)))
        assert geometric_mean(said.pitch_hz[said.is_voiced]) == pytest.approx(hertz, rel=0.02)
    # The same speech played faster is higher by as much.
    faster = np.asarray(soxr.resample(demo, 1.2, 1.0), np.float32)
    assert calibrate(sound(faster)).pitch_hz == pytest.approx(1.2 * calibrate(sound(demo)).pitch_hz, rel=0.05)


@pytest.mark.parametrize("level_dbfs", [0.0, -30.0])
def test_periodic_sound_that_the_vad_does_not_accept_is_no_voice(level_dbfs: float) -> None:
    buzz = noisy(voice(6.0), before=3.0, after=3.0) * np.float32(10.0 ** (level_dbfs / 20.0))
    with pytest.raises(AudioError, match=r"0\.\d s of speech found; expected 3 s or more: is it the right device"):
        calibrate(sound(buzz))


@pytest.mark.parametrize("what", ["keyboard", "background", "room_noise"])
def test_real_noise_is_no_voice(shared_data: Path, what: str) -> None:
    files = sorted((shared_data / "recordings" / what).glob("*.flac"))
    kinds = {file.stem.rsplit("-", 1)[0] if what == "background" else what for file in files}
    for kind in kinds:
        own = [file for file in files if what != "background" or file.stem.startswith(kind)][:15]
        samples, rates = zip(*(soundfile.read(file, dtype="float32") for file in own), strict=True)
        noise = np.concatenate(samples)
        for louder_db in (0.0, -30.0):
            with pytest.raises(AudioError, match="s of speech found; expected 3 s or more"):
                calibrate(sound(amplified(noise, louder_db), rate=rates[0]))


def test_a_voice_that_the_vad_accepts_only_below_its_usual_threshold_is_enough(
    demo: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_probability = SileroDetector.frame_probability
    monkeypatch.setattr(
        SileroDetector, "frame_probability", lambda self, frame: min(true_probability(self, frame), 0.42)
    )
    found = calibrate(sound(demo), sound(white(4.0, -60.0)))
    assert found.vad.options["activation_threshold"] == 0.4
    assert found.speech_seconds > 8.0
    monkeypatch.setattr(
        SileroDetector, "frame_probability", lambda self, frame: min(true_probability(self, frame), 0.25)
    )
    with pytest.raises(AudioError, match=r"0\.0 s of speech found"):
        calibrate(sound(demo), sound(white(4.0, -60.0)))


def test_pitch_and_level_are_those_that_the_live_norm_learns(demo: Samples) -> None:
    from prosody_gate.audio import FRAME_SAMPLES
    from prosody_gate.prosody import ProsodyAnalyzer
    from prosody_gate.vad import SileroDetector

    analyzer, detector = ProsodyAnalyzer(), SileroDetector()
    for start in range(0, len(demo) - FRAME_SAMPLES, FRAME_SAMPLES):
        frame = demo[start : start + FRAME_SAMPLES]
        probability = detector.frame_probability(frame)
        analyzer.push(frame, probability)
        if probability >= 0.5:
            analyzer.learn()
    found, norm = calibrate(sound(demo)), analyzer.speaker_norm
    assert norm.level_dbfs == pytest.approx(found.voice_dbfs, abs=3.0)
    assert norm.pitch_hz == pytest.approx(found.pitch_hz, rel=0.15)


def test_a_telephone_line_is_known_by_its_band(demo: Samples) -> None:
    found = calibrate(sound(over_telephone(demo)))
    assert 3_200.0 <= found.band_hz <= 3_800.0
    assert any("telephone" in finding for finding in found.findings)
    assert calibrate(sound(demo)).band_hz > 7_000.0


def test_a_file_at_8_khz_has_no_band_above_4(demo: Samples) -> None:
    assert calibrate(sound(demo[::2], rate=8_000)).band_hz <= 4_000.0


@pytest.mark.parametrize("hertz", [50.0, 60.0])
def test_mains_hum_is_told_with_its_frequency(demo: Samples, hertz: float) -> None:
    room = white(5.0, -60.0) + hum(5.0, hertz, -50.0)
    found = calibrate(sound(demo), sound(room))
    assert found.hum is not None
    assert found.hum.hz == hertz
    assert any(f"mains hum at {hertz:.0f} Hz" in warning for warning in found.warnings)


def test_noise_and_a_voice_are_no_hum() -> None:
    assert find_mains_hum(white(5.0, -50.0)) is None
    assert find_mains_hum(noisy(voice(3.0, pitch=137.0), before=1.0, after=1.0)) is None
    assert find_mains_hum(np.zeros(RATE * 3, np.float32)) is None


def test_a_voice_close_to_the_room_is_told(demo: Samples) -> None:
    level = calibrate(sound(demo)).voice_dbfs
    found = calibrate(sound(demo + white(len(demo) / RATE, level - 2.0)), sound(white(4.0, level - 2.0)))
    assert any("above the room; expected 10 or more" in warning for warning in found.warnings)


def test_a_voice_that_is_too_quiet_for_the_vad_is_told_with_the_gain_that_it_needs(demo: Samples) -> None:
    quiet = demo * np.float32(10.0 ** (-25.0 / 20.0))
    (warning,) = [warning for warning in calibrate(sound(quiet)).warnings if "turn the microphone up" in warning]
    assert warning.startswith("your voice is at -5")
    assert "amplifies you by 31 dB" in warning


def test_a_loud_voice_is_used_as_it_is(demo: Samples) -> None:
    loud = calibrate(sound(demo))
    assert loud.input_gain_db == 0.0
    assert "input_gain_db" not in loud.profile(name="a", source="b").to_dict()["microphone"]


@pytest.mark.parametrize("quieter_db", [16.0, 20.0, 25.0, 34.0])
def test_a_quiet_voice_is_measured_as_the_gate_will_hear_it(demo: Samples, quieter_db: float) -> None:
    loud, found = calibrate(sound(demo)), calibrate(sound(amplified(demo, -quieter_db)))
    assert found.voice_dbfs + found.input_gain_db == pytest.approx(-26.0, abs=1.5)
    assert dict(found.vad.options) == dict(loud.vad.options)
    assert found.vad.reasons == loud.vad.reasons
    # What is told is as recorded; what is written is what the gate gets.
    assert found.voice_dbfs == pytest.approx(loud.voice_dbfs - quieter_db, abs=1.5)
    assert found.room_dbfs == pytest.approx(loud.room_dbfs - quieter_db, abs=1.5)
    profile = found.profile(name="a", source="b")
    assert profile.input_gain_db == found.input_gain_db > 0.0
    assert profile.microphone.speaking_level_dbfs == pytest.approx(found.voice_dbfs + found.input_gain_db)
    assert profile.microphone.noise_floor_dbfs == pytest.approx(found.room_dbfs + found.input_gain_db)


def test_one_click_does_not_take_the_gain_away(demo: Samples) -> None:
    quiet = amplified(demo, -25.0)
    clicked = quiet.copy()
    clicked[100:103] = 0.95, -0.9, 0.4
    assert calibrate(sound(clicked)).input_gain_db == calibrate(sound(quiet)).input_gain_db


def test_talk_in_the_recording_of_the_room_is_told_of_a_quiet_microphone_too(demo: Samples) -> None:
    speech = np.concatenate([demo[7 * RATE : 8 * RATE], demo[25 * RATE : 28 * RATE]])
    room = np.concatenate([white(3.0, -60.0), np.tile(speech, 2), white(3.0, -60.0)])
    found = calibrate(sound(amplified(demo, -34.0)), sound(amplified(room, -34.0)))
    assert found.talks_in_room


def test_the_gain_leaves_room_for_the_peaks() -> None:
    assert input_gain(-50.0, peak=0.5) == 5.0
    assert input_gain(-50.0, peak=1.0) == 0.0
    assert input_gain(-90.0, peak=1e-4) == 40.0


def test_a_profile_brings_back_what_a_quiet_microphone_loses(demo: Samples, tmp_path: Path) -> None:
    quiet = amplified(demo, -34.0)
    agent, _ = soundfile.read(DEMO, dtype="float32")
    for name, samples in (("loud", demo), ("quiet", quiet)):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([agent[:, 0], samples], axis=1), RATE, subtype="FLOAT")

    def decisions(name: str, profile: Profile | None) -> tuple[GateEvent, ...]:
        gate = Gate(
            GateOptions() if profile is None else profile.options(),
            listener=PhonemeListener(),
            analyzer=None if profile is None else profile.analyzer(),
        )
        gain = 0.0 if profile is None else profile.input_gain_db
        file = tmp_path / f"{name}.wav"
        return replay(file, gate, agent_channel=0, user_channel=1, input_gain_db=gain).decisions

    loud = decisions("loud", calibrate(sound(demo)).profile(name="loud", source="demo"))
    found = decisions("quiet", calibrate(sound(quiet)).profile(name="quiet", source="demo"))
    assert {event.kind for event in loud} >= {GateEventKind.CONFIRM, GateEventKind.CANCEL}
    assert [event.kind for event in found] == [event.kind for event in loud]
    assert [event.onset for event in found] == pytest.approx([event.onset for event in loud], abs=0.2)
    assert [event.kind for event in decisions("quiet", None)] != [event.kind for event in loud]


def test_a_little_clipping_is_told_and_much_is_refused(demo: Samples) -> None:
    peak = np.sort(np.abs(demo))
    little = calibrate(sound(np.clip(demo / peak[-600], -1.0, 1.0)))
    assert little.clipped_share > 0.0001
    with pytest.raises(AudioError, match="is clipped; expected under 5 %"):
        calibrate(sound(np.clip(demo * np.float32(1000.0), -1.0, 1.0)))


def test_talk_in_the_recording_of_the_room_is_told(demo: Samples) -> None:
    speech = np.concatenate([demo[7 * RATE : 8 * RATE], demo[25 * RATE : 28 * RATE]])
    room = np.concatenate([white(3.0, -60.0), np.tile(speech, 2), white(3.0, -60.0)])
    assert any("somebody talks" in warning for warning in calibrate(sound(demo), sound(room)).warnings)


def probabilities(*runs: tuple[int, float]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.full(count, value) for count, value in runs])


def test_vad_options_stay_where_the_default_does_well() -> None:
    chosen = choose_vad_options(probabilities((100, 0.02)), probabilities((95, 0.9), (5, 0.1)))
    assert chosen.options == {}
    assert chosen.reasons == ()


def test_a_voice_that_the_vad_misses_lowers_its_threshold_no_further_than_needed() -> None:
    chosen = choose_vad_options(probabilities((100, 0.02)), probabilities((60, 0.9), (35, 0.42), (5, 0.1)))
    assert chosen.options["activation_threshold"] == 0.4
    assert "60 %" in chosen.reasons[0]


def test_a_threshold_that_brings_no_more_of_the_voice_stays() -> None:
    for never in (probabilities((100, 0.1)), probabilities((80, 0.9), (20, 0.1))):
        chosen = choose_vad_options(probabilities((100, 0.02)), never)
        assert chosen.options == {}
        assert "of your voice as speech here" in chosen.reasons[0]
    some = probabilities((60, 0.9), (20, 0.42), (20, 0.1))
    assert choose_vad_options(probabilities((100, 0.02)), some).options["activation_threshold"] == 0.4


def test_scraps_of_the_room_that_a_lower_threshold_lets_in_ask_for_longer_speech() -> None:
    room = probabilities((50, 0.02), (4, 0.46), (50, 0.02))
    chosen = choose_vad_options(room, probabilities((80, 0.9), (15, 0.47), (5, 0.1)))
    assert chosen.options == {
        "activation_threshold": 0.45,
        "deactivation_threshold": 0.315,
        "min_speech_duration": 0.16,
    }
    assert len(chosen.reasons) == 2


def test_short_scraps_of_speech_in_an_empty_room_ask_for_longer_speech() -> None:
    room = probabilities((50, 0.02), (3, 0.6), (50, 0.02))
    chosen = choose_vad_options(room, probabilities((100, 0.9)))
    assert chosen.options == {"min_speech_duration": pytest.approx(0.128)}


def test_a_room_that_sounds_like_speech_raises_the_threshold_where_the_voice_allows_it() -> None:
    room = probabilities((50, 0.02), (20, 0.55), (50, 0.02))
    assert choose_vad_options(room, probabilities((100, 0.9))).options == {"activation_threshold": 0.6}
    talk = choose_vad_options(probabilities((50, 0.02), (50, 0.95)), probabilities((100, 0.9)))
    assert talk.options == {}
    assert "is somebody talking" in talk.reasons[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: Samples) -> Path:
    monkeypatch.chdir(tmp_path)
    soundfile.write("speech.wav", demo, RATE)
    soundfile.write("room.wav", white(4.0, -60.0), RATE)
    soundfile.write("zero.wav", np.zeros(5 * RATE), RATE)
    soundfile.write("noise.wav", white(6.0, -40.0), RATE)
    soundfile.write("buzz.wav", noisy(voice(6.0), before=3.0, after=3.0), RATE)
    soundfile.write("narrow.wav", white(4.0, -60.0)[::2], RATE // 2)
    soundfile.write("slow.wav", white(2.0, -60.0), 6_000)
    soundfile.write("clipped.wav", np.clip(demo * 1000.0, -1.0, 1.0), RATE)
    soundfile.write("short.wav", demo[: RATE // 2], RATE)
    soundfile.write("tiny.wav", white(0.01, -40.0), RATE)
    soundfile.write("stereo.wav", np.stack([demo, demo], axis=1), RATE)
    Path("text.wav").write_text("hello")
    return tmp_path


def in_a_room_with_echo(demo: Samples) -> tuple[Samples, Samples]:
    """The demo's user in front of a loudspeaker, and what the loudspeaker plays."""
    samples, _ = soundfile.read(DEMO, dtype="int16")
    played = np.ascontiguousarray(samples[:, 0])
    echo = room(played, delay=0.12).astype(np.float32) / 32_768
    return demo + echo[: len(demo)], played.astype(np.float32) / 32_768


def test_an_agents_voice_in_the_microphone_is_found_and_all_else_measured_without_it(demo: Samples) -> None:
    clean = calibrate(sound(demo))
    microphone, played = in_a_room_with_echo(demo)
    found = calibrate(sound(microphone), agent=sound(played))
    assert found.echo is not None
    assert found.echo.delay == pytest.approx(0.12, abs=0.003)
    assert found.findings[-1].startswith("the agent's voice is in your microphone, 12")
    assert found.voice_dbfs == pytest.approx(clean.voice_dbfs, abs=2.5)
    assert found.pitch_hz == pytest.approx(clean.pitch_hz, rel=0.1)
    profile = found.profile(name="a", source="b")
    assert profile.echo_guard
    assert "echo_guard = true" in profile.to_toml()
    assert found.to_dict()["echo_delay"] == pytest.approx(0.12, abs=0.003)


def test_without_an_agents_voice_in_the_microphone_no_guard_is_proposed(demo: Samples) -> None:
    samples, _ = soundfile.read(DEMO, dtype="float32")
    found = calibrate(sound(demo), agent=sound(np.ascontiguousarray(samples[:, 0])))
    assert found.echo is None
    assert found.findings[-1] == "the agent's voice is not in your microphone: no echo guard is needed"
    assert "echo_guard" not in found.profile(name="a", source="b").to_dict()["microphone"]


def test_the_command_proposes_the_guard(folder: Path, demo: Samples) -> None:
    microphone, played = in_a_room_with_echo(demo)
    soundfile.write("mic.wav", microphone, RATE)
    soundfile.write("played.wav", played, RATE)
    result = run("mic.wav", "--agent", "played.wav", "-o", "p.toml")
    assert result.exit_code == 0
    assert "this profile switches the echo guard on" in result.stdout
    assert Profile.load("p.toml").echo_guard
    assert Profile.load("p.toml").provenance["source"] == "calibrate mic.wav, played.wav"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["calibrate", *arguments], catch_exceptions=False)


def test_room_and_speech_give_findings_in_plain_words_and_a_profile(folder: Path) -> None:
    result = run("--room", "room.wav", "--speech", "speech.wav", "--output", "desk.toml")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("your room is at -60 dBFS, your voice ")
    assert lines[0].endswith(" dB above it")
    assert lines[-1] == "written: desk.toml"
    profile = Profile.load("desk.toml")
    assert profile.microphone.name == "desk"
    assert profile.microphone.noise_floor_dbfs == pytest.approx(-60.0, abs=2.0)
    assert profile.provenance["source"] == "calibrate room.wav, speech.wav"
    assert profile.analyzer().speaker_norm.level_dbfs == profile.microphone.speaking_level_dbfs


def test_one_file_with_both_and_a_name(folder: Path) -> None:
    assert run("stereo.wav", "--user-channel", "1", "-o", "p.toml", "--name", "my desk").exit_code == 0
    assert Profile.load("p.toml").microphone.name == "my desk"


def test_json_alone_on_standard_output(folder: Path) -> None:
    report = json.loads(run("speech.wav", "-o", "p.toml", "--json").stdout)
    assert report["measured"]["warnings"] == []
    assert report["profile"]["microphone"]["pitch_hz"] == report["measured"]["pitch_hz"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("zero.wav",), "zero.wav: is digital silence"),
        (("--room", "zero.wav", "--speech", "speech.wav"), "zero.wav: is digital silence"),
        (("noise.wav",), "noise.wav: 0.0 s of speech found; expected 3 s or more: is it the right device"),
        (("buzz.wav",), "s of speech found; expected 3 s or more"),
        (("short.wav",), "s of speech found; expected 3 s or more"),
        (("clipped.wav",), "% of it is clipped; expected under 5 %"),
        (("slow.wav",), "6000"),
        (("--room", "narrow.wav", "--speech", "speech.wav"), "expected both from one microphone, at one rate"),
        (("--room", "tiny.wav", "--speech", "speech.wav"), "tiny.wav: is 0.010 s long; expected seconds of sound"),
        (("--room", "room.wav"), "--speech"),
        (("stereo.wav",), "has 2 channels; expected --user-channel N"),
        (("text.wav",), "text.wav: is not audio"),
        (("missing.wav",), "missing.wav: no such file"),
        ((), "expected one of FILE, --room"),
        (("speech.wav", "--record"), "expected one of FILE, --room"),
        (("speech.wav", "--keep", "kept"), "--keep: is for --record"),
        (("speech.wav", "--agent", "zero.wav"), "zero.wav: is digital silence; expected what the agent played"),
        (("speech.wav", "--agent", "missing.wav"), "missing.wav: no such file"),
        (("--record", "--agent", "speech.wav"), "--agent: is for recordings"),
    ],
)
def test_bad_input_is_one_line_status_2_and_no_file(folder: Path, arguments: tuple[str, ...], says: str) -> None:
    before = sorted(folder.rglob("*"))
    result = run(*arguments, "--output", "p.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert sorted(folder.rglob("*")) == before


def test_an_output_that_cannot_be_written_is_told_before_anything_is_measured(folder: Path) -> None:
    result = run("speech.wav", "--output", "missing/p.toml")
    assert result.exit_code == 2
    assert "there is no folder missing" in result.stderr


def test_without_sounddevice_one_line_tells_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = run("--record", "--output", "p.toml")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "pip install 'prosody-gate[record]'" in result.stderr


def test_without_portaudio_one_line_tells_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(name: str) -> None:
        raise OSError("PortAudio library not found")  # what sounddevice raises as it is imported

    monkeypatch.setattr("importlib.import_module", not_found)
    result = run("--record", "-o", "p.toml")
    assert result.exit_code == 2
    assert result.stderr == (
        "prosody-gate: error: --record: the sound library PortAudio is not installed; install it with "
        "sudo apt install libportaudio2 (Debian, Ubuntu) or brew install portaudio (macOS)\n"
    )
    assert not (folder / "p.toml").exists()


def test_without_a_sound_device_one_line_tells_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoDevices:
        PortAudioError = RuntimeError

        def query_devices(self, device: object, kind: str) -> None:
            raise ValueError("No input\n device")

    monkeypatch.setitem(sys.modules, "sounddevice", NoDevices())  # type: ignore[arg-type]
    result = run("--record", "--output", "p.toml")
    assert result.exit_code == 2
    assert "no microphone found (No input device)" in result.stderr
    assert not (folder / "p.toml").exists()


def test_the_microphone_is_read_block_by_block_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    from prosody_gate.calibration.sound_device import MicrophoneRecorder

    class Stream:
        def __init__(self, **settings: object) -> None:
            assert settings["samplerate"] == 44_100

        def __enter__(self) -> Stream:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, size: int) -> tuple[Samples, bool]:
            return np.full((size, 1), 2.0, np.float32), False

    class Device:
        PortAudioError = RuntimeError
        InputStream = Stream

        def query_devices(self, device: object, kind: str) -> dict[str, object]:
            return {"name": "USB", "default_samplerate": 44_100.0}

    monkeypatch.setitem(sys.modules, "sounddevice", Device())  # type: ignore[arg-type]
    recorder, blocks = MicrophoneRecorder("USB"), list[Samples]()
    samples = recorder.record(1.0, level=blocks.append)
    assert recorder.sample_rate == 44_100
    assert samples.shape == (20 * 2205,)
    assert samples.max() == 1.0
    assert len(blocks) == 20


FAKE = """
import sys
import numpy as np
import soundfile
from prosody_gate.cli import main
from prosody_gate import calibration

demo, rate = soundfile.read(sys.argv[1], dtype="float32")
user = demo[:, 1]
room = np.random.default_rng(0).normal(0.0, 1e-3, 5 * rate).astype(np.float32)
parts = [room, user, user[6 * rate : 16 * rate], user[24 * rate : 44 * rate]]
if sys.argv[2] == "muted":
    parts[0] = np.zeros(5 * rate, np.float32)

class Recorder:
    def __init__(self, device):
        self.name, self.sample_rate = "USB headset", rate

    def record(self, seconds, *, level):
        samples = parts.pop(0)
        for start in range(0, len(samples), rate // 20):
            level(samples[start : start + rate // 20])
        return samples

calibration.MicrophoneRecorder = Recorder
sys.argv = ["prosody-gate", "calibrate", "--record", *sys.argv[3:]]
main()
"""


def guided(folder: Path, *arguments: str) -> pexpect.spawn:
    script = folder / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    return pexpect.spawn(
        sys.executable, [str(script), str(DEMO), *arguments], cwd=folder, encoding="utf-8", timeout=120
    )


def test_the_guided_dialogue_at_a_terminal_with_a_fake_microphone(tmp_path: Path) -> None:
    terminal = guided(tmp_path, "works", "--output", "p.toml", "--keep", "kept")
    terminal.expect("microphone: USB headset, 16000 Hz")
    for task in ("Say nothing", "Speak as you do in a call", "say mm-hm, yeah", "say stop, wait"):
        terminal.expect(task)
        terminal.expect("Enter begins")
        terminal.sendline("")
    terminal.expect("your room is at -60 dBFS, your voice")
    terminal.expect("backchannels would stop the agent by mistake")
    terminal.expect("stops would stop the agent")
    terminal.expect("written: p.toml")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert Profile.load(tmp_path / "p.toml").microphone.name == "USB headset"
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == ["backchannels.flac", "calibration.jsonl", "room.flac", "speech.flac", "stops.flac"]
    manifest = read_manifest(tmp_path / "kept" / "calibration.jsonl", strict=True)
    assert manifest.kind == "calls"
    assert [item.group for item in manifest.items] == ["backchannels.flac", "stops.flac"]


@pytest.mark.parametrize("kept", ["calibration.jsonl", "room.flac", "stops.flac"])
def test_what_was_kept_before_is_not_written_over(tmp_path: Path, kept: str) -> None:
    (tmp_path / kept).write_text("mine")
    result = run("--record", "--output", str(tmp_path / "p.toml"), "--keep", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"holds a {kept} already; expected a folder without" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [kept]


def test_the_manifest_that_label_writes_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "calls.jsonl").write_text("mine")
    check_keep_folder(tmp_path)
    assert MANIFEST != "calls.jsonl"


def test_without_keep_nothing_but_the_profile_is_left(tmp_path: Path) -> None:
    terminal = guided(tmp_path, "works", "--output", "p.toml")
    for _ in range(4):
        terminal.expect("Enter begins")
        terminal.sendline("")
    terminal.expect("written: p.toml")
    terminal.expect(pexpect.EOF)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.py", "p.toml"]


def test_a_muted_microphone_is_told_after_the_first_step(tmp_path: Path) -> None:
    terminal = guided(tmp_path, "muted", "--output", "p.toml", "--keep", "kept")
    terminal.expect("Enter begins")
    terminal.sendline("")
    terminal.expect("room from USB headset: is digital silence")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.py"]


def test_ctrl_c_in_the_dialogue_leaves_nothing(tmp_path: Path) -> None:
    terminal = guided(tmp_path, "works", "--output", "p.toml", "--keep", "kept")
    terminal.expect("Enter begins")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fake.py"]


def test_the_level_meter_fills_with_the_level_and_tells_clipping() -> None:
    assert meter_text(-100.0, peak=0.0, left=3.0).plain.count("█") == 0
    assert meter_text(-35.0, peak=0.1, left=3.0).plain.count("█") == 20
    assert meter_text(0.0, peak=0.5, left=3.0).plain.count("█") == 40
    assert "too loud: cut off" in meter_text(-3.0, peak=1.0, left=0.0).plain


def test_the_level_meter_draws_nothing_that_stays_where_there_is_no_terminal(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w+", encoding="utf-8") as file:
        with level_meter(Console(file=file), 1.0, RATE) as show:
            show(white(0.1, -20.0))
        file.seek(0)
        assert file.read().strip().count("\n") <= 1

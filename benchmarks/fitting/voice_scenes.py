"""Puts clips into scenes and takes the voice features that a gate would see of them.

Clips differ from set to set in padding, level, noise and band. A classifier learns those before it learns the
voice, so every clip gets the same treatment: a lead-in of noise, a random gain, noise at a random ratio, a random
band and tilt, a small change of speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import librosa
import numpy as np
import numpy.typing as npt
import scipy.signal

from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.evidence import Observation, VoiceFeatures
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.lexicon import Lexicon
from prosody_gate.vad import SileroDetector

RATE = 16_000
LEAD_IN = 1.024
TAIL = 1.2
MAX_FRAMES = 64
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One labelled sound."""

    samples: Samples
    interruption: bool
    group: str
    """Who speaks: the unit of cross-validation."""
    kind: str
    """The set it comes from."""
    text: str = ""


@dataclass(frozen=True)
class Scene:
    """What a gate sees of one clip."""

    features: npt.NDArray[np.float32]
    """[frames, FEATURES] from the lead frames on."""
    lead: int
    """Frames before the onset."""
    interruption: bool
    group: str
    kind: str


class FeatureRecorder:
    """An evidence source that only writes down the voice features of the first overlap."""

    name = "recorder"

    def __init__(self, rows: list[npt.NDArray[np.float32]], leads: list[int]) -> None:
        self._rows = rows
        self._leads = leads

    def reset(self) -> None:
        self._features = VoiceFeatures()
        self._read = 0

    def update(self, observation: Observation) -> float:
        if not self._leads:
            self._leads.append(observation.lead_frames)
        if len(self._leads) == 1 and observation.onset >= 0:
            for frame in observation.frames[self._read :]:
                self._rows.append(self._features.of(frame))
            self._read = max(self._read, len(observation.frames))
        return 0.0


class SceneMaker:
    """Makes audio scenes of clips and takes their features.

    Args:
        noises: Recordings of rooms and appliances.
        seed: Of everything random.
    """

    def __init__(self, noises: Sequence[Samples], *, seed: int) -> None:
        self._noises = [noise / (rms(noise) + 1e-9) for noise in noises]
        self._rng = np.random.default_rng(seed)
        self._detector = SileroDetector()
        self._lexicon = Lexicon()
        self._telephone = scipy.signal.butter(6, [300, 3400], "band", fs=RATE, output="sos")

    def plain(self, clip: Clip) -> Samples:
        """The clip as it is, in faint noise."""
        audio = self._rng.normal(0.0, 2e-4, self._length(clip.samples)).astype(np.float32)
        self._lay(audio, clip.samples)
        return audio

    def varied(self, clip: Clip) -> Samples:
        """The clip with another speed, level, noise, room and band."""
        rng = self._rng
        samples: Samples = librosa.resample(
            clip.samples, orig_sr=RATE, target_sr=int(RATE / rng.uniform(0.88, 1.14)), res_type="soxr_qq"
        )
        if clip.kind.startswith("espeak") and rng.random() < 0.6:
            samples = self._in_a_room(samples)
        loud = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
        samples = samples / (rms(loud) + 1e-9) * 10.0 ** (rng.uniform(-40.0, -14.0) / 20.0)
        level = rms(samples[np.abs(samples) > 0.05 * np.abs(samples).max()])
        ratio_db = rng.uniform(5.0, 20.0) if rng.random() < 0.5 else rng.uniform(20.0, 50.0)
        audio = self._noise(self._length(samples)) * np.float32(level * 10.0 ** (-ratio_db / 20.0))
        self._lay(audio, samples)
        audio = np.clip(audio, -1.0, 1.0).astype(np.float32)
        if rng.random() < 0.25:
            audio = scipy.signal.sosfilt(self._telephone, audio).astype(np.float32)
        elif rng.random() < 0.3:
            audio = scipy.signal.lfilter([1.0, -rng.uniform(0.0, 0.7)], [1.0], audio).astype(np.float32)
        return np.asarray(audio, np.float32)

    def _length(self, samples: Samples) -> int:
        return int((LEAD_IN + TAIL) * RATE) + len(samples)

    @staticmethod
    def _lay(audio: Samples, samples: Samples) -> None:
        start = int(LEAD_IN * RATE)
        audio[start : start + len(samples)] += samples

    def _noise(self, length: int) -> Samples:
        """Noise of RMS 1: a recorded one, or white."""
        rng = self._rng
        if rng.random() < 0.3:
            return rng.normal(0.0, 1.0, length).astype(np.float32)
        noise = self._noises[int(rng.integers(len(self._noises)))]
        start = int(rng.integers(max(1, len(noise) - RATE // 2)))
        noise = np.tile(noise[start:], length // len(noise[start:]) + 1)[:length]
        return (noise / (rms(noise) + 1e-9)).astype(np.float32)

    def _in_a_room(self, samples: Samples) -> Samples:
        rng = self._rng
        time = np.arange(int(RATE * 0.2)) / RATE
        response = rng.normal(0.0, 1.0, len(time)) * np.exp(-time / rng.uniform(0.01, 0.06))
        response[0] += rng.uniform(2.0, 12.0)
        return np.asarray(scipy.signal.fftconvolve(samples, response)[: len(samples)], np.float32)

    def scene(self, clip: Clip, audio: Samples, *, activation: float = 0.5) -> Scene | None:
        """What a gate sees of a clip's audio.

        Args:
            clip: What is in the audio.
            audio: Float32 at 16 kHz, from `plain` or `varied`.
            activation: Speech probability that opens an overlap; lower, so that noises open one at all.

        Returns:
            None when the VAD finds no speech.
        """
        rows: list[npt.NDArray[np.float32]] = []
        leads: list[int] = []
        options = GateOptions(
            activation_threshold=activation,
            deactivation_threshold=min(activation, 0.35),
            confirm_probability=0.999,
            sensitivity=0.0,
            max_hold=MAX_FRAMES * 0.032,
        )
        gate = Gate(options, lexicon=self._lexicon, sources=[FeatureRecorder(rows, leads)])
        gate.agent_started(float("-inf"))
        self._detector.reset()
        decided = False
        for start in range(0, len(audio) - FRAME_SAMPLES, FRAME_SAMPLES):
            frame = audio[start : start + FRAME_SAMPLES]
            probability = self._detector.frame_probability(frame)
            events = gate.push(frame, probability)
            if rows and (len(rows) >= MAX_FRAMES or gate.state.value == "pending" or decided):
                break
            decided = decided or any(event.kind.value == "confirm" for event in events)
        if gate.failure is not None:
            raise gate.failure
        if not rows:
            return None
        return Scene(np.array(rows, np.float32), leads[0], clip.interruption, clip.group, clip.kind)


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0

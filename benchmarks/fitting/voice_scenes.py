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
from prosody_gate.evidence import EMBEDDING_SIZE, LAST_FRAME, Observation, SpeechEmbedding, VoiceInputs
from prosody_gate.gate import Gate, GateEventKind, GateOptions, GateState
from prosody_gate.lexicon import Lexicon
from prosody_gate.vad import SileroDetector

RATE = 16_000
LEAD_IN = 1.024
TAIL = 1.2
MAX_FRAMES = 52
MU = 255.0
DRY_KINDS = ("espeak", "neural")
"""Synthetic voices come without a room."""

NOISY_DB = (-2.0, 12.0)
"""How far the voice is above the noise in a scene that is to be noisy."""

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
    narrow: bool = False
    """Whether it was recorded over a telephone."""


@dataclass(frozen=True)
class Scene:
    """What a gate sees of one clip."""

    features: npt.NDArray[np.float32]
    """[frames, FEATURES] from the lead frames on."""
    embeddings: npt.NDArray[np.float32]
    """[frames, 96]: the newest speech embedding at each frame; zeros before the first."""
    lead: int
    """Frames before the onset."""
    interruption: bool
    group: str
    kind: str


class InputRecorder:
    """An evidence source that only writes down what the voice network would read of the first overlap."""

    name = "recorder"

    def __init__(self) -> None:
        self.features: list[npt.NDArray[np.float32]] = []
        self.embeddings: list[npt.NDArray[np.float32]] = []
        self.lead: int | None = None
        self.onset = 0.0

    def __copy__(self) -> InputRecorder:
        """The gate gives each overlap a copy; all of them write here."""
        return self

    def reset(self) -> None:
        self._inputs = VoiceInputs(SpeechEmbedding())
        self._read = 0

    def update(self, observation: Observation) -> float:
        if self.lead is None:
            self.lead, self.onset = observation.lead_frames, observation.onset
        if observation.onset == self.onset:
            for index in range(self._read, len(observation.frames)):
                features, embedding = self._inputs.of(observation, index)
                self.features.append(features)
                self.embeddings.append(np.zeros(EMBEDDING_SIZE, np.float32) if embedding is None else embedding)
            self._read = max(self._read, len(observation.frames))
        return 0.0

    def scene_of(self, clip: Clip) -> Scene:
        """What was written down of a clip; an overlap must have been seen."""
        assert self.lead is not None
        rows = slice(0, self.lead + LAST_FRAME)
        features, embeddings = np.array(self.features[rows], np.float32), np.array(self.embeddings[rows], np.float32)
        return Scene(features, embeddings, self.lead, clip.interruption, clip.group, clip.kind)


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
        self._telephone = scipy.signal.butter(6, [250, 3400], "band", fs=RATE, output="sos")

    def plain(self, clip: Clip) -> Samples:
        """The clip as it is, in faint noise."""
        audio = self._rng.normal(0.0, 2e-4, self._length(clip.samples)).astype(np.float32)
        self._lay(audio, clip.samples)
        return np.clip(audio, -1.0, 1.0)

    def varied(self, clip: Clip, *, noisy: bool = False, telephone: float = 0.45) -> Samples:
        """The clip with another speed, level, noise, room and band, and now and then clipped.

        Args:
            clip: What to vary.
            noisy: With noise from 12 dB softer than the clip to 2 dB louder; else most scenes are rather quiet.
            telephone: How often a wideband clip is sent through a telephone; clips of telephone calls always are. Both
                labels must come in both bands, else the band tells them apart.
        """
        rng = self._rng
        samples: Samples = librosa.resample(
            clip.samples, orig_sr=RATE, target_sr=int(RATE / rng.uniform(0.88, 1.14)), res_type="soxr_qq"
        )
        if rng.random() < (0.5 if clip.kind in DRY_KINDS else 0.2):
            samples = self._in_a_room(samples)
        loud = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
        samples = samples / (rms(loud) + 1e-9) * 10.0 ** (rng.uniform(-40.0, -14.0) / 20.0)
        level = rms(samples[np.abs(samples) > 0.05 * np.abs(samples).max()])
        if noisy:
            ratio_db = rng.uniform(*NOISY_DB)
        else:
            ratio_db = rng.uniform(5.0, 20.0) if rng.random() < 0.45 else rng.uniform(20.0, 50.0)
        audio = self._noise(self._length(samples)) * np.float32(level * 10.0 ** (-ratio_db / 20.0))
        self._lay(audio, samples)
        if rng.random() < 0.12:
            audio = audio * np.float32(rng.uniform(2.0, 12.0) / (np.abs(audio).max() + 1e-9))
        audio = np.clip(audio, -1.0, 1.0).astype(np.float32)
        if clip.narrow or rng.random() < telephone:
            audio = self._telephoned(audio, filtered=not clip.narrow)
        elif rng.random() < 0.35:
            audio = scipy.signal.lfilter([1.0, -rng.uniform(-0.4, 0.7)], [1.0], audio)
        # Filters and resampling overshoot; a sound card would clip them, too.
        return np.clip(audio, -1.0, 1.0).astype(np.float32)

    def _telephoned(self, audio: Samples, *, filtered: bool) -> Samples:
        """Through the telephone band and 8 kHz, half of the time through G.711 (mu-law) as well."""
        if filtered:
            audio = scipy.signal.sosfilt(self._telephone, audio).astype(np.float32)
        audio = librosa.resample(audio, orig_sr=RATE, target_sr=RATE // 2, res_type="soxr_mq")
        audio = librosa.resample(audio, orig_sr=RATE // 2, target_sr=RATE, res_type="soxr_mq")
        if self._rng.random() < 0.5:
            coded = np.round(np.sign(audio) * np.log1p(MU * np.abs(audio)) / np.log1p(MU) * 127.0) / 127.0
            audio = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU
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

    def scene(
        self, clip: Clip, audio: Samples, *, activation: float = 0.5, earliest_onset: float = 0.0
    ) -> Scene | None:
        """What a gate sees of a clip's audio.

        Args:
            clip: What is in the audio.
            audio: Float32 at 16 kHz, from `plain` or `varied`.
            activation: Speech probability that opens an overlap; lower, so that noises open one at all.
            earliest_onset: Seconds. An overlap that opens before is no example of an interruption: what the VAD takes
                for speech there is noise.

        Returns:
            None when the VAD finds no speech, or finds it too early in an interruption.
        """
        recorder = InputRecorder()
        options = GateOptions(
            activation_threshold=activation,
            deactivation_threshold=min(activation, 0.35),
            confirm_probability=0.999,
            sensitivity=0.0,
            max_hold=MAX_FRAMES * 0.032,
        )
        gate = Gate(options, lexicon=self._lexicon, sources=[recorder])
        gate.agent_started(float("-inf"))
        self._detector.reset()
        for start in range(0, len(audio) - FRAME_SAMPLES, FRAME_SAMPLES):
            frame = audio[start : start + FRAME_SAMPLES]
            events = gate.push(frame, self._detector.frame_probability(frame))
            confirmed = any(event.kind is GateEventKind.CONFIRM for event in events)
            if confirmed or (recorder.lead is not None and gate.state is GateState.PENDING):
                break
        if gate.failure is not None:
            raise gate.failure
        if recorder.lead is None or (clip.interruption and recorder.onset < earliest_onset):
            return None
        return recorder.scene_of(clip)


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0

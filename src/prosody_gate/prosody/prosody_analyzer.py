"""Streaming prosody of one channel, with bounded memory and with its costly part only where it is wanted."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION, FRAME_SAMPLES
from .mel_spectrum import HOP_SAMPLES, MelSpectrum
from .norms import NoiseFloor, SpeakerNorm
from .own_level import OwnLevel, UserTurns
from .pitch_tracker import WINDOW_SAMPLES, PitchTracker


@dataclass(frozen=True, slots=True)
class ProsodyFrame:
    """The measurements of one 32 ms frame."""

    time: float
    """Stream time of the frame's end, in seconds."""
    speech_probability: float
    """The VAD's probability of speech, 0 to 1."""
    level_dbfs: float
    """RMS level relative to a full-scale square wave, in dBFS."""
    noise_floor_dbfs: float
    """The room's level as known at this frame, in dBFS."""
    pitch_hz: float
    """F0 in Hz; NaN in an unvoiced frame."""
    pitch_semitones: float
    """F0 against the user's own norm, in semitones; NaN in an unvoiced frame or while the norm is unknown."""
    pitch_slope: float
    """Slope of F0 over the last 160 ms of voiced frames, in semitones per second; NaN with fewer than three."""
    voicing: float
    """Strength of periodicity, 0 to 1."""
    voiced: bool
    """Whether the frame is voiced: periodic, and above the room."""
    relative_level_db: float
    """Level against the user's own speaking level in this call, in dB; NaN while that is unknown."""
    onset_sharpness: float
    """Largest rise of level between neighbouring 8 ms blocks, in dB."""
    spectral_flatness: float
    """Geometric over arithmetic mean of the mel powers, 0 (a tone) to 1 (noise)."""
    spectral_centroid_hz: float
    """Centre of gravity of the mel powers, in Hz."""
    log_mel: npt.NDArray[np.float32]
    """[2, 24] log-mel spectra in dB, at the middle and the end of the frame."""

    @property
    def snr_db(self) -> float:
        """Level over the noise floor, in dB."""
        return self.level_dbfs - self.noise_floor_dbfs


class Learned(NamedTuple):
    """What an analyzer has learned of room and user, for another one to go on from. Levels in dBFS."""

    noise_floor: float | None
    """None before the first frame."""
    norm: tuple[int, float, int, float]
    """As `SpeakerNorm.learned` has it."""
    turns: UserTurns
    """How loud the user's turns were."""

    def louder(self, gain_db: float) -> Learned:
        """The same from a microphone that is louder by `gain_db`."""
        floor, (frames, level, voiced, octave), (turns, turn, aside) = self
        return Learned(
            None if floor is None else floor + gain_db,
            (frames, level + gain_db if frames else level, voiced, octave),
            UserTurns(
                tuple(one + gain_db for one in turns),
                tuple(one + gain_db for one in turn),
                None if aside is None else aside + gain_db,
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values, which `from_dict` reads."""
        frames, level, voiced, octave = self.norm
        return {
            "noise_floor": None if self.noise_floor is None else round(self.noise_floor, 3),
            "norm": [frames, round(level, 3), voiced, round(octave, 5)],
            "turns": [round(one, 3) for one in self.turns.turns],
            "turn": [round(one, 2) for one in self.turns.turn],
            "set_aside": None if self.turns.set_aside is None else round(self.turns.set_aside, 3),
        }

    @classmethod
    def from_dict(cls, fields: Any) -> Learned:
        """What `to_dict` has made.

        Raises:
            ValueError: It is something else.
        """
        try:
            frames, level, voiced, octave = fields["norm"]
            counts, values = (frames, voiced), (level, octave, *fields["turns"], *fields["turn"])
            unsure = [fields[name] for name in ("noise_floor", "set_aside") if fields[name] is not None]
            if not all(type(one) is int and one >= 0 for one in counts):
                raise ValueError("not a number of frames")
            if not all(type(one) in (int, float) and math.isfinite(one) for one in (*values, *unsure)):
                raise ValueError("not a number")
        except (KeyError, TypeError) as error:
            raise ValueError(f"{error} is missing or of another form") from None
        turns = UserTurns(tuple(fields["turns"]), tuple(fields["turn"]), fields["set_aside"])
        return cls(fields["noise_floor"], (frames, float(level), voiced, float(octave)), turns)


HISTORY_FRAMES: Final = 12
"""Frames kept for the look back at an onset (384 ms)."""

SLOPE_FRAMES: Final = 5
VOICING_THRESHOLD: Final = 0.5
VOICED_SNR_DB: Final = 3.0
SILENCE_DBFS: Final = -100.0
BLOCKS: Final = 4


class ProsodyAnalyzer:
    """Measures frames of the analysis stream.

    `push` does what every frame needs (level, noise floor) and remembers the last frames; `measure` and
    `look_back` do the rest (pitch, spectrum) for the frames of an overlap, so that an idle gate stays cheap.

    Args:
        noise_floor: The room to start from; None learns it.
        speaker_norm: The user to start from; None learns it.
        own_level: What is known of the line's levels; None for nothing. The user's own are learned in the call.
    """

    def __init__(
        self,
        *,
        noise_floor: NoiseFloor | None = None,
        speaker_norm: SpeakerNorm | None = None,
        own_level: OwnLevel | None = None,
    ) -> None:
        self.noise_floor = noise_floor or NoiseFloor()
        self.speaker_norm = speaker_norm or SpeakerNorm()
        self.own_level = own_level or OwnLevel()
        self._mel = MelSpectrum()
        self._pitch = PitchTracker()
        self._audio = np.zeros((HISTORY_FRAMES + 1) * FRAME_SAMPLES, np.float32)
        self._levels: deque[tuple[float, float, float]] = deque(maxlen=HISTORY_FRAMES)
        self._semitones: deque[float] = deque(maxlen=SLOPE_FRAMES)
        self._frames = 0

    def reset(self) -> None:
        """Forget the stream, the room and the user."""
        self.noise_floor.reset()
        self.new_speaker()
        self._audio[:] = 0.0
        self._levels.clear()
        self._semitones.clear()
        self._frames = 0

    def new_speaker(self) -> None:
        """Forget the user alone: somebody else has the microphone."""
        self.speaker_norm.reset()
        self.own_level.reset()

    @property
    def learned(self) -> Learned:
        """What is known of room and user by now."""
        return Learned(self.noise_floor.known_dbfs, self.speaker_norm.learned, self.own_level.learned)

    def recall(self, learned: Learned) -> None:
        """Go on from what another analyzer had learned."""
        self.noise_floor.recall(learned.noise_floor)
        self.speaker_norm.recall(learned.norm)
        self.own_level.recall(learned.turns)

    def push(self, frame: npt.NDArray[np.float32], speech_probability: float) -> float:
        """Take the next frame and give its level.

        Args:
            frame: [512] float32 in [-1, 1].
            speech_probability: The VAD's, 0 to 1.

        Returns:
            The frame's level in dBFS.
        """
        audio = self._audio
        audio[:-FRAME_SAMPLES] = audio[FRAME_SAMPLES:]
        audio[-FRAME_SAMPLES:] = frame
        power = float(frame @ frame) / FRAME_SAMPLES
        level = 10.0 * math.log10(power) if power > 1e-10 else SILENCE_DBFS
        floor = self.noise_floor.update(level, speech_probability)
        self._levels.append((level, floor, speech_probability))
        self._frames += 1
        return level

    @property
    def level_dbfs(self) -> float:
        """Level of the newest frame, in dBFS."""
        return self._levels[-1][0] if self._levels else SILENCE_DBFS

    def pitch_hz(self) -> float:
        """F0 of the newest frame in Hz; NaN when it is unvoiced."""
        level, floor, _ = self._levels[-1]
        pitch = self._pitch.track(self._audio[-WINDOW_SAMPLES:])
        voiced = pitch.strength >= VOICING_THRESHOLD and level > floor + VOICED_SNR_DB
        return pitch.hz if voiced else math.nan

    def learn(self) -> None:
        """Take the newest frame into the user's norms: it is surely the user's own turn."""
        level, floor, _ = self._levels[-1]
        if level < floor + 2.0 * VOICED_SNR_DB:
            return
        pitch = self._pitch.track(self._audio[-WINDOW_SAMPLES:])
        if pitch.strength >= VOICING_THRESHOLD:
            self.speaker_norm.learn(level, pitch.hz)
            self.own_level.learn(level)

    def measure(self) -> ProsodyFrame:
        """All measurements of the newest frame."""
        return self._measure(0)

    def look_back(self, frames: int) -> list[ProsodyFrame]:
        """All measurements of the last `frames` frames, oldest first; fewer where less is remembered."""
        self._semitones.clear()
        count = min(frames, len(self._levels))
        return [self._measure(age) for age in range(count - 1, -1, -1)]

    def recent_audio(self, frames: int) -> npt.NDArray[np.float32]:
        """The samples of the last `frames` frames (at most the history), [frames * 512] float32."""
        return self._audio[-min(frames, HISTORY_FRAMES) * FRAME_SAMPLES :].copy()

    def _measure(self, age: int) -> ProsodyFrame:
        level, floor, probability = self._levels[-1 - age]
        end = len(self._audio) - age * FRAME_SAMPLES
        audio = self._audio[:end]
        pitch = self._pitch.track(audio[-WINDOW_SAMPLES:])
        voiced = pitch.strength >= VOICING_THRESHOLD and level > floor + VOICED_SNR_DB
        semitones = self.speaker_norm.semitones(pitch.hz) if voiced else math.nan
        self._semitones.append(12.0 * math.log2(pitch.hz) if voiced else math.nan)
        log_mel = self._mel.compute(audio[-FRAME_SAMPLES - HOP_SAMPLES :])
        flatness, centroid = self._shape(log_mel[1])
        return ProsodyFrame(
            time=(self._frames - age) * FRAME_DURATION,
            speech_probability=probability,
            level_dbfs=level,
            noise_floor_dbfs=floor,
            pitch_hz=pitch.hz if voiced else math.nan,
            pitch_semitones=semitones,
            pitch_slope=self._slope(),
            voicing=pitch.strength,
            voiced=voiced,
            relative_level_db=self.speaker_norm.relative_level_db(level),
            onset_sharpness=self._sharpness(audio),
            spectral_flatness=flatness,
            spectral_centroid_hz=centroid,
            log_mel=log_mel,
        )

    def _slope(self) -> float:
        """Least-squares slope of the voiced semitones in the last frames."""
        points = [(index, value) for index, value in enumerate(self._semitones) if not math.isnan(value)]
        if len(points) < 3:
            return math.nan
        middle = sum(index for index, _ in points) / len(points)
        spread = sum((index - middle) ** 2 for index, _ in points)
        return sum((index - middle) * value for index, value in points) / spread / FRAME_DURATION

    def _shape(self, log_mel: npt.NDArray[np.float32]) -> tuple[float, float]:
        power = np.power(10.0, log_mel * 0.1)
        total = float(power.sum())
        flatness = 10.0 ** (float(log_mel.mean()) * 0.1) * len(power) / total
        return min(flatness, 1.0), float(power @ self._mel.centres_hz) / total

    def _sharpness(self, audio: npt.NDArray[np.float32]) -> float:
        """Largest rise between the frame's 8 ms blocks and the block before it, in dB."""
        size = FRAME_SAMPLES // BLOCKS
        blocks = audio[-FRAME_SAMPLES - size :].reshape(BLOCKS + 1, size)
        power = np.einsum("ij,ij->i", blocks, blocks) / size + 1e-10
        return float(10.0 * np.log10(power[1:] / power[:-1]).max())

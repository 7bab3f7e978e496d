"""What voice, time and listener have to go by, moment by moment, on clips that a gate hears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.evidence import (
    LAST_FRAME,
    EvidenceWeights,
    Observation,
    PhraseOdds,
    TimeEvidence,
    WordFeatures,
    ignorable_tokens,
    listener_features,
    look_of,
)
from prosody_gate.gate import Gate, GateOptions
from prosody_gate.lexicon import SOUNDS, Lexicon
from prosody_gate.listener import PhonemeListener
from prosody_gate.vad import SileroDetector

from .voice_scenes import Clip, InputRecorder, Samples, Scene

LOOKS = 4
HEARD = 2 * len(SOUNDS)


@dataclass(frozen=True)
class HeardClip:
    """The first overlap of one clip; [moments] each."""

    scene: Scene
    """What the voice network reads."""
    times: npt.NDArray[np.float64]
    """Seconds since the onset."""
    frames: npt.NDArray[np.int64]
    """Frames since the onset that the voice network has read."""
    timing: npt.NDArray[np.float64]
    """What time says, in nats."""
    looks: npt.NDArray[np.int64]
    """Which look of the listener is the newest; -1 before the first."""
    phrases: npt.NDArray[np.float64]
    """The listener's feature "phrases"."""
    interrupt_phrases: npt.NDArray[np.float64]
    """1 where the listener recognises an interrupt phrase, else 0."""
    sounds: npt.NDArray[np.float32]
    """What each look heard, [LOOKS, HEARD]; zeros for a look that was not taken."""


class _Recorder:
    name = "listener recorder"

    def __init__(self, lexicon: Lexicon, weights: EvidenceWeights) -> None:
        self._features = WordFeatures((), ignorable_tokens(lexicon))
        self._odds = PhraseOdds(lexicon, weights.openings)
        self._time = TimeEvidence(lexicon, weights)
        self._onset: float | None = None
        self.rows: list[tuple[float, int, float, int, float, float]] = []
        self.sounds = np.zeros((LOOKS, HEARD), np.float32)

    def __copy__(self) -> _Recorder:
        """The gate gives each overlap a copy; all of them write here."""
        return self

    def reset(self) -> None:
        """Nothing is kept from frame to frame."""

    def update(self, observation: Observation) -> float:
        if self._onset is None:
            self._onset = observation.onset
        if observation.onset == self._onset:
            found = dict(listener_features(observation, self._features, self._odds))
            look, recognised = -1, observation.recognised
            if recognised is not None:
                look = look_of(recognised, observation)
                self.sounds[look] = recognised.heard
            since = min(len(observation.frames) - observation.lead_frames, LAST_FRAME)
            timing = self._time.update(observation)
            phrases, interrupt = found.get("phrases", 0.0), found.get("interrupt phrase", 0.0)
            self.rows.append((observation.time - observation.onset, since, timing, look, phrases, interrupt))
        return 0.0


def hear(clips: Sequence[tuple[Clip, Samples]], lexicon: Lexicon, weights: EvidenceWeights) -> list[HeardClip]:
    """What a gate with its usual options has to go by; clips in which the VAD finds no speech are left out.

    Args:
        clips: Each with its audio, from `SceneMaker.plain` or `varied`.
        lexicon: Phrases that the listener follows.
        weights: Time weights and the odds of the openings.
    """
    listener, detector = PhonemeListener(lexicon), SileroDetector()
    options = GateOptions(confirm_probability=0.999, sensitivity=0.0, max_hold=2.0)
    found = []
    for clip, samples in clips:
        inputs, recorder = InputRecorder(), _Recorder(lexicon, weights)
        gate = Gate(options, lexicon=lexicon, listener=listener, sources=[inputs, recorder])
        gate.agent_started(float("-inf"))
        detector.reset()
        for start in range(0, len(samples) - FRAME_SAMPLES, FRAME_SAMPLES):
            frame = samples[start : start + FRAME_SAMPLES]
            gate.push(frame, detector.frame_probability(frame))
        gate.close()
        if gate.failure is not None:
            raise gate.failure
        if inputs.lead is None or not recorder.rows:
            continue
        columns = np.array(recorder.rows).T
        found.append(
            HeardClip(
                inputs.scene_of(clip),
                times=columns[0],
                frames=columns[1].astype(np.int64),
                timing=columns[2],
                looks=columns[3].astype(np.int64),
                phrases=columns[4],
                interrupt_phrases=columns[5],
                sounds=recorder.sounds,
            )
        )
    return found

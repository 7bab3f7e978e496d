"""What comes before the gate's decisions, kept for all trials: VAD, prosody, voice network, listener."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES, AudioFile, amplified
from ..bench import LEAD_IN, Call, Clip, SceneMaker, SceneOptions
from ..errors import AudioError
from ..evidence import EvidenceSource, EvidenceWeights, VoiceEvidence, default_sources
from ..gate import GateOptions
from ..lexicon import Lexicon
from ..listener import SharedListener
from ..profile import Profile
from ..replay import ALWAYS, Span, read_frames, spans_of_channel
from ..vad import DetectorName, SpeechDetector, create_detector
from .caches import CachedStream, CachedVoice


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """All that no trial changes; it can be pickled."""

    start: GateOptions = field(default_factory=GateOptions)
    """Where the search starts, and what its result is held against."""
    profile: Profile | None = None
    """Where noise floor and speaker norms start from."""
    lexicon: Lexicon = field(default_factory=Lexicon.load)
    """Phrases."""
    listener: bool = True
    """Whether gates listen on the device."""
    vad: DetectorName = "silero"
    """What tells speech."""
    scene: SceneOptions = field(default_factory=SceneOptions)
    """How clips are put into scenes."""


class FrontEnd:
    """Makes the streams of one process; they share its decoder, its detector and the evidence sources.

    Args:
        settings: What no trial changes.

    Raises:
        ModelError: A model is missing or damaged.
    """

    def __init__(self, settings: TuneSettings) -> None:
        self.settings = settings
        weights = EvidenceWeights.load()
        self.voice = CachedVoice(weights)
        self.sources: tuple[EvidenceSource, ...] = tuple(
            self.voice if isinstance(source, VoiceEvidence) else source
            for source in default_sources(settings.lexicon, weights)
        )
        self.decoder: SharedListener | None = None
        if settings.listener:
            from ..listener import PhonemeListener

            self.decoder = SharedListener(lambda: PhonemeListener(settings.lexicon))
        self._gain_db = 0.0 if settings.profile is None else settings.profile.input_gain_db
        self._scenes = SceneMaker(settings.scene)
        self._detector: SpeechDetector = create_detector(settings.vad)

    def stream(self, item: Clip | Call) -> CachedStream:
        """The stream that a gate would get of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        return self._clip(item) if isinstance(item, Clip) else self._call(item)

    def _clip(self, clip: Clip) -> CachedStream:
        scene = amplified(self._scenes.make(clip), self._gain_db)
        count = len(scene) // FRAME_SAMPLES
        frames = scene[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
        return CachedStream(self, frames, self._probabilities(frames), (ALWAYS,), clip.transcripts_at(LEAD_IN))

    def _call(self, call: Call) -> CachedStream:
        with AudioFile(call.audio) as recording:
            for channel in (call.user_channel, call.agent_channel):
                recording.blocks(channel)  # says at once that a channel is not there
            if call.user_channel == call.agent_channel:
                raise AudioError(f"{call.audio}: user_channel and agent_channel are both {call.user_channel}")
            agent: tuple[Span, ...] = call.agent
            if call.agent_channel is not None:
                self._detector.reset()
                agent = spans_of_channel(read_frames(recording, call.agent_channel), self._detector)
            frames = amplified(np.stack(list(read_frames(recording, call.user_channel))), self._gain_db)
        return CachedStream(self, frames, self._probabilities(frames), agent, call.transcripts)

    def _probabilities(self, frames: npt.NDArray[np.float32]) -> list[float]:
        self._detector.reset()
        return [self._detector.frame_probability(frame) for frame in frames]

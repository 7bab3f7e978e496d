"""What comes before the gate's decisions, kept for all trials: VAD, prosody, voice network, listener."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_SAMPLES, AudioFile, amplified
from ..bench import Call, Clip, SceneMaker
from ..bench.scene import LEAD_IN
from ..errors import AudioError
from ..evidence import EvidenceSource, EvidenceWeights, VoiceEvidence, default_sources
from ..gate import Transcript
from ..listener.remembered_listener import SharedDecoder
from ..replay import Span, read_frames, spans_of_channel
from ..replay.replay import ALWAYS
from ..vad import SpeechDetector, create_detector
from .remembered_stream import RememberedStream
from .remembered_voice import RememberedVoice
from .tune_settings import TuneSettings


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
        self.voice = RememberedVoice(weights)
        self.sources: tuple[EvidenceSource, ...] = tuple(
            self.voice if isinstance(source, VoiceEvidence) else source
            for source in default_sources(settings.lexicon, weights)
        )
        self.decoder: SharedDecoder | None = None
        if settings.listener:
            from ..listener import PocketSphinxListener  # its model takes a while to load

            self.decoder = SharedDecoder(PocketSphinxListener)
        self._scenes = SceneMaker(settings.scene)
        self._detector: SpeechDetector = create_detector(settings.vad)

    def stream(self, item: Clip | Call) -> RememberedStream:
        """The stream that a gate would get of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        return self._clip(item) if isinstance(item, Clip) else self._call(item)

    def _clip(self, clip: Clip) -> RememberedStream:
        scene = self._scenes.make(clip)
        count = len(scene) // FRAME_SAMPLES
        frames = scene[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
        transcripts = tuple(_moved(transcript, LEAD_IN - clip.start) for transcript in clip.transcripts)
        return RememberedStream(self, frames, self._probabilities(frames), (ALWAYS,), transcripts)

    def _call(self, call: Call) -> RememberedStream:
        with AudioFile(call.audio) as recording:
            for channel in (call.user_channel, call.agent_channel):
                recording.blocks(channel)  # says at once that a channel is not there
            if call.user_channel == call.agent_channel:
                raise AudioError(f"{call.audio}: user_channel and agent_channel are both {call.user_channel}")
            agent: tuple[Span, ...] = call.agent
            if call.agent_channel is not None:
                self._detector.reset()
                agent = spans_of_channel(read_frames(recording, call.agent_channel), self._detector)
            frames = np.stack(list(read_frames(recording, call.user_channel)))
        return RememberedStream(self, frames, self._probabilities(frames), agent, call.transcripts)

    def _probabilities(self, frames: npt.NDArray[np.float32]) -> list[float]:
        profile = self.settings.profile
        gain_db = 0.0 if profile is None else profile.vad_gain_db
        self._detector.reset()
        return [self._detector.frame_probability(amplified(frame, gain_db)) for frame in frames]


def _moved(transcript: Transcript, by: float) -> Transcript:
    return Transcript(
        at=transcript.at + by,
        text=transcript.text,
        final=transcript.final,
        start=None if transcript.start is None else transcript.start + by,
        end=None if transcript.end is None else transcript.end + by,
    )

"""What comes before the gate's decisions, kept for all trials: VAD, prosody, voice network, listener."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bench import Call, Clip, ItemStreamReader, SceneOptions
from ..evidence import EvidenceSource, EvidenceWeights, VoiceEvidence, default_sources
from ..gate import GateOptions
from ..lexicon import Lexicon
from ..listener import SharedListener
from ..profile import Profile
from ..vad import DetectorName
from .caches import CachedStream, CachedVoice


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """All that no trial changes; it can be pickled."""

    start: GateOptions = field(default_factory=GateOptions)
    """Where the search starts, and what its result is compared with."""
    profile: Profile | None = None
    """Where noise floor and speaker norms start from."""
    lexicon: Lexicon = field(default_factory=Lexicon.load)
    """Phrases."""
    listener: bool = True
    """Whether gates listen on the device."""
    vad: DetectorName = "silero"
    """What finds speech."""
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
            from ..listener import PocketSphinxListener

            self.decoder = SharedListener(PocketSphinxListener)
        self._reader = ItemStreamReader(
            settings.start,
            vad=settings.vad,
            input_gain_db=0.0 if settings.profile is None else settings.profile.input_gain_db,
            scene=settings.scene,
        )

    def stream(self, item: Clip | Call) -> CachedStream:
        """The stream that a gate would get of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        return CachedStream(self, self._reader.read(item))

"""What comes before the gate's decisions, kept for all trials: VAD, prosody, voice network, listener."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bench import Call, Clip, ItemStreamReader, SceneOptions
from ..evidence import EvidenceSource, EvidenceWeights, VoiceEvidence, default_sources
from ..gate import GateOptions
from ..gate_factory import GateFactory
from ..listener import SharedListener
from ..vad import DetectorName
from .caches import CachedStream, CachedVoice


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """All that no trial changes; it can be pickled."""

    gates: GateFactory = field(default_factory=GateFactory)
    """Phrases, profile and listener of all gates; the search starts from its options, and its result is compared with
    those."""
    vad: DetectorName = "silero"
    """What finds speech."""
    scene: SceneOptions = field(default_factory=SceneOptions)
    """How clips are put into scenes."""

    @property
    def start(self) -> GateOptions:
        """The options that the search starts from."""
        return self.gates.options


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
            for source in default_sources(settings.gates.lexicon, weights)
        )
        listener = settings.gates.make_listener()
        self.decoder = None if listener is None else SharedListener(lambda: listener)
        self._reader = ItemStreamReader(
            settings.start,
            vad=settings.vad,
            input_gain_db=settings.gates.input_gain_db,
            scene=settings.scene,
        )

    def stream(self, item: Clip | Call) -> CachedStream:
        """The stream that a gate would get of one item.

        Raises:
            AudioError: Its recording cannot be used.
        """
        return CachedStream(self, self._reader.read(item))

"""What a search is run with, besides the recordings."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bench import SceneOptions
from ..gate import GateOptions
from ..lexicon import Lexicon
from ..profile import Profile
from ..vad import DetectorName


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

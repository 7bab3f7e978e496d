"""How the user's channel sounds, frame by frame: level, noise floor, pitch, spectrum."""

from .mel_spectrum import MEL_BANDS, MelSpectrum
from .norms import NoiseFloor, SpeakerNorm
from .own_level import STEADY_DB, STEADY_TURNS, OwnLevel, UserTurns, loud_level
from .pitch_tracker import Pitch, PitchTracker
from .prosody_analyzer import HISTORY_FRAMES, Learned, ProsodyAnalyzer, ProsodyFrame

__all__ = [
    "HISTORY_FRAMES",
    "MEL_BANDS",
    "STEADY_DB",
    "STEADY_TURNS",
    "Learned",
    "MelSpectrum",
    "NoiseFloor",
    "OwnLevel",
    "Pitch",
    "PitchTracker",
    "ProsodyAnalyzer",
    "ProsodyFrame",
    "SpeakerNorm",
    "UserTurns",
    "loud_level",
]

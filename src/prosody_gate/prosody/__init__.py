"""How the user's channel sounds, frame by frame: level, noise floor, pitch, spectrum."""

from .mel_spectrum import MEL_BANDS, MelSpectrum
from .norms import NoiseFloor, SpeakerNorm
from .own_level import STEADY_DB, STEADY_TURNS, OwnLevel, loud_level
from .pitch_tracker import Pitch, PitchTracker
from .prosody_analyzer import HISTORY_FRAMES, ProsodyAnalyzer, ProsodyFrame

__all__ = [
    "HISTORY_FRAMES",
    "MEL_BANDS",
    "STEADY_DB",
    "STEADY_TURNS",
    "MelSpectrum",
    "NoiseFloor",
    "OwnLevel",
    "Pitch",
    "PitchTracker",
    "ProsodyAnalyzer",
    "ProsodyFrame",
    "SpeakerNorm",
    "loud_level",
]

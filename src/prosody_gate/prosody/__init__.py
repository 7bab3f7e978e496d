"""How the user's channel sounds, frame by frame: level, noise floor, pitch, spectrum."""

from .mel_spectrum import MEL_BANDS, MelSpectrum
from .norms import NoiseFloor, SpeakerNorm
from .pitch_tracker import Pitch, PitchTracker
from .prosody_analyzer import HISTORY_FRAMES, ProsodyAnalyzer, ProsodyFrame

__all__ = [
    "HISTORY_FRAMES",
    "MEL_BANDS",
    "MelSpectrum",
    "NoiseFloor",
    "Pitch",
    "PitchTracker",
    "ProsodyAnalyzer",
    "ProsodyFrame",
    "SpeakerNorm",
]

"""How the user's channel sounds, frame by frame: level, noise floor, pitch, spectrum."""

from .mel_spectrum import MEL_BANDS, MelSpectrum
from .noise_floor import NoiseFloor
from .pitch_tracker import Pitch, PitchTracker
from .prosody_analyzer import ProsodyAnalyzer
from .prosody_frame import ProsodyFrame
from .speaker_norm import SpeakerNorm

__all__ = [
    "MEL_BANDS",
    "MelSpectrum",
    "NoiseFloor",
    "Pitch",
    "PitchTracker",
    "ProsodyAnalyzer",
    "ProsodyFrame",
    "SpeakerNorm",
]

"""Audio in: PCM of any usual form, resampling, frames, recordings."""

from .audio_file import AudioFile
from .framer import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE, Framer
from .pcm import amplified, clipped_fraction, to_float32
from .resampler import Resampler, check_rate

__all__ = [
    "FRAME_DURATION",
    "FRAME_SAMPLES",
    "SAMPLE_RATE",
    "AudioFile",
    "Framer",
    "Resampler",
    "amplified",
    "check_rate",
    "clipped_fraction",
    "to_float32",
]

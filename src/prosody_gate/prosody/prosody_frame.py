"""What one analysis frame sounds like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ProsodyFrame:
    """The measurements of one 32 ms frame."""

    time: float
    """Stream time of the frame's end, in seconds."""
    speech_probability: float
    """The VAD's probability of speech, 0 to 1."""
    level_dbfs: float
    """RMS level relative to a full-scale square wave, in dBFS."""
    noise_floor_dbfs: float
    """The room's level as known at this frame, in dBFS."""
    pitch_hz: float
    """F0 in Hz; NaN in an unvoiced frame."""
    pitch_semitones: float
    """F0 against the user's own norm, in semitones; NaN in an unvoiced frame or while the norm is unknown."""
    pitch_slope: float
    """Slope of F0 over the last 160 ms of voiced frames, in semitones per second; NaN with fewer than three."""
    voicing: float
    """Strength of periodicity, 0 to 1."""
    voiced: bool
    """Whether the frame is voiced: periodic, and above the room."""
    relative_level_db: float
    """Level against the user's own speaking level in this call, in dB; NaN while that is unknown."""
    onset_sharpness: float
    """Largest rise of level between neighbouring 8 ms blocks, in dB."""
    spectral_flatness: float
    """Geometric over arithmetic mean of the mel powers, 0 (a tone) to 1 (noise)."""
    spectral_centroid_hz: float
    """Centre of gravity of the mel powers, in Hz."""
    log_mel: npt.NDArray[np.float32]
    """[2, 24] log-mel spectra in dB, at the middle and the end of the frame."""

    @property
    def snr_db(self) -> float:
        """Level over the noise floor, in dB."""
        return self.level_dbfs - self.noise_floor_dbfs

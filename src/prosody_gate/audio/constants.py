"""The one analysis format that every part above this layer works in."""

from typing import Final

SAMPLE_RATE: Final = 16_000
"""Samples per second of the analysis stream."""

FRAME_SAMPLES: Final = 512
"""Samples in one analysis frame: the window of the Silero VAD at 16 kHz."""

FRAME_DURATION: Final = FRAME_SAMPLES / SAMPLE_RATE
"""Duration of one analysis frame, in seconds (0.032)."""

"""Reads a channel once before the long run, so that what is wrong with it is told first."""

from __future__ import annotations

from typing import Final

from ..audio import AudioFile, clipped_fraction

CLIPPED_SHARE: Final = 0.001
"""Share of clipped samples from which levels and spectra are no longer to be trusted."""


def check_recording(recording: AudioFile, channel: int) -> str | None:
    """Check that a channel can be read to its end, and how much of it was clipped.

    Args:
        recording: The open recording.
        channel: From 0.

    Returns:
        A warning of one line when more than 0.1 % of the samples are clipped, else None.

    Raises:
        AudioError: The channel is damaged, cut short, or holds a sample that is not a finite number.
    """
    clipped = 0.0
    samples = 0
    for block in recording.blocks(channel):
        clipped += clipped_fraction(block) * block.size
        samples += block.size
    share = clipped / samples
    if share <= CLIPPED_SHARE:
        return None
    return (
        f"{recording.path}: {100.0 * share:.1f} % of channel {channel} is clipped; "
        "expected under 0.1 %: turn the microphone down"
    )

"""Chooses the VAD options that a microphone and its room need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..audio import FRAME_DURATION
from ..gate import GateOptions

LOWER: Final = (0.45, 0.4, 0.35, 0.3)
HIGHER: Final = (0.6, 0.7, 0.8)
"""Thresholds to try, the nearest to the default first."""

HEARD: Final = 0.9
"""Share of the loud voiced frames that must be speech to the VAD."""

LONGEST_IN_ROOM: Final = 4
"""Frames (0.13 s) of speech in an empty room that a longer `min_speech_duration` may put up with; beyond that it would
keep words out."""

DEACTIVATION_RATIO: Final = 0.7
"""Of the two thresholds in the defaults."""


@dataclass(frozen=True)
class VadChoice:
    """Options, and why."""

    options: Mapping[str, float]
    """Fields of `GateOptions` that should differ from the defaults."""
    reasons: tuple[str, ...]
    """One plain sentence for each change, and for what no option mends."""


def choose_vad_options(room: npt.NDArray[np.float64], voice: npt.NDArray[np.float64]) -> VadChoice:
    """Move a threshold only where the default fails here.

    Args:
        room: Speech probabilities of frames in which nobody speaks, in order, shape [n].
        voice: Those of the loud voiced frames of speech, shape [m].
    """
    defaults = GateOptions()
    usual = defaults.activation_threshold
    heard = _share(voice, usual)
    if heard < HEARD:
        fitting = [threshold for threshold in LOWER if _longest_run(room, threshold) <= LONGEST_IN_ROOM]
        reached = [threshold for threshold in fitting if _share(voice, threshold) >= HEARD]
        threshold = next(iter(reached), min(fitting, default=usual))
        if threshold < usual:
            options = {
                "activation_threshold": threshold,
                "deactivation_threshold": round(DEACTIVATION_RATIO * threshold, 3),
            }
            after = _share(voice, threshold)
            reason = (
                f"the VAD takes only {100 * heard:.0f} % of your voice for speech here: activation_threshold "
                f"{threshold:g} instead of {usual:g} makes it {100 * after:.0f} %"
            )
            return VadChoice(options, (reason,))
        return VadChoice({}, (f"the VAD takes only {100 * heard:.0f} % of your voice for speech here",))
    run = _longest_run(room, usual)
    if run < round(defaults.min_speech_duration / FRAME_DURATION):
        return VadChoice({}, ())
    if run <= LONGEST_IN_ROOM:
        duration = round((run + 1) * FRAME_DURATION, 3)
        return VadChoice(
            {"min_speech_duration": duration},
            (
                f"your room sounds like speech for up to {run * FRAME_DURATION:.2f} s at a time: min_speech_duration "
                f"{duration:g} instead of {defaults.min_speech_duration:g} leaves that out",
            ),
        )
    for threshold in HIGHER:
        if _longest_run(room, threshold) <= 1 and _share(voice, threshold) >= HEARD:
            return VadChoice(
                {"activation_threshold": threshold},
                (
                    f"your room sounds like speech for up to {run * FRAME_DURATION:.2f} s at a time: "
                    f"activation_threshold {threshold:g} instead of {usual:g} leaves that out",
                ),
            )
    return VadChoice(
        {},
        (
            f"your room sounds like speech for up to {run * FRAME_DURATION:.2f} s at a time: is somebody talking, "
            "or a radio on?",
        ),
    )


def _share(probabilities: npt.NDArray[np.float64], threshold: float) -> float:
    return float(np.mean(probabilities >= threshold))


def _longest_run(probabilities: npt.NDArray[np.float64], threshold: float) -> int:
    """The most frames in a row that reach a threshold."""
    longest = run = 0
    for probability in probabilities:
        run = run + 1 if probability >= threshold else 0
        longest = max(longest, run)
    return longest

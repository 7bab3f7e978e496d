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

ACCEPTED: Final = 0.9
"""Share of the loud voiced frames that must be speech to the VAD."""

LEAST_GROWTH: Final = 0.01
"""Share of the voice that a lower threshold must bring in: lowered for nothing, it lets in the room alone."""

LONGEST_IN_ROOM: Final = 4
"""Frames (0.13 s) of speech in an empty room that a longer `min_speech_duration` may leave out; beyond that it would
keep words out."""

DEACTIVATION_RATIO: Final = 0.7
"""Of the two thresholds in the defaults."""


@dataclass(frozen=True)
class VadChoice:
    """Options, and why."""

    options: Mapping[str, float]
    """Fields of `GateOptions` that should differ from the defaults."""
    reasons: tuple[str, ...]
    """One plain sentence for each change, and for what no option can help."""

    @property
    def activation_threshold(self) -> float:
        """Speech probability from which the VAD takes a frame for speech with these options."""
        return self.options.get("activation_threshold", GateOptions().activation_threshold)


def choose_vad_options(room: npt.NDArray[np.float64], voice: npt.NDArray[np.float64]) -> VadChoice:
    """Move a threshold only where the default fails here.

    Args:
        room: Speech probabilities of frames in which nobody speaks, in order, shape [n].
        voice: Those of the loud voiced frames of speech, shape [m].
    """
    defaults = GateOptions()
    usual = defaults.activation_threshold
    options: dict[str, float] = {}
    reasons = []
    threshold, accepted = usual, _share(voice, usual)
    if accepted < ACCEPTED:
        threshold = _lower(room, voice, usual)
        reason = f"the VAD accepts only {100 * accepted:.0f} % of your voice as speech here"
        if threshold < usual:
            options["activation_threshold"] = threshold
            options["deactivation_threshold"] = round(DEACTIVATION_RATIO * threshold, 3)
            after = _share(voice, threshold)
            reason += f": activation_threshold {threshold:g} instead of {usual:g} makes it {100 * after:.0f} %"
        reasons.append(reason)
    run = _longest_run(room, threshold)
    if run < round(defaults.min_speech_duration / FRAME_DURATION):
        return VadChoice(options, tuple(reasons))
    sounds = f"your room sounds like speech for up to {run * FRAME_DURATION:.2f} s at a time: "
    if run <= LONGEST_IN_ROOM:
        options["min_speech_duration"] = duration = round((run + 1) * FRAME_DURATION, 3)
        reasons.append(
            f"{sounds}min_speech_duration {duration:g} instead of {defaults.min_speech_duration:g} leaves that out"
        )
        return VadChoice(options, tuple(reasons))
    for higher in HIGHER:
        if _longest_run(room, higher) <= 1 and _share(voice, higher) >= ACCEPTED:
            options["activation_threshold"] = higher
            reasons.append(f"{sounds}activation_threshold {higher:g} instead of {usual:g} leaves that out")
            return VadChoice(options, tuple(reasons))
    return VadChoice(options, (*reasons, f"{sounds}is somebody talking, or a radio on?"))


def _lower(room: npt.NDArray[np.float64], voice: npt.NDArray[np.float64], usual: float) -> float:
    """The threshold that lets enough of the voice through, or else the last that let more of it through."""
    chosen, accepted = usual, _share(voice, usual)
    for threshold in LOWER:
        if _longest_run(room, threshold) > LONGEST_IN_ROOM:
            break
        share = _share(voice, threshold)
        if share >= accepted + LEAST_GROWTH:
            chosen, accepted = threshold, share
        if accepted >= ACCEPTED:
            break
    return chosen


def _share(probabilities: npt.NDArray[np.float64], threshold: float) -> float:
    return float(np.mean(probabilities >= threshold))


def _longest_run(probabilities: npt.NDArray[np.float64], threshold: float) -> int:
    """The most frames in a row that reach a threshold."""
    longest = run = 0
    for probability in probabilities:
        run = run + 1 if probability >= threshold else 0
        longest = max(longest, run)
    return longest

"""What a search may change, and in what steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..audio import FRAME_DURATION
from ..errors import OptionError
from ..gate import GateOptions, Tunable

if TYPE_CHECKING:
    from optuna.trial import Trial

SAME_THRESHOLD: Final = frozenset({"sensitivity", "prior"})
"""Both move the threshold of the evidence, as `confirm_probability` does: left out unless they are asked for, for one
number under three names is searched three times. Sensitivity stays the user's own knob."""

FRAME_STEPS: Final = {"min_speech_duration": 1, "min_silence_duration": 2}
"""Searched in steps of so many frames. The VAD's decisions come once a frame: what lies between makes no difference.
Where speech ends is less critical than where it begins, and each value costs the listener another pass."""

DIGITS: Final = 2
"""Decimals of all others: no recording supports more."""


@dataclass(frozen=True)
class SearchSpace:
    """The options that are searched, around those of a start."""

    start: GateOptions
    """What is not searched stays as it is here."""
    tunables: tuple[Tunable, ...]
    """What is searched, and how far."""

    @classmethod
    def of(cls, start: GateOptions, names: Sequence[str] = ()) -> SearchSpace:
        """The space of some options.

        Args:
            start: All others.
            names: What to search; all that `GateOptions` declares tunable, less `SAME_THRESHOLD`, when empty.

        Raises:
            OptionError: A name is not that of a tunable option.
        """
        declared = {tunable.name: tunable for tunable in GateOptions.tunable()}
        for name in names:
            if name not in declared:
                raise OptionError(f"--search {name}: cannot be tuned; expected one of {', '.join(declared)}")
        wanted = names or [name for name in declared if name not in SAME_THRESHOLD]
        return cls(start, tuple(tunable for tunable in declared.values() if tunable.name in wanted))

    def options(self, values: Mapping[str, float]) -> GateOptions:
        """All options, with some of them set."""
        fields = dict(values)
        activation = fields.get("activation_threshold", self.start.activation_threshold)
        if self.start.deactivation_threshold > activation:
            fields["deactivation_threshold"] = activation
        return self.start.replace(**fields)

    def suggest(self, trial: Trial) -> GateOptions:
        """The options that Optuna wants to try next."""
        values = {}
        for name, low, high in self.tunables:
            if name in FRAME_STEPS:
                fewest, most = _in_frames(name, low, high)
                frames = trial.suggest_int(name, fewest, most, step=FRAME_STEPS[name])
                values[name] = round(frames * FRAME_DURATION, 3)
            else:
                values[name] = round(trial.suggest_float(name, low, high), DIGITS)
        return self.options(values)

    def at_start(self) -> dict[str, float]:
        """The start as Optuna's own values, within the bounds of the search."""
        values: dict[str, float] = {}
        for name, low, high in self.tunables:
            value = min(max(float(getattr(self.start, name)), low), high)
            if name in FRAME_STEPS:
                fewest, most = _in_frames(name, low, high)
                step = FRAME_STEPS[name]
                frames = min(max(math.ceil(value / FRAME_DURATION - 1e-9), fewest), most)
                values[name] = fewest + (frames - fewest) // step * step
            else:
                values[name] = value
        return values


def with_evidence(options: GateOptions, nats: float) -> GateOptions:
    """The options with so much more evidence for an interruption, which is a threshold that much lower."""
    return options.replace(prior=min(max(options.prior + nats, -5.0), 5.0))


def loosest(start: GateOptions) -> GateOptions:
    """The options of a search that find the most speech, the earliest."""
    bounds = {tunable.name: tunable.low for tunable in GateOptions.tunable()}
    threshold = min(bounds.get("activation_threshold", 1.0), start.activation_threshold)
    return start.replace(
        activation_threshold=threshold,
        deactivation_threshold=min(start.deactivation_threshold, threshold),
        min_speech_duration=min(bounds.get("min_speech_duration", 1.0), start.min_speech_duration),
    )


def _in_frames(name: str, low: float, high: float) -> tuple[int, int]:
    """The least and the largest number of frames within a range of seconds, whole steps apart."""
    fewest, most = max(1, math.ceil(low / FRAME_DURATION - 1e-9)), math.floor(high / FRAME_DURATION + 1e-9)
    return fewest, most - (most - fewest) % FRAME_STEPS[name]

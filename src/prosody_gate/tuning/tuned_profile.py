"""Makes a profile of what a search found."""

from __future__ import annotations

import datetime
from types import MappingProxyType

from ..bench import SystemScore
from ..gate import GateOptions
from ..profile import Microphone, Profile
from ..profile.newer_version import installed_version


def tuned_profile(
    options: GateOptions, *, start: Profile | None, name: str, source: str, expected: SystemScore
) -> Profile:
    """A profile with some options.

    Args:
        options: All of them; those that differ from the defaults are kept.
        start: Whose microphone it is; None for one of which nothing is known but its name.
        name: Of the microphone, where `start` is None.
        source: The recordings.
        expected: What to expect on new recordings.
    """
    defaults = GateOptions().model_dump()
    return Profile(
        microphone=Microphone(name=name) if start is None else start.microphone,
        gate=MappingProxyType({key: value for key, value in options.model_dump().items() if value != defaults[key]}),
        provenance=MappingProxyType(
            {
                "created": today(),
                "source": source,
                "version": installed_version(),
                "score": held_out_sentence(expected),
            }
        ),
    )


def held_out_sentence(score: SystemScore) -> str:
    """The score in words."""
    caught, false = score.caught.value, score.false_interruptions.value
    latency = "" if score.latency is None else f", {1000.0 * score.latency.p50.value:.0f} ms (median)"
    return f"held out: {100.0 * (caught or 0.0):.1f} % caught, {100.0 * (false or 0.0):.1f} % false{latency}"


def today() -> str:
    """The date, as provenance has it."""
    return datetime.date.today().isoformat()

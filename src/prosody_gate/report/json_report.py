"""A replay for machines, and summed up in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from ..gate import GateEventKind, GateOptions
from ..replay import ReplayResult


@dataclass(frozen=True, slots=True)
class Summary:
    """How many overlaps there were and what became of them."""

    confirmed: int
    """Overlaps that stopped the agent."""
    cancelled: int
    """Overlaps that the agent never noticed."""
    released: int
    """Overlaps that the agent's own end handed to the user."""
    median_confirm_latency: float | None
    """From onset to confirm, in seconds; None when nothing was confirmed."""
    agent_speech: float
    """How long the agent spoke, in seconds."""

    @classmethod
    def of(cls, result: ReplayResult) -> Summary:
        """Count the decisions of one replay."""
        kinds = [event.kind for event in result.decisions]
        latencies = [event.latency for event in result.decisions if event.kind is GateEventKind.CONFIRM]
        return cls(
            confirmed=kinds.count(GateEventKind.CONFIRM),
            cancelled=kinds.count(GateEventKind.CANCEL),
            released=kinds.count(GateEventKind.RELEASE),
            median_confirm_latency=median(latencies) if latencies else None,
            agent_speech=sum(span.end - span.start for span in result.agent),
        )

    @property
    def overlaps(self) -> int:
        """All of them."""
        return self.confirmed + self.cancelled + self.released

    @property
    def sentence(self) -> str:
        """The summary in words: what was decided, or why nothing was."""
        if self.overlaps == 0:
            return self._why_nothing
        latency = self.median_confirm_latency
        delay = "" if latency is None else f" (median {1000.0 * latency:.0f} ms)"
        noun = "overlap" if self.overlaps == 1 else "overlaps"
        return (
            f"{self.overlaps} {noun}: {self.confirmed} confirmed{delay}, {self.cancelled} cancelled, "
            f"{self.released} released"
        )

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-ready values, times rounded to a millisecond."""
        latency = self.median_confirm_latency
        return {
            "overlaps": self.overlaps,
            "confirmed": self.confirmed,
            "cancelled": self.cancelled,
            "released": self.released,
            "median_confirm_latency": None if latency is None else round(latency, 3),
            "agent_speech": round(self.agent_speech, 3),
        }

    @property
    def _why_nothing(self) -> str:
        if self.agent_speech == 0.0:
            return (
                "Nothing was held: the agent is silent throughout, so all that the user says passes. "
                "Is the agent's channel, or when it speaks, given rightly?"
            )
        return (
            f"Nothing was held: no speech of the user began in the {self.agent_speech:.1f} s that the agent "
            "spoke. Is the user's channel given rightly?"
        )


def to_json(
    result: ReplayResult,
    *,
    recording: str | os.PathLike[str],
    options: GateOptions,
    setup: Mapping[str, Any] | None = None,
) -> str:
    """Put a replay into JSON with keys in a fixed order.

    Args:
        result: What the gate did.
        recording: Of what; only the file's name is kept, not its folder.
        options: The options in force.
        setup: What else decided the result (VAD, listener, languages, channels), as JSON-ready values.

    Returns:
        One JSON object, indented, with a newline at its end.
    """
    report = {
        "prosody_gate": version("prosody-gate"),
        "recording": Path(recording).name,
        "duration": round(result.duration, 3),
        **({} if result.part is None else {"part": [round(time, 3) for time in result.part]}),
        "setup": dict(setup or {}),
        "options": options.model_dump(),
        "agent": [[round(span.start, 3), round(span.end, 3)] for span in result.agent],
        "events": [event.to_dict() for event in result.events],
        "summary": Summary.of(result).to_dict(),
    }
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

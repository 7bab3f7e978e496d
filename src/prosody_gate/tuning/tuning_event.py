"""One labelled event of the recordings, as a search sees it."""

from __future__ import annotations

from dataclasses import dataclass

from ..bench.labels import INTERRUPTION


@dataclass(frozen=True)
class TuningEvent:
    """What is fixed about an event, whatever the options."""

    name: str
    """Which event."""
    line: int
    """Its line in the manifest."""
    label: str
    """What it is."""
    set: str
    """The part of the collection it belongs to."""
    group: str
    """Who speaks, or the recording: what cross-validation keeps together."""
    onset: float | None
    """Zero of its latencies, in seconds of the stream: where the starting options, or else the loosest ones, hear its
    first speech. It must not move with the options: a later onset would pass for a faster decision."""

    @property
    def is_interruption(self) -> bool:
        """Whether it is to be confirmed."""
        return self.label == INTERRUPTION

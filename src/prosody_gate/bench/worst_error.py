"""The worst errors of a benchmark one by one: why the gate decided so, and a picture of each."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import soundfile

from ..audio import SAMPLE_RATE
from ..gate_factory import GateFactory
from ..replay import ReplayResult, Span
from ..report import plot_timeline
from .evaluator import GATE, BenchSettings, ItemGates
from .items import INTERRUPTION, Item
from .outcome import Outcome, Verdict
from .system_score import is_right

BEFORE, AFTER = 2.0, 3.0
"""Seconds of a call that its picture shows before the onset and after the decision."""

LEAST_SHARE: Final = 0.005
"""Nats from which a share is not 0 as printed."""


@dataclass(frozen=True)
class WorstError:
    """One event that the gate decided wrongly."""

    outcome: Outcome
    """The event, with all verdicts."""

    @property
    def verdict(self) -> Verdict:
        """The gate's."""
        return self.outcome.verdicts[GATE]

    @property
    def kind(self) -> str:
        """`missed`, for an interruption that was not caught, or `false interruption`."""
        return "missed" if self.outcome.label == INTERRUPTION else "false interruption"

    @property
    def certainty(self) -> float:
        """Probability that the gate gave to what was wrong, 0 to 1; 0 where it had nothing to decide about."""
        probability = self.verdict.probability
        if probability is None:
            return 0.0
        return 1.0 - probability if self.outcome.label == INTERRUPTION else probability

    @property
    def sentence(self) -> str:
        """What happened, with the latency from the onset."""
        verdict, reason = self.verdict, self.verdict.reason.replace("_", " ")
        if self.outcome.onset is None:
            return f"{self.kind}: the VAD found no speech"
        if verdict.confirmed is not None:
            only = "only " if self.outcome.label == INTERRUPTION else ""
            return f"{self.kind}: confirmed {only}after {1000.0 * verdict.confirmed:.0f} ms ({reason})"
        if verdict.decided is not None:
            return f"{self.kind}: cancelled after {1000.0 * verdict.decided:.0f} ms ({reason})"
        return f"{self.kind}: neither confirmed nor cancelled" + (f" ({reason})" if reason else "")

    @property
    def evidence(self) -> str:
        """Each source's share in nats, the largest first; sources without a share are left out."""
        shares = sorted(self.verdict.evidence.items(), key=lambda item: -abs(item[1]))
        return ", ".join(f"{name} {nats:+.2f}" for name, nats in shares if abs(nats) >= LEAST_SHARE) or "none"

    def to_dict(self) -> dict[str, Any]:
        """The event and the gate's verdict as JSON-ready values."""
        return {"error": self.kind, **self.outcome.to_dict(GATE)}


def worst_errors(outcomes: Sequence[Outcome], count: int) -> tuple[WorstError, ...]:
    """The errors of the gate, those that it was most certain about first.

    Interruptions in which the VAD found no speech come last: the gate had nothing to decide about.

    Args:
        outcomes: Of a report.
        count: At most so many.
    """
    errors = [WorstError(outcome) for outcome in outcomes if _is_error(outcome)]
    errors.sort(key=lambda error: (-error.certainty, error.outcome.line, error.outcome.name))
    return tuple(errors[:count])


def _is_error(outcome: Outcome) -> bool:
    return not is_right(outcome, outcome.verdicts[GATE])


def worst_lines(errors: Sequence[WorstError]) -> list[str]:
    """The errors as text for people, a few lines each."""
    if not errors:
        return ["no errors: every interruption was caught, and nothing else was confirmed"]
    lines = ["the worst error"]
    if len(errors) > 1:
        lines = [f"the {len(errors)} worst errors, those the gate was most certain about first"]
    for place, error in enumerate(errors, start=1):
        outcome, verdict = error.outcome, error.verdict
        of_set = "" if outcome.set == outcome.label else f", set {outcome.set}"
        lines += ["", f"{place}. {outcome.name} (line {outcome.line}): {outcome.label}{of_set}", f"   {error.sentence}"]
        if verdict.probability is not None:
            lines.append(f"   P(interruption) {verdict.probability:.2f}; evidence in nats: {error.evidence}")
        lines += [f'   transcript: "{verdict.transcript}"'] if verdict.transcript else []
        lines += [f'   recognised: "{verdict.recognised}"'] if verdict.recognised else []
    return lines


NAME: Final = "worst-{:02d}.png"
OURS: Final = re.compile(r"worst-\d{2,}\.png")
"""Names of the pictures; those of an earlier run that had more errors are deleted."""


def plot_worst(
    errors: Sequence[WorstError],
    items: Sequence[Item],
    settings: BenchSettings,
    gates: GateFactory | ItemGates,
    folder: str | os.PathLike[str],
) -> tuple[Path, ...]:
    """Draw what the gate got and decided in each error, a picture each; overlaps without audio have none.

    Args:
        errors: Numbered as they come.
        items: Of the manifest.
        settings: What the benchmark was run with.
        gates: What made its gates.
        folder: Where to put the pictures; must be there.

    Returns:
        The files written.

    Raises:
        AudioError: A recording cannot be read any more.
        OptionError: The folder cannot be written to.
    """
    reader, by_line = settings.reader(), {item.line: item for item in items}
    written = []
    for place, error in enumerate(errors, start=1):
        item = by_line[error.outcome.line]
        stream = reader.read(item)
        if stream.frames is None:
            continue
        factory = gates if isinstance(gates, GateFactory) else gates(item)
        result = stream.replay(factory.gate(options=settings.options, expects_transcripts=stream.transcribed))
        path = Path(folder) / NAME.format(place)
        with tempfile.TemporaryDirectory() as temporary:
            # As the gate gets it: in its scene, and amplified.
            sound = Path(temporary) / "item.wav"
            soundfile.write(sound, stream.frames.ravel(), SAMPLE_RATE, subtype="FLOAT")
            title = f"{place}. {Path(error.outcome.name).name}: {error.outcome.label}, {error.sentence}"
            plot_timeline(_around(result, error), sound, path, options=settings.options, title=title)
        written.append(path)
    for path in Path(folder).glob("worst-*.png"):
        if path not in written and OURS.fullmatch(path.name):
            path.unlink(missing_ok=True)
    return tuple(written)


def _around(result: ReplayResult, error: WorstError) -> ReplayResult:
    """The part of a call around one event; all of what is short."""
    outcome, verdict = error.outcome, error.verdict
    onset = outcome.labelled.start if outcome.onset is None and outcome.labelled is not None else outcome.onset
    if onset is None or result.duration <= 2.0 * (BEFORE + AFTER):
        return result
    decided = max(verdict.confirmed or 0.0, verdict.decided or 0.0)
    part = Span(max(onset - BEFORE, 0.0), min(onset + decided + AFTER, result.duration))
    return replace(
        result,
        events=tuple(event for event in result.events if part.start <= event.onset < part.end),
        agent=tuple(
            Span(max(span.start, part.start), min(span.end, part.end))
            for span in result.agent
            if span.start < part.end and span.end > part.start
        ),
        transcripts=tuple(one for one in result.transcripts if part.start <= one.at < part.end),
        trace=tuple(point for point in result.trace if part.start < point.time <= part.end),
        part=part,
    )

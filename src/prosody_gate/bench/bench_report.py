"""The result of a benchmark, for tables, pictures and machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

from .evaluator import GATE, BenchSettings
from .manifest import Manifest, SkippedLine
from .outcome import ItemOutcome, Outcome
from .system_score import IN_TIME, SystemScore, is_right
from .worst_error import worst_errors

FORMAT: Final = 2
"""Version of the JSON form; it changes when a field is renamed or changes its meaning."""

DEFINITIONS: Final = {
    "onset": "start of the VAD's first speech frame within the event: the same for every system, and the zero of "
    "every latency",
    "caught": f"an interruption in which any overlap is confirmed within {IN_TIME:g} s of the onset, or in which the "
    "agent ends by itself before that and nothing was cancelled; one in which the VAD finds no speech is missed",
    "false interruption": "a backchannel, nonspeech or noise event in which any overlap is confirmed, at any time",
    "precision": "interruptions confirmed in time, of them and the false interruptions; depends on how common each "
    "label is",
    "decided by": "share of events confirmed or cancelled by then; recall: interruptions confirmed by then, of all "
    "interruptions; precision: interruptions among the events confirmed by then",
    "runs on": f"seconds of agent speech after an interruption's onset: the latency; for a missed one {IN_TIME:g} s, "
    "or less where the agent ended before",
    "intervals": "95 %: Wilson for shares, percentile bootstrap over events for latencies, Byar for rates; events are "
    "taken as independent, so with few speakers the truth is wider",
    "wrong": "by kind: an interruption that was not caught, or another event that is a false interruption",
    "unlabelled": "confirmed overlaps that no labelled event lies within 0.3 s of; they count in the rate an hour",
}
"""What the figures mean, in the report itself."""


@dataclass(frozen=True)
class SweepPoint:
    """The gate at one sensitivity."""

    sensitivity: float
    score: SystemScore
    in_force: bool = False
    """Whether it is the sensitivity that the gate's own figures were measured with."""

    def to_dict(self) -> dict[str, Any]:
        """The figures of the curve as JSON-ready values."""
        score = self.score
        return {
            "sensitivity": self.sensitivity,
            "in_force": self.in_force,
            "caught": score.caught.to_dict(),
            "false_interruptions": score.false_interruptions.to_dict(),
            "latency": None if score.latency is None else score.latency.to_dict(),
            "runs_on": None if score.runs_on is None else score.runs_on.to_dict(),
        }


@dataclass(frozen=True)
class BenchReport:
    """All figures of one benchmark."""

    manifest: str
    """The manifest's file name."""
    kind: str
    """clips, calls or overlaps."""
    settings: Mapping[str, Any]
    """What it was run with, as JSON-ready values."""
    systems: tuple[SystemScore, ...]
    """The gate first, then the baselines that could decide about at least one event."""
    not_applicable: tuple[str, ...]
    """Baselines that need transcripts where there were none."""
    outcomes: tuple[Outcome, ...]
    """Every event with its verdicts, in order of the manifest."""
    skipped: tuple[SkippedLine, ...]
    """Lines that could not be used."""
    ambiguous: int
    """Events labelled ambiguous: not scored."""
    agent_speech: float | None
    """Seconds for which the agent spoke, in calls; None elsewhere."""
    outside: int = 0
    """Labelled events while the agent was silent: not scored."""
    sweep: tuple[SweepPoint, ...] = ()
    """The gate by sensitivity, in ascending order, the one in force among them."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else the caller wants to have beside the figures, as JSON-ready values."""

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        settings: BenchSettings,
        items: Sequence[ItemOutcome],
        *,
        baselines: Sequence[str],
        skipped: Sequence[SkippedLine] = (),
        about: Mapping[str, Any] | None = None,
    ) -> BenchReport:
        """Score what was decided.

        Args:
            manifest: What was read.
            settings: What it was run with.
            items: In order of the manifest.
            baselines: Names of all that ran.
            skipped: Lines that turned out unusable only when they were read.
            about: What else to put beside the figures.
        """
        outcomes = tuple(outcome for item in items for outcome in item.outcomes)
        calls = manifest.kind == "calls"
        speech = sum(item.agent_speech for item in items)
        systems, without = [], []
        for name in (GATE, *baselines):
            verdicts = [(one, one.verdicts[name]) for one in outcomes if name in one.verdicts]
            if not verdicts:
                without.append(name)
                continue
            unlabelled = sum(item.unlabelled.get(name, 0) for item in items) if calls else None
            systems.append(SystemScore.of(name, verdicts, unlabelled=unlabelled, agent_speech=speech))
        return cls(
            manifest=manifest.path.name,
            kind=manifest.kind,
            settings=settings.to_dict(manifest.kind),
            systems=tuple(systems),
            not_applicable=tuple(without),
            outcomes=outcomes,
            skipped=tuple(sorted((*manifest.skipped, *skipped), key=lambda line: line.line)),
            ambiguous=manifest.ambiguous,
            agent_speech=speech if calls else None,
            outside=sum(item.outside for item in items),
            sweep=tuple(
                SweepPoint(
                    value,
                    SystemScore.of(GATE, [(one, one.sweep[value]) for one in outcomes]),
                    in_force=value == settings.options.sensitivity,
                )
                for value in settings.sensitivities
            ),
            about=dict(about or {}),
        )

    @property
    def gate(self) -> SystemScore:
        """The gate's figures."""
        return self.systems[0]

    @property
    def counts(self) -> Mapping[str, int]:
        """Events by label."""
        return dict(sorted(Counter(outcome.label for outcome in self.outcomes).items()))

    @property
    def no_speech(self) -> int:
        """Events in which the VAD found no speech."""
        return sum(outcome.onset is None for outcome in self.outcomes)

    def to_json(self, *, worst: int | None = None) -> str:
        """The report as one JSON object, the same bytes for the same input, with a newline at its end.

        Args:
            worst: How many of the worst errors to list; None for no list.
        """
        report = {
            "format": FORMAT,
            "prosody_gate": version("prosody-gate"),
            "manifest": self.manifest,
            "kind": self.kind,
            "about": dict(self.about),
            "settings": dict(self.settings),
            "definitions": DEFINITIONS,
            "events": {
                "scored": len(self.outcomes),
                "by_label": dict(self.counts),
                "no_speech": self.no_speech,
                "ambiguous": self.ambiguous,
                "agent_silent": self.outside,
                "skipped_lines": len(self.skipped),
            },
            "agent_speech": None if self.agent_speech is None else round(self.agent_speech, 3),
            "systems": [system.to_dict() for system in self.systems],
            "not_applicable": list(self.not_applicable),
            "sweep": [point.to_dict() for point in self.sweep],
            "skipped": [{"line": line.line, "problem": line.problem} for line in self.skipped],
            **({} if worst is None else {"worst": [one.to_dict() for one in worst_errors(self.outcomes, worst)]}),
            "outcomes": [
                {**outcome.to_dict(GATE), "right": is_right(outcome, outcome.verdicts[GATE])}
                for outcome in self.outcomes
            ],
        }
        return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

"""Writes docs/clips.md: what the gate knew of ten clips, every 0.1 s until it decided.

    python benchmarks/clip_steps.py --data ../shared/data --write docs/clips.md

Audio alone, the agent speaking, default options, shipped weights. Only clips whose licence lets their words and figures
be shown are taken.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prosody_gate import GateFactory, default_sources
from prosody_gate.audio import FRAME_SAMPLES
from prosody_gate.bench import Clip, SceneMaker, SceneOptions
from prosody_gate.evidence import EvidenceSource, EvidenceWeights, Observation
from prosody_gate.gate import GateEvent, GateEventKind, probability_of
from prosody_gate.replay import ALWAYS
from prosody_gate.vad import create_detector

STEP: Final = 0.1
LONGEST: Final = 12
"""Steps that are shown at most."""

CLIPS: Final = (
    ("command_word", "stop"),
    ("command_word", "no"),
    ("called_name", "computer"),
    ("spoken_order", ""),
    ("bank_turn", "my name is"),
    ("content_word", "up"),
    ("read_affirmative", "right"),
    ("read_affirmative", "yes"),
    ("bank_acknowledgement", "okay"),
    ("bank_noise", ""),
)
"""Set, and how the text begins: the first clip of the set that the VAD finds speech in."""


@dataclass
class Watched:
    """An evidence source whose newest say can be seen."""

    inner: Any
    says: dict[str, float]
    seen: list[Observation] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def __copy__(self) -> Watched:
        return Watched(copy.copy(self.inner), self.says, self.seen)

    @property
    def name(self) -> str:
        """That of the source."""
        return str(self.inner.name)

    def reset(self) -> None:
        """A new overlap begins."""
        self.inner.reset()

    def update(self, observation: Observation) -> float:
        """What the source says."""
        nats = float(self.inner.update(observation))
        self.says[self.name] = nats
        self.seen[:] = [observation]
        return nats


@dataclass(frozen=True)
class Moment:
    """What was known at one moment."""

    since_onset: float
    """Seconds."""
    nats: dict[str, float]
    """Each source's share, the prior included."""
    heard: str
    """What the listener recognised, else the sounds that it heard."""

    @property
    def probability(self) -> float:
        """P(interruption)."""
        return probability_of(sum(self.nats.values()))


def moments_of(clip: Clip, gates: GateFactory) -> tuple[list[Moment], GateEvent | None]:
    """What was known of the clip's first overlap every `STEP` until it was decided, and the decision."""
    says: dict[str, float] = {}
    seen: list[Observation] = []
    sources: list[EvidenceSource] = [Watched(one, says, seen) for one in default_sources(gates.lexicon)]
    gate = gates.gate(sources=sources)
    gate.agent_started(ALWAYS.start)
    detector = create_detector("silero")
    sound = SceneMaker(SceneOptions()).make(clip)
    moments: list[Moment] = []
    for start in range(0, len(sound) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        frame = sound[start : start + FRAME_SAMPLES]
        for event in gate.push(frame, detector.frame_probability(frame)):
            if event.kind is not GateEventKind.HOLD:
                if event.kind is GateEventKind.CONFIRM:
                    moments.append(Moment(event.latency, dict(event.evidence), _heard(seen)))
                return moments, event
        if seen and seen[0].time - seen[0].onset >= (len(moments) + 1) * STEP - 1e-6 and len(moments) < LONGEST:
            nats = {"prior": gate.options.prior, **says}
            moments.append(Moment(seen[0].time - seen[0].onset, nats, _heard(seen)))
    return moments, None


def _heard(seen: Sequence[Observation]) -> str:
    recognised = seen[0].recognised if seen else None
    if recognised is None:
        return ""
    return recognised.text or (f"/{recognised.sounds}/" if recognised.sounds else "–")


def chosen_clips(data: Path) -> Iterator[tuple[Clip, dict[str, Any]]]:
    """The clips to show, with their lines of the manifest."""
    lines = (data / "recordings.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(number, json.loads(line)) for number, line in enumerate(lines, start=1)]
    for name, text in CLIPS:
        for number, row in rows:
            if row["set"] == name and (row["text"] or "").startswith(text) and _has_speech(data / row["audio"], row):
                audio = data / row["audio"]
                yield Clip(number, row["audio"], row["audio"], row["label"], name, audio), row
                break


def _has_speech(audio: Path, row: dict[str, Any]) -> bool:
    clip = Clip(1, row["audio"], row["audio"], row["label"], row["set"], audio)
    sound = SceneMaker(SceneOptions()).make(clip)
    detector = create_detector("silero")
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return sum(detector.frame_probability(frame) >= 0.5 for frame in frames) >= 3


def page(data: Path) -> Iterator[str]:
    """The lines of the page."""
    gates = GateFactory.create()
    threshold = probability_of(gates.options.confirm_log_odds)
    yield "# Ten clips, step by step"
    yield ""
    yield "What the gate knew of ten recorded clips every 0.1 s after the onset, until it decided: audio alone,"
    yield f"the agent speaking, default options. It confirms from P = {threshold:.2f}. The rows are the evidence"
    yield "sources, in nats ([options.md](options.md) says what a nat is); a source that says nothing of a clip is left"
    yield "out. The shipped weights have met the speakers of these clips: the page shows how a decision comes about,"
    yield "not how good it is. Made by"
    yield ""
    yield "```sh"
    yield "python benchmarks/clip_steps.py --data ../shared/data --write docs/clips.md"
    yield "```"
    yield ""
    yield f"with the weights of {EvidenceWeights.load().provenance['date']}."
    for clip, row in chosen_clips(data):
        moments, event = moments_of(clip, gates)
        said = f'"{row["text"]}"' if row["text"] and row["label"] in ("interruption", "backchannel") else ""
        title = said or {"spoken_order": "an order", "bank_noise": "a noise on the line"}.get(clip.set, clip.set)
        yield ""
        yield f"## {title[0].upper()}{title[1:]}: {_outcome(event)}"
        yield ""
        yield f"`{clip.name}`, {clip.label}; {row['source']}, {row['licence']}."
        yield ""
        yield from _table(moments)
    yield ""


def _outcome(event: GateEvent | None) -> str:
    if event is None:
        return "undecided"
    if event.kind is GateEventKind.CONFIRM:
        return f"confirmed after {1000.0 * event.latency:.0f} ms ({event.reason})"
    return f"cancelled ({event.reason}); it lasted {event.speech_duration:.2f} s"


def _table(moments: Sequence[Moment]) -> Iterator[str]:
    if not moments:
        yield "Nothing was held."
        return
    yield f"| seconds since the onset | {' | '.join(f'{one.since_onset:.2f}' for one in moments)} |"
    yield "|---" * (len(moments) + 1) + "|"
    for name in moments[0].nats:
        if any(abs(one.nats.get(name, 0.0)) >= 0.05 for one in moments):
            yield f"| {name} | {' | '.join(f'{one.nats.get(name, 0.0):+.1f}' for one in moments)} |"
    if any(one.heard for one in moments):
        yield f"| the listener heard | {' | '.join(one.heard for one in moments)} |"
    yield f"| **P** | {' | '.join(f'{one.probability:.2f}' for one in moments)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--write", type=Path, help="the page; printed when left out")
    arguments = parser.parse_args()
    text = "\n".join(page(arguments.data))
    if arguments.write is None:
        print(text)
    else:
        arguments.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

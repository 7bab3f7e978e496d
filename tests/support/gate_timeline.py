"""Drives a gate with a timeline instead of audio, for tests that read like the specification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prosody_gate.audio import FRAME_DURATION
from prosody_gate.evidence import EvidenceSource, Observation
from prosody_gate.gate import Gate, GateEvent, GateOptions, Transcript
from prosody_gate.lexicon import Lexicon

LEXICON = Lexicon.load()


class Says:
    """An evidence source that says the same nats from a given speech duration on."""

    def __init__(self, nats: float, *, after: float = 0.0, name: str = "says", on_device: bool = False) -> None:
        self.nats, self.after, self.name, self.on_device = nats, after, name, on_device

    def reset(self) -> None: ...

    def update(self, observation: Observation) -> float:
        return self.nats if observation.speech_duration >= self.after else 0.0


class WordCount:
    """One nat a word of the transcript, the words before the overlap included."""

    name = "words"

    def reset(self) -> None: ...

    def update(self, observation: Observation) -> float:
        return float(len(observation.transcript.tokens))


def make_gate(*sources: EvidenceSource, expects_transcripts: bool = False, **options: float) -> Gate:
    """A gate with given sources only, the English lexicon and no listener."""
    return Gate(
        GateOptions.create(**options),
        lexicon=LEXICON,
        sources=sources,
        expects_transcripts=expects_transcripts,
    )


def run_timeline(
    gate: Gate,
    *,
    speech: Iterable[tuple[float, float]],
    agent: Iterable[tuple[float, float]] = ((0.0, 60.0),),
    transcripts: Sequence[Transcript] = (),
    until: float,
) -> list[GateEvent]:
    """Feed speech spans, agent spans and transcripts in stream order; times in seconds."""
    speech = list(speech)
    happenings = sorted(
        [(start, 0, "started", None) for start, _ in agent]
        + [(end, 1, "stopped", None) for _, end in agent]
        + [(transcript.at, 2, "hear", transcript) for transcript in transcripts],
        key=lambda happening: happening[:2],
    )
    events: list[GateEvent] = []
    for index in range(round(until / FRAME_DURATION)):
        end = (index + 1) * FRAME_DURATION
        while happenings and happenings[0][0] < end:
            at, _, what, transcript = happenings.pop(0)
            if what == "started":
                events += gate.agent_started(at)
            elif what == "stopped":
                events += gate.agent_stopped(at)
            else:
                assert transcript is not None
                events += gate.push_transcript(transcript)
        middle = end - FRAME_DURATION / 2
        events += gate.push(None, 1.0 if any(start <= middle < stop for start, stop in speech) else 0.0)
    if gate.failure is not None:
        raise gate.failure
    return events


def outline(events: Iterable[GateEvent]) -> list[tuple[str, float, str]]:
    """Kind, time and reason of each event."""
    return [(event.kind.value, round(event.time, 3), event.reason) for event in events]

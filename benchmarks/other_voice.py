"""Does another voice in the room stop the agent? Calls built from recorded clips; prints Markdown.

    python benchmarks/other_voice.py --data ../shared/data

Each call has one turn of the user's, then the agent speaks, then comes a sentence over it, at its full length: somebody
else's, so many decibels below the level of the user's turn, or the user's own, softer than that turn. Levels are those
of `active_level`; a faint room is under the whole call. There are two kinds of calls:

- orders: the turn and the sentence are spoken orders. They come without speakers; two count as two people where their
  mean pitch is 3 semitones apart or more. The user's own sentence is the order of the turn once more.
- bank: turns of telephone calls, whose speakers are known. The user's own sentence is another turn of that speaker; its
  level is what that turn had against the first, so many decibels lower.

Half of the people (`--half choose`) served to choose the constants of the level evidence, the other half (`report`,
the default) is for the figures. An order without a speaker may have its speaker in both halves. `--turns` measures
how the levels of people's turns vary in recorded calls instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile

from prosody_gate import GateFactory
from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.bench import active_level, read_at_analysis_rate
from prosody_gate.gate import Gate, GateEventKind
from prosody_gate.prosody import STEADY_DB, STEADY_TURNS, PitchTracker
from prosody_gate.replay import Span, drive
from prosody_gate.vad import create_detector

Samples = npt.NDArray[np.float32]

USER_DBFS: Final = -26.0
ROOM_DBFS: Final = -72.0
GAP: Final = 1.0
"""Seconds from the turn to the agent, and from there to the sentence."""

AFTERWARDS: Final = 1.5
SHORTEST: Final = 1.2
"""Seconds of a telephone turn that serves as a turn or as a sentence."""

APART: Final = 3.0
"""Semitones between two orders that are taken to be said by two people."""

TURN: Final = "interruption"
"""The label of a turn in the recorded calls."""

OTHER_DB: Final = (0.0, -6.0, -10.0, -14.0, -20.0, -24.0)
OWN_DB: Final = (0.0, -6.0, -10.0)
WITHIN: Final = {"other": float("inf"), "own": 1.5}
"""Seconds within which a confirm counts."""


@dataclass(frozen=True)
class Voice:
    """One clip."""

    name: str
    speaker: str | None
    samples: Samples


@dataclass(frozen=True)
class Call:
    """One call to build: a turn of the user's and a sentence over the agent."""

    kind: str
    """orders or bank."""
    whose: str
    """other or own."""
    turn: Voice
    sentence: Voice


def in_half(name: str, half: str) -> bool:
    """Whether a person is one of this half."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == (half == "report")


def load(data: Path, name: str, half: str) -> list[Voice]:
    """The clips of one set and half, in an order that has nothing to do with their names."""
    rows = [json.loads(line) for line in (data / "recordings.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["set"] == name and in_half(row.get("speaker") or row["audio"], half)]
    rows.sort(key=lambda row: hashlib.sha256(f"other voice {row['audio']}".encode()).hexdigest())
    return [Voice(row["audio"], row.get("speaker"), read_at_analysis_rate(data / row["audio"])) for row in rows]


def pitch_of(samples: Samples) -> float:
    """Mean F0 of the loud voiced windows of a clip, in octaves; NaN where there is none."""
    tracker, loud = PitchTracker(), 0.3 * active_level(samples)
    windows = samples[: len(samples) // 1024 * 1024].reshape(-1, 1024)
    found = [tracker.track(window) for window in windows if np.sqrt(np.mean(window**2)) > loud]
    octaves = [np.log2(pitch.hz) for pitch in found if pitch.strength > 0.7]
    return float(np.median(octaves)) if len(octaves) >= 4 else float("nan")


def order_calls(voices: Sequence[Voice], count: int) -> Iterator[Call]:
    """Spoken orders: pairs of people, and each user once more."""
    pitches = [pitch_of(voice.samples) for voice in voices]
    made = 0
    for place, turn in enumerate(voices):
        apart = [
            other
            for other in (*range(place + 1, len(voices)), *range(place))
            if 12.0 * abs(pitches[other] - pitches[place]) >= APART
        ]
        if apart and made < count:
            made += 1
            yield Call("orders", "other", turn, voices[apart[0]])
            yield Call("orders", "own", turn, turn)


def bank_calls(voices: Sequence[Voice], count: int) -> Iterator[Call]:
    """Turns of telephone calls: each turn with one of another speaker, and with the speaker's next one."""
    turns = [voice for voice in voices if len(voice.samples) >= SHORTEST * SAMPLE_RATE]
    by_speaker: defaultdict[str | None, list[Voice]] = defaultdict(list)
    for voice in turns:
        by_speaker[voice.speaker].append(voice)
    for place, turn in enumerate(turns[:count]):
        others = [one for one in turns[place + 1 :] + turns[:place] if one.speaker != turn.speaker]
        own = by_speaker[turn.speaker]
        yield Call("bank", "other", turn, others[0])
        if len(own) > 1:
            yield Call("bank", "own", turn, own[(own.index(turn) + 1) % len(own)])


def sound_of(call: Call, below_db: float) -> tuple[Samples, float]:
    """The user's channel of a call, and when the agent begins, in seconds."""
    to_level = 10.0 ** (USER_DBFS / 20.0) / active_level(call.turn.samples)
    if call.kind == "bank" and call.whose == "own":
        factor = to_level
    else:
        factor = 10.0 ** (USER_DBFS / 20.0) / active_level(call.sentence.samples)
    gap = np.zeros(round(GAP * SAMPLE_RATE), np.float32)
    parts = [
        gap,
        call.turn.samples * np.float32(to_level),
        gap,
        gap,
        call.sentence.samples * np.float32(factor * 10.0 ** (below_db / 20.0)),
        np.zeros(round(AFTERWARDS * SAMPLE_RATE), np.float32),
    ]
    sound = np.concatenate(parts)
    seed = np.frombuffer(hashlib.sha256(call.turn.name.encode()).digest(), np.uint32)
    room = np.random.default_rng(seed).normal(0.0, 10.0 ** (ROOM_DBFS / 20.0), len(sound))
    sound = np.clip(sound + room, -1.0, 1.0).astype(np.float32)
    return sound, (len(call.turn.samples) + 2 * len(gap)) / SAMPLE_RATE


def confirmed_after(call: Call, below_db: float, gate: Gate) -> float | None:
    """Seconds from the onset of the first overlap to the confirm of any; None where nothing is confirmed."""
    sound, agent_from = sound_of(call, below_db)
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    detector = create_detector("silero")
    events = drive(gate, frames, detector.frame_probability, [Span(agent_from, float("inf"))], (), run_out=0.0)
    if gate.failure is not None:
        raise gate.failure
    onsets = [event.onset for event in events if event.kind is GateEventKind.HOLD]
    confirms = [event.time for event in events if event.kind is GateEventKind.CONFIRM]
    return confirms[0] - onsets[0] if confirms else None


def measure(calls: Sequence[Call], make_gate: Callable[[], Gate]) -> Iterator[tuple[str, str, float, int, int, float]]:
    """Kind, whose, decibels, confirmed, calls, median latency: one row a kind of call and level."""
    for kind in dict.fromkeys(call.kind for call in calls):
        for whose, levels in (("other", OTHER_DB), ("own", OWN_DB)):
            chosen = [call for call in calls if (call.kind, call.whose) == (kind, whose)]
            for below_db in levels:
                latencies = [confirmed_after(call, below_db, make_gate()) for call in chosen]
                caught = [latency for latency in latencies if latency is not None and latency <= WITHIN[whose]]
                middle = median(caught) if caught else float("nan")
                yield kind, whose, below_db, len(caught), len(chosen), middle


def print_turns(data: Path) -> None:
    """How the levels of turns of a second or more vary, for each side of the recorded calls."""
    deviations, most = [], []
    for line in (data / "calls.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        recorded, rate = soundfile.read(data / row["audio"], dtype="float32")
        channel = recorded[:, row["user_channel"]]
        turns = [one for one in row["events"] if one["label"] == TURN and one["end"] - one["start"] > 1.0]
        cuts = (channel[round(one["start"] * rate) : round(one["end"] * rate)] for one in turns)
        levels = [20.0 * np.log10(active_level(cut)) for cut in cuts]
        if len(levels) >= 2:
            deviations.append((float(np.std(levels)), len(levels)))
            most.append(float(np.abs(np.diff(levels)).max()))
    spread = [deviation for deviation, _ in deviations]
    steady = [deviation < STEADY_DB for deviation, turns in deviations if turns >= STEADY_TURNS]
    print(f"{len(spread)} sides; standard deviation {median(spread):.1f} dB (median), {max(spread):.1f} dB at most")
    print(f"from one turn to the next 9.5 dB or more: {sum(one >= 9.5 for one in most)} sides")
    print(f"{STEADY_TURNS} turns or more: {len(steady)} sides, below {STEADY_DB:g} dB: {sum(steady)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--half", choices=["choose", "report"], default="report")
    parser.add_argument("--calls", type=int, default=16, help="calls of each kind")
    parser.add_argument("--turns", action="store_true", help="how the levels of turns vary in recorded calls")
    arguments = parser.parse_args()
    if arguments.turns:
        print_turns(arguments.data)
        return
    calls = [
        *order_calls(load(arguments.data, "spoken_order", arguments.half), arguments.calls),
        *bank_calls(load(arguments.data, "bank_turn", arguments.half), arguments.calls),
    ]
    gates = GateFactory.create()
    print("| calls | sentence | level | confirmed | of | share | median |\n|---|---|---|---|---|---|---|")
    for kind, whose, below_db, caught, of, middle in measure(calls, gates.gate):
        within = "" if WITHIN[whose] == float("inf") else f" within {WITHIN[whose]:g} s"
        latency = "-" if np.isnan(middle) else f"{1000.0 * middle:.0f} ms"
        share = f"{caught / of:.2f}" if of else "-"
        print(f"| {kind} | {whose}{within} | {below_db:+.0f} dB | {caught} | {of} | {share} | {latency} |", flush=True)


if __name__ == "__main__":
    main()

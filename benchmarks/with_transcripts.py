"""What a user gets on recorded clips: audio alone, and audio with transcripts; prints Markdown.

    python benchmarks/with_transcripts.py --data ../shared/data
    python benchmarks/with_transcripts.py --data ../shared/data --weights cross-validated

With transcripts, the true words of each clip are spread over its speech, by their letters. After each word comes an
interim transcript of all words so far, `--lag` seconds after the word's end; the last one is final. Coughs and noises
get none: the recogniser runs and says nothing. `--manifest FILE` measures nothing: it writes these transcripts as a
manifest for `prosody-gate bench`. The room around each clip is made anew from the clip's path, so that the figures
differ by a few clips from those here.

With `--weights cross-validated` the sets that the shipped weights were trained on are measured with weights that were
fitted without the speaker of each clip (benchmarks/fit_evidence.py leaves these in benchmarks/cache); all others with
the shipped ones, as they come.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from accuracy import print_table, some_of
from fitting.left_out_gates import LeftOutGates
from prosody_gate.audio import FRAME_DURATION, AudioFile
from prosody_gate.bench import (
    BenchReport,
    BenchSettings,
    Clip,
    Item,
    ItemGates,
    Manifest,
    SceneOptions,
    SetScore,
    Share,
    default_baselines,
    read_manifest,
    run_bench,
    speech_segments,
)
from prosody_gate.gate import GateOptions, Transcript
from prosody_gate.gate_factory import GateFactory
from prosody_gate.lexicon import Lexicon
from prosody_gate.replay import Span, TimedWord, read_frames
from prosody_gate.vad import SpeechDetector, create_detector

CACHE = Path(__file__).resolve().parent / "cache"

TRAINED_ON = (
    "read_affirmative",
    "command_word",
    "content_word",
    "called_name",
    "spoken_order",
    "bank_turn",
    "bank_acknowledgement",
    "bank_noise",
    "room_noise",
    "background",
    "keyboard",
)
"""Sets that the shipped voice and listener weights were fitted on."""

DEADLINES = {"command_word": 1.0, "content_word": 1.2, "called_name": 1.2, "bank_turn": 1.2, "spoken_order": 1.5}
"""Seconds within which the interruptions of a set are to be confirmed."""

WORDLESS = ("nonspeech", "noise")
"""Labels of clips in which nothing is said: their `text` names the sound."""


@dataclass(frozen=True)
class HonestGates:
    """Gives each clip gates that never met it."""

    shipped: GateFactory
    left_out: LeftOutGates

    def __call__(self, item: Item) -> GateFactory:
        """The gates for one item."""
        return self.left_out(item) if isinstance(item, Clip) and item.set in TRAINED_ON else self.shipped


def speech_of(audio: Path, detector: SpeechDetector) -> tuple[Span, ...]:
    """When somebody speaks in a recording, in seconds; its whole length where the VAD finds nobody."""
    detector.reset()
    with AudioFile(audio) as recording:
        frames = list(read_frames(recording, None))
    found = speech_segments([detector.frame_probability(frame) for frame in frames], GateOptions())
    return tuple(found) or (Span(0.0, len(frames) * FRAME_DURATION),)


def spread(text: str, speech: Sequence[Span]) -> Iterator[TimedWord]:
    """The words of a text over segments of speech, each as long as its share of the letters; pauses are left out."""
    words = text.split()
    letters = sum(map(len, words))
    total = sum(span.end - span.start for span in speech)
    said = 0
    for word in words:
        start, said = said, said + len(word)
        yield TimedWord(word, _at(start / letters * total, speech), _at(said / letters * total, speech))


def _at(spoken: float, speech: Sequence[Span]) -> float:
    """Where in the recording so many seconds have been spoken."""
    for span in speech:
        if spoken <= span.end - span.start + 1e-9:
            return span.start + spoken
        spoken -= span.end - span.start
    return speech[-1].end


def transcripts_of(words: Sequence[TimedWord], lag: float) -> tuple[Transcript, ...]:
    """The interim transcripts of words, and the final one."""
    return tuple(
        Transcript(
            at=word.end + lag,
            text=" ".join(said.text for said in words[:count]),
            final=count == len(words),
            start=words[0].start,
            end=word.end,
        )
        for count, word in enumerate(words, start=1)
    )


def texts_of(data: Path) -> dict[int, str]:
    """What is said in each line of the manifest: by the line's number."""
    texts = {}
    for number, line in enumerate((data / "recordings.jsonl").read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        texts[number] = "" if row["label"] in WORDLESS else row["text"] or ""
    return texts


def transcribed(manifest: Manifest, texts: dict[int, str], lag: float) -> Manifest:
    """The clips whose words are known, each with its transcripts."""
    detector = create_detector("silero")
    items: list[Item] = []
    for item in manifest.items:
        assert isinstance(item, Clip)
        text = texts[item.line]
        if not text and item.label not in WORDLESS:
            continue
        words = list(spread(text, speech_of(item.audio, detector))) if text else []
        items.append(replace(item, transcripts=transcripts_of(words, lag)))
    return replace(manifest, items=tuple(items))


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write clips with their transcripts for `prosody-gate bench`."""
    with path.open("w", encoding="utf-8") as lines:
        for item in manifest.items:
            assert isinstance(item, Clip)
            row: dict[str, Any] = {
                "audio": str(item.audio.resolve()),
                "label": item.label,
                "set": item.set,
                "speaker": item.group,
                "transcripts": [
                    {
                        "at": round(one.at, 3),
                        "text": one.text,
                        "final": one.final,
                        "start": None if one.start is None else round(one.start, 3),
                        "end": None if one.end is None else round(one.end, 3),
                    }
                    for one in item.transcripts or ()
                ],
            }
            lines.write(json.dumps(row) + "\n")


def shown(share: Share) -> str:
    """A share in per cent, with its 95 % interval."""
    if share.value is None or share.interval is None:
        return "-"
    low, high = share.interval
    return f"{100 * share.value:.1f} % ({100 * low:.0f} to {100 * high:.0f})"


def print_sets(columns: dict[str, BenchReport]) -> None:
    """One row a set: how many stop the agent, and after how long, in each column."""
    by_set: dict[tuple[str, str], dict[str, SetScore]] = {}
    for column, report in columns.items():
        for score in report.gate.by_set:
            by_set.setdefault((score.label, score.set), {})[column] = score
    rows = []
    for (label, name), scores in sorted(by_set.items()):
        clips = max(score.confirmed.of for score in scores.values())
        trained = "yes" if name in TRAINED_ON else "no"
        row = [label, name, str(clips), trained]
        for column in columns:
            row += [shown(scores[column].confirmed), _median(scores[column])] if column in scores else ["-", "-"]
        rows.append(row)
    headers = ["label", "set", "clips", "trained on"]
    for column in columns:
        headers += [f"{column}: stops the agent", "after"]
    print_table(headers, rows)


def print_systems(columns: dict[str, BenchReport]) -> None:
    """One row a system: the gate and the rules in use today."""
    rows = []
    for column, report in columns.items():
        for score in report.systems:
            latency = "-" if score.latency is None else f"{1000 * score.latency.p50.value:.0f} ms"
            rows.append([column, score.name, shown(score.caught), shown(score.false_interruptions), latency])
    print_table(["input", "system", "caught", "false interruptions", "median latency"], rows)


def print_backchannels(columns: dict[str, BenchReport], texts: dict[int, str]) -> None:
    """One row a backchannel of a set: how many of them stop the agent, in each column."""
    counts: dict[tuple[str, str], dict[str, Share]] = {}
    for column, report in columns.items():
        for outcome in report.outcomes:
            if outcome.label == "backchannel":
                shares = counts.setdefault((outcome.set, texts[outcome.line]), {})
                before = shares.get(column, Share(0, 0))
                confirmed = outcome.verdicts[report.gate.name].confirmed is not None
                shares[column] = Share(before.count + confirmed, before.of + 1)
    rows = []
    for (name, text), shares in sorted(counts.items()):
        stopped = [f"{share.count} of {share.of}" for share in shares.values()]
        rows.append([name, f'"{text}"', *stopped])
    print_table(["set", "what is said", *(f"{column}: stops the agent" for column in columns)], rows)


def print_deadlines(columns: dict[str, BenchReport], texts: dict[int, str]) -> None:
    """One row a set of interruptions: how many are confirmed by its deadline; all together, and each command."""
    rows = []
    for column, report in columns.items():
        taken: dict[str, list[float]] = {}
        for outcome in report.outcomes:
            if outcome.label == "interruption":
                confirmed = outcome.verdicts[report.gate.name].confirmed
                after = math.inf if confirmed is None else confirmed
                names = [outcome.set, "all"]
                if outcome.set == "command_word":
                    names.append(f'"{texts[outcome.line]}"')
                for name in names:
                    taken.setdefault(name, []).append(after)
        for name, times in taken.items():
            deadline = DEADLINES.get(name, 3.0)
            caught = sorted(time for time in times if math.isfinite(time))
            share = sum(time <= deadline for time in times) / len(times)
            median, late = (f"{1000 * caught[int(part * (len(caught) - 1))]:.0f} ms" for part in (0.5, 0.9))
            rows.append([column, name, str(len(times)), f"{deadline:g} s", f"{share:.3f}", median, late])
    if rows:
        print_table(["input", "set", "clips", "deadline", "confirmed by it", "median", "90th percentile"], rows)


def _median(score: SetScore) -> str:
    if score.label != "interruption" or score.latency is None:
        return "-"
    return f"{1000 * score.latency.p50.value:.0f} ms"


def part_of(manifest: Manifest, *, trained: bool) -> Manifest:
    """The clips of the sets that were, or were not, trained on."""
    items = tuple(item for item in manifest.items if isinstance(item, Clip) and (item.set in TRAINED_ON) is trained)
    return replace(manifest, items=items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--lag", type=float, default=0.3, help="seconds from a word's end to its transcript")
    parser.add_argument("--weights", choices=["shipped", "cross-validated"], default="shipped")
    parser.add_argument("--band", choices=["wide", "telephone"], default="wide", help="what the sound goes through")
    parser.add_argument("--audio-alone", action="store_true", help="leave out the column with transcripts")
    parser.add_argument("--limit", type=int, help="at most so many clips of each label of each set")
    parser.add_argument("--set", action="append", help="only this set of clips; may be repeated")
    parser.add_argument("--manifest", type=Path, help="write a manifest of the transcribed clips, measure nothing")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    manifest = some_of(read_manifest(arguments.data / "recordings.jsonl", strict=True), arguments.limit)
    if arguments.set:
        chosen = tuple(item for item in manifest.items if isinstance(item, Clip) and item.set in arguments.set)
        manifest = replace(manifest, items=chosen)
    texts = texts_of(arguments.data)
    spoken = transcribed(manifest, texts, arguments.lag)
    if arguments.manifest is not None:
        write_manifest(spoken, arguments.manifest)
        print(f"written: {arguments.manifest} ({len(spoken.items)} clips)")
        return
    lexicon = Lexicon.load()
    shipped = GateFactory(lexicon=lexicon)
    gates: GateFactory | ItemGates = shipped
    if arguments.weights == "cross-validated":
        gates = HonestGates(shipped, LeftOutGates(lexicon, CACHE))
    inputs = {"audio alone": manifest}
    if not arguments.audio_alone:
        inputs[f"with transcripts {arguments.lag:g} s behind"] = spoken
    for trained, title in ((False, "Sets that no weight was trained on"), (True, "Sets of the training data")):
        if not part_of(manifest, trained=trained).items:
            continue
        columns = {
            name: run_bench(
                part_of(clips, trained=trained),
                BenchSettings(scene=SceneOptions(band=arguments.band)),
                gates=gates,
                baselines=default_baselines(lexicon),
                jobs=arguments.jobs,
            )
            for name, clips in inputs.items()
        }
        print(f"## {title} ({arguments.weights} weights)\n")
        print_sets(columns)
        print_deadlines(columns, texts)
        print_systems(columns)
        print_backchannels(columns, texts)


if __name__ == "__main__":
    main()

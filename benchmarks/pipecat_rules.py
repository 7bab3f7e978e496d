"""What stops a Pipecat bot, by plain Pipecat's rules and with the gate; prints Markdown. Runs in real time.

    python benchmarks/pipecat_rules.py --data ../shared/data --clips 40

The bot speaks, a recorded sound is played as the user's microphone, and the time from the true onset of the sound (by
its energy) to the end of the play-out is taken. Each rule meets the same clips: `--clips` of each kind. The words of a
clip come as interim transcripts `LAG` seconds behind each word, as benchmarks/with_transcripts.py spreads them; the
rule without transcripts gets none, and coughs have none. Several pipelines run side by side. "Frame" is what the gate
does with one piece of audio (20 ms) on the event loop's thread, in time of the processor. "Loop" is how late a timer of
5 ms came: with more than some tens of milliseconds the machine was too busy for the other figures to mean anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from loguru import logger as pipecat_logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import InterimTranscriptionFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.turns.user_start import (
    BaseUserTurnStartStrategy,
    MinWordsUserTurnStartStrategy,
    TranscriptionUserTurnStartStrategy,
    VADUserTurnStartStrategy,
)
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from latency import energy_onset
from prosody_gate import AudioFile, create_detector
from prosody_gate.audio import SAMPLE_RATE
from prosody_gate.gate import Transcript
from prosody_gate.pipecat import ProsodyGate
from prosody_gate.pipecat.testing import RecordedInput, SilentOutput, SilentSTT, speech
from prosody_gate.replay import read_frames
from session_latency import BEFORE, CLIP_AT, LONGEST, PERIOD, ROOM, SPEAKS, TICK, percentile, vad_onset
from with_transcripts import speech_of, spread, transcripts_of

KINDS = {
    "affirmatives": ("read_affirmative",),
    "coughs": ("cough",),
    "commands": ("command_word", "content_word", "called_name", "bank_turn"),
}
LAG = 0.3
SCENES = 20
"""Of one pipeline."""
Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Rule:
    """One way to decide whether the bot stops."""

    name: str
    starts: Callable[[], list[BaseUserTurnStartStrategy]]
    gated: bool = False
    transcribed: bool = True


def default_starts() -> list[BaseUserTurnStartStrategy]:
    return [VADUserTurnStartStrategy(), TranscriptionUserTurnStartStrategy()]


RULES = (
    Rule("plain Pipecat", default_starts),
    Rule("MinWords(2)", lambda: [MinWordsUserTurnStartStrategy(min_words=2)]),
    Rule("MinWords(3)", lambda: [MinWordsUserTurnStartStrategy(min_words=3)]),
    Rule("gate, no transcripts", default_starts, gated=True, transcribed=False),
    Rule("gate", default_starts, gated=True),
)


@dataclass(frozen=True)
class Scene:
    """One clip over the bot's speech; times in seconds of the scene."""

    kind: str
    samples: Samples
    onset: float
    transcripts: tuple[Transcript, ...]


@dataclass
class Measured:
    """What one rule did with the clips of one kind."""

    clips: int = 0
    early: int = 0
    latencies: list[float] = field(default_factory=list)


class ScriptedSTT(SilentSTT):
    """Says what the script says once the audio has come that far."""

    def __init__(self, script: list[Transcript]) -> None:
        super().__init__()
        self._script = sorted(script, key=lambda transcript: transcript.at)
        self._heard = 0.0

    async def run_stt(self, audio: bytes) -> Any:
        self._heard += len(audio) / 2 / SAMPLE_RATE
        while self._script and self._script[0].at <= self._heard:
            said = self._script.pop(0)
            kind = TranscriptionFrame if said.final else InterimTranscriptionFrame
            yield kind(said.text, "user", "")


def scenes(data: Path, count: int) -> list[Scene]:
    """The same clips each time: of each kind, its sets in turn."""
    rows = [json.loads(line) for line in (data / "recordings.jsonl").read_text("utf-8").splitlines()]
    chance, noise = random.Random(0), np.random.default_rng(0)
    found: list[Scene] = []
    for kind, sets in KINDS.items():
        for index, name in enumerate(sets):
            wanted = len(range(index, count, len(sets)))
            of_set = [row for row in rows if row["set"] == name and row["text"]]
            for row in chance.sample(of_set, k=len(of_set)):
                if not wanted:
                    break
                scene = scene_of(kind, data / row["audio"], row["text"], noise)
                if scene is not None:
                    found.append(scene)
                    wanted -= 1
    chance.shuffle(found)
    return found


def scene_of(kind: str, path: Path, text: str, noise: np.random.Generator) -> Scene | None:
    """The scene of one clip; None where the VAD finds nothing in it."""
    with AudioFile(path) as recording:
        clip = np.concatenate(list(read_frames(recording, None)))
    onset = vad_onset(clip)
    if onset is None:
        return None
    begin = max(round((onset - BEFORE) * SAMPLE_RATE), 0)
    shift = CLIP_AT - begin / SAMPLE_RATE
    room = noise.normal(0.0, ROOM, round(PERIOD * SAMPLE_RATE)) / 32_768.0
    at = round(CLIP_AT * SAMPLE_RATE)
    part = clip[begin : begin + round(LONGEST * SAMPLE_RATE)]
    room[at : at + len(part)] += part
    words = list(spread(text, speech_of(path, create_detector("silero")))) if kind != "coughs" else []
    said = tuple(
        Transcript(at=each.at + shift, text=each.text, final=each.final)
        for each in transcripts_of(words, LAG)
        if each.at + shift < CLIP_AT + LONGEST + LAG
    )
    samples = np.asarray(np.clip(room * 32_767.0, -32_768, 32_767), np.int16)
    return Scene(kind, samples, energy_onset(room.astype(np.float32), onset + shift), said)


async def measure(rule: Rule, part: list[Scene], results: dict[str, Measured], frames: list[float]) -> None:
    """Run one pipeline over some scenes."""
    script = [
        Transcript(at=said.at + index * PERIOD, text=said.text, final=said.final)
        for index, scene in enumerate(part)
        for said in scene.transcripts
        if rule.transcribed
    ]
    microphone = RecordedInput(np.concatenate([scene.samples for scene in part]))
    loudspeaker = SilentOutput()
    analyzer = SileroVADAnalyzer()
    params = LLMUserAggregatorParams(
        vad_analyzer=None if rule.gated else analyzer,
        # A turn ends soon, so that it does not reach into the bot's next one.
        user_turn_strategies=UserTurnStrategies(
            start=rule.starts(),
            stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.1, wait_for_transcript=False)],
        ),
        user_turn_stop_timeout=0.6,
        empty_user_turn=None,
    )
    user_aggregator, assistant_aggregator = LLMContextAggregatorPair(LLMContext(), user_params=params)
    gates = [ProsodyGate(vad_analyzer=analyzer)] if rule.gated else []
    for gate in gates:
        time_frames(gate, frames)
    processors = [microphone, ScriptedSTT(script), *gates, user_aggregator, loudspeaker, assistant_aggregator]
    worker = PipelineWorker(Pipeline(processors), enable_rtvi=False, idle_timeout_secs=None)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    while microphone.began is None:
        await asyncio.sleep(0.01)
    voice = (2_000 * np.sin(2 * np.pi * 220 * np.arange(round(SPEAKS * 24_000)) / 24_000)).astype(np.int16)
    for index, scene in enumerate(part):
        await asyncio.sleep(max(index * PERIOD - microphone.time, 0.0))
        seen = len(loudspeaker.log)
        await worker.queue_frames(speech(voice, 24_000, context_id=str(index)))
        await asyncio.sleep((index + 1) * PERIOD - microphone.time - 0.05)
        stops = [entry.at for entry in loudspeaker.log[seen:] if entry.kind == "cut"]
        result = results[scene.kind]
        result.clips += 1
        if stops:
            latency = stops[0] - microphone.began - index * PERIOD - scene.onset
            if latency < 0.0:
                result.early += 1
            result.latencies.append(latency)
    await worker.cancel()
    await running


def time_frames(gate: ProsodyGate, into: list[float]) -> None:
    """Take the time of all that the gate does with each piece of audio."""
    hear: Callable[[Any], Any] = gate._hear

    def timed(frame: Any) -> Any:
        began = time.thread_time()
        heard = hear(frame)
        into.append(time.thread_time() - began)
        return heard

    gate._hear = timed  # type: ignore[method-assign]


async def watch(lags: list[float]) -> None:
    """Note how late a timer comes, in seconds."""
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        lags.append(max(time.perf_counter() - due, 0.0))


async def measure_all(
    found: list[Scene], *, parallel: int, frames: list[float], lags: list[float]
) -> dict[str, dict[str, Measured]]:
    """Run all rules over all scenes, `parallel` pipelines at a time; notes what frames cost, and how timers lag."""
    results = {rule.name: {kind: Measured() for kind in KINDS} for rule in RULES}
    watcher = asyncio.create_task(watch(lags))
    free = asyncio.Semaphore(parallel)

    async def job(rule: Rule, part: list[Scene]) -> None:
        async with free:
            await measure(rule, part, results[rule.name], frames)

    parts = [found[begin : begin + SCENES] for begin in range(0, len(found), SCENES)]
    await asyncio.gather(*(job(rule, part) for part in parts for rule in RULES))
    watcher.cancel()
    return results


def share(measured: Measured) -> str:
    return f"{len(measured.latencies)} of {measured.clips}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--clips", type=int, default=40, help="clips of each kind")
    parser.add_argument("--parallel", type=int, default=6, help="pipelines side by side")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    pipecat_logger.remove()
    pipecat_logger.add(sys.stderr, level="ERROR")
    found = scenes(arguments.data, arguments.clips)
    minutes = len(found) * len(RULES) * PERIOD / arguments.parallel / 60
    print(f"{len(found)} clips, {len(RULES)} rules, about {minutes:.0f} minutes", file=sys.stderr)
    ProsodyGate.prewarm()
    frames: list[float] = []
    lags: list[float] = []
    results = asyncio.run(measure_all(found, parallel=arguments.parallel, frames=frames, lags=lags))
    print("| rule | affirmatives that stop the bot | coughs that do | commands that do | p50 | p95 |")
    print("|---|---|---|---|---|---|")
    for rule in RULES:
        row = results[rule.name]
        latencies = row["commands"].latencies
        stopped = " | ".join(share(row[kind]) for kind in KINDS)
        print(f"| {rule.name} | {stopped} | {percentile(latencies, 50)} | {percentile(latencies, 95)} |")
    print()
    for name, values in (("Frame", frames), ("Loop", lags)):
        p50, p99 = np.percentile(values, [50, 99]) * 1e3
        print(f"{name}: {p50:.2f} ms at the median, p99 {p99:.2f} ms, {max(values) * 1e3:.2f} ms at most")


if __name__ == "__main__":
    main()

"""How soon a real AgentSession stops, with the gate and without; prints Markdown. Runs in real time.

    python benchmarks/session_latency.py --data ../shared/data

The agent speaks, a recorded interruption is played as the user's microphone, and the time from the true onset of the
sound (by its energy) to the end of the play-out is taken. The session is set up as the documentation says, with a
speech-to-text that says nothing in either case: what stops the agent is the audio alone. "Loop" is how late a timer of
5 ms came, which is what other tasks of the process feel; on a busy machine that is mostly the machine's doing. "Step"
is the CPU time of one callback of the event loop while the agent speaks, which is the session's own doing on any
machine. `--slowest N` names the callbacks that took longest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions

from latency import energy_onset
from prosody_gate import create_detector
from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.testing import RecordedInput, SilentOutput, SilentSTT
from prosody_gate.vad import SpeechSegmenter

SETS = ("command_word", "content_word", "called_name", "spoken_order")
PERIOD, SPEAKS, CLIP_AT, LONGEST = 5.0, 3.9, 1.5, 1.9
TICK = 0.005
BEFORE = 0.3
"""Seconds of a clip before its speech."""
ROOM = 8.0
"""Standard deviation of the room's noise, in int16 steps (-72 dBFS)."""
Samples = npt.NDArray[np.int16]


@dataclass
class Measured:
    """One session."""

    latencies: list[float] = field(default_factory=list)
    missed: int = 0
    early: int = 0
    lags: list[float] = field(default_factory=list)
    steps: list[tuple[float, str]] = field(default_factory=list)
    """CPU time (s) of each callback of the event loop while the agent spoke, and what it was."""


@contextmanager
def timed_steps(steps: list[tuple[float, str]]) -> Iterator[None]:
    """Note the CPU time of each callback that any event loop of this process runs."""
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        callback = handle._callback  # type: ignore[attr-defined]
        began = time.thread_time()
        run(handle)
        taken = time.thread_time() - began
        task = getattr(callback, "__self__", None)
        name = task.get_coro() if isinstance(task, asyncio.Task) else callback
        steps.append((taken, getattr(name, "__qualname__", repr(name))))

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]


def choose(data: Path, count: int) -> list[Samples]:
    """Clips of all sets in turn, the same ones each time: from shortly before the speech that the VAD finds in each."""
    rows = [json.loads(line) for line in (data / "recordings.jsonl").read_text("utf-8").splitlines()]
    chance = random.Random(0)
    clips: dict[str, list[Samples]] = {}
    for name in SETS:
        clips[name] = []
        for row in chance.sample(of_set := [row for row in rows if row["set"] == name], k=len(of_set)):
            samples, rate = soundfile.read(data / row["audio"], dtype="int16")
            if rate != SAMPLE_RATE:
                raise SystemExit(f"{row['audio']}: is at {rate} Hz; expected {SAMPLE_RATE}")
            onset = vad_onset(samples.astype(np.float32) / 32768.0)
            if onset is not None:
                begin = max(round((onset - BEFORE) * SAMPLE_RATE), 0)
                clips[name].append(samples[begin : begin + int(LONGEST * SAMPLE_RATE)])
            if len(clips[name]) > count // len(SETS):
                break
    return [clips[SETS[index % len(SETS)]][index // len(SETS)] for index in range(count)]


def vad_onset(scene: npt.NDArray[np.float32]) -> float | None:
    """When the VAD first finds speech, in seconds; None when it finds none."""
    detector, segmenter = create_detector("silero"), SpeechSegmenter()
    for frame in scene[: len(scene) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES):
        segmenter.push(detector.frame_probability(frame))
        if segmenter.speaking:
            return segmenter.onset
    return None


def channel(clips: list[Samples]) -> Samples:
    """The user's channel of the whole session."""
    chance = np.random.default_rng(0)
    samples = chance.normal(0.0, ROOM, round(len(clips) * PERIOD * SAMPLE_RATE))
    for index, clip in enumerate(clips):
        first = round((index * PERIOD + CLIP_AT) * SAMPLE_RATE)
        samples[first : first + len(clip)] += clip
    return np.asarray(np.clip(samples, -32768, 32767), dtype=np.int16)


def onsets(samples: Samples, count: int) -> list[float | None]:
    """When each sound begins, in seconds of the channel; None for one that the VAD does not find."""
    found: list[float | None] = []
    length = round(PERIOD * SAMPLE_RATE)
    for index in range(count):
        scene = samples[index * length : (index + 1) * length].astype(np.float32) / 32768.0
        onset = vad_onset(scene)
        found.append(None if onset is None else index * PERIOD + energy_onset(scene, onset))
    return found


async def tone(seconds: float) -> AsyncIterator[rtc.AudioFrame]:
    """The agent's voice."""
    step = 24_000 // 50
    wave = (2_000 * np.sin(2 * np.pi * 220 * np.arange(step) / 24_000)).astype(np.int16)
    for _ in range(round(seconds * 50)):
        yield rtc.AudioFrame(wave.tobytes(), 24_000, 1, step)


async def measure(samples: Samples, began: list[float | None], *, gated: bool) -> Measured:
    """Run one session over the whole channel."""
    result = Measured()
    vad = ProsodyGate.prewarm()
    gate = ProsodyGate()
    plain: TurnHandlingOptions = {
        "turn_detection": "vad",
        "interruption": {"mode": "vad", "resume_false_interruption": False},
        # A turn without words ends soon, so that its end does not reach into the agent's next one.
        "endpointing": {"min_delay": 0.1},
    }
    session: AgentSession[Any] = AgentSession(
        vad=gate.vad(vad) if gated else vad,
        stt=gate.stt(SilentSTT()) if gated else SilentSTT(),
        turn_handling=gate.turn_handling(plain) if gated else plain,
        aec_warmup_duration=0,
    )
    microphone, loudspeaker = RecordedInput(samples), SilentOutput()
    session.input.audio, session.output.audio = microphone, loudspeaker
    if gated:
        gate.attach(session)
    await session.start(Agent(instructions="benchmark"))
    loop = asyncio.get_running_loop()

    async def watch() -> None:
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            result.lags.append(max(loop.time() - due, 0.0))

    watcher = asyncio.create_task(watch())
    for index, onset in enumerate(began):
        await asyncio.sleep(max(index * PERIOD - microphone.time, 0.0))
        seen = len(loudspeaker.log)
        with timed_steps(result.steps):
            await session.say("", audio=tone(SPEAKS), add_to_chat_ctx=False)
        stops = [entry.at for entry in loudspeaker.log[seen:] if entry.kind in ("cut", "pause")]
        if onset is None:
            continue
        if not stops:
            result.missed += 1
        elif (latency := stops[0] - (microphone.began or 0.0) - onset) < 0.0:
            result.early += 1
        else:
            result.latencies.append(latency)
    watcher.cancel()
    await session.aclose()
    await gate.aclose()
    return result


def percentile(latencies: list[float], share: float) -> str:
    """As the table has it; a dash when no clip stopped the agent."""
    return f"{np.percentile(latencies, share) * 1_000:.0f} ms" if latencies else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with recordings.jsonl")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="also name the N slowest steps of each")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    clips = choose(arguments.data, arguments.clips)
    samples = channel(clips)
    began = onsets(samples, len(clips))
    print("| session | clips | stopped | not | before the onset | p50 | p95 | loop p99 | loop max | step max |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    slowest = []
    for name, gated in (("LiveKit's VAD alone, 0.5 s", False), ("with the gate", True)):
        run = asyncio.run(measure(samples, began, gated=gated))
        loop = np.percentile(run.lags, 99) * 1_000, max(run.lags) * 1_000
        asked = sum(onset is not None for onset in began)
        run.steps.sort(reverse=True)
        slowest += [f"{name}: {taken * 1_000:.2f} ms, {what}" for taken, what in run.steps[: arguments.slowest]]
        print(
            f"| {name} | {asked} | {len(run.latencies)} | {run.missed} | {run.early} "
            f"| {percentile(run.latencies, 50)} | {percentile(run.latencies, 95)} "
            f"| {loop[0]:.1f} ms | {loop[1]:.1f} ms | {run.steps[0][0] * 1_000:.1f} ms |",
            flush=True,
        )
    for line in slowest:
        print(line)


if __name__ == "__main__":
    main()

"""What the gate costs, side by side with Silero's own inference in the same run.

    python benchmarks/cpu.py ../shared/data/echo/nearend_singletalk_mic.flac

One core, CPU time of the thread over one recording, so that other work on the machine does not count. Idle: the agent
is silent. Overlap: the agent speaks throughout and nothing is ever decided, so that every frame of speech is a frame of
an overlap; the first second and the first three are shares of one core, over all overlaps that last as long. The
longest update without the listener is the longest that an event loop waits: in a session the listener has a thread of
its own. Echo guard: the agent plays the recording and the microphone has it 0.1 s later; its longest frame is one in
which the delay is measured, or one beside new cancellers.
Onset: the frame in which an overlap begins, on the event loop's thread, with the default listener on a thread of its
own, as in a session.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from prosody_gate.audio import FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE, AudioFile
from prosody_gate.echo import EchoGuard, to_int16
from prosody_gate.evidence import SpeechEmbedding
from prosody_gate.gate import Gate, GateOptions, GateState
from prosody_gate.gate_factory import GateFactory
from prosody_gate.lexicon import Lexicon
from prosody_gate.listener import PhonemeListener
from prosody_gate.replay import read_frames
from prosody_gate.session import ThreadedListener
from prosody_gate.vad import create_detector

UNDECIDED = GateOptions(confirm_probability=0.999, sensitivity=0.0, prior=-5.0, max_hold=30.0)
GATES = 40
ONSET_RUNS = 5
PACE = 0.004
"""Seconds between two frames, in which the listener's thread works: eight times as fast as a call."""
ECHO_DELAY = 3 * FRAME_DURATION
Frames = list[npt.NDArray[np.float32]]


def detector_times(frames: Frames) -> tuple[list[float], list[float]]:
    """Seconds and probability of Silero's inference, frame by frame."""
    detector = create_detector("silero")
    seconds, probabilities = [], []
    for frame in frames:
        start = time.thread_time()
        probabilities.append(detector.frame_probability(frame))
        seconds.append(time.thread_time() - start)
    return seconds, probabilities


def gate_times(frames: Frames, probabilities: list[float], gate: Gate) -> list[tuple[GateState, float]]:
    """The gate's state after each frame and the seconds the frame took."""
    taken = []
    for frame, probability in zip(frames, probabilities, strict=True):
        start = time.thread_time()
        gate.push(frame, probability)
        taken.append((gate.state, time.thread_time() - start))
    if gate.failure is not None:
        raise gate.failure
    return taken


def echo_guard_times(frames: Frames) -> list[float]:
    """Seconds of CPU that the echo guard takes for each frame, while the agent plays what comes back a little later."""
    played = [to_int16(frame) for frame in frames]
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    guard, taken = EchoGuard(SAMPLE_RATE), []
    for index, frame in enumerate(played):
        echo = (
            played[index - round(ECHO_DELAY / FRAME_DURATION)] // 2 if index * FRAME_DURATION > ECHO_DELAY else silence
        )
        start = time.thread_time()
        guard.played(frame, index * FRAME_DURATION)
        guard.clean(echo, index * FRAME_DURATION)
        taken.append(time.thread_time() - start)
    return taken


def onset_times(frames: Frames, probabilities: list[float]) -> list[float]:
    """Seconds of CPU for each frame in which an overlap begins."""
    factory, taken = GateFactory.create(), []
    listener = factory.make_listener()
    for _ in range(ONSET_RUNS):
        threaded = None if listener is None else ThreadedListener(listener)
        gate = factory.gate(options=UNDECIDED, listener=threaded)
        gate.agent_started(float("-inf"))
        for frame, probability in zip(frames, probabilities, strict=True):
            before, start = gate.state, time.thread_time()
            gate.push(frame, probability)
            if gate.state is GateState.HOLDING and before is not GateState.HOLDING:
                taken.append(time.thread_time() - start)
            time.sleep(PACE)
        if threaded is not None:
            threaded.close(wait=60.0)
    return taken


def beginnings(taken: list[tuple[GateState, float]], seconds: float) -> list[float]:
    """The share of one core over the first seconds of each overlap that lasts so long, from its hold on."""
    length, shares = round(seconds / FRAME_DURATION), []
    run: list[float] = []
    for state, one in [*taken, (GateState.IDLE, 0.0)]:
        if state is GateState.HOLDING:
            run.append(one)
            continue
        if len(run) >= length:
            shares.append(sum(run[:length]) / (length * FRAME_DURATION))
        run = []
    return shares


def memory_of_models() -> float:
    """Resident MB of what all gates of a process share: Silero, the speech embedding, the listener and its phrases."""
    process = psutil.Process()
    before = process.memory_info().rss
    create_detector("silero")
    SpeechEmbedding().push(np.zeros(FRAME_SAMPLES, np.float32))
    PhonemeListener().start(np.zeros(FRAME_SAMPLES, np.float32), onset=0.0)
    return float((process.memory_info().rss - before) / 1e6)


def memory_per_gate(frames: Frames, lexicon: Lexicon, *, listener: bool) -> float:
    """Resident MB that one more gate adds, after it has seen speech."""
    process = psutil.Process()
    gates = []

    def add() -> None:
        gate = Gate(UNDECIDED, lexicon=lexicon, listener=PhonemeListener() if listener else None)
        gate.agent_started(0.0)
        for frame in frames[:100]:
            gate.push(frame, 1.0)
        gates.append(gate)

    add()
    gc.collect()
    before = process.memory_info().rss
    for _ in range(GATES):
        add()
    gc.collect()
    return float((process.memory_info().rss - before) / GATES / 1e6)


def measure(path: Path) -> dict[str, object]:
    """All figures for one recording."""
    with AudioFile(path) as recording:
        frames = list(read_frames(recording, 0))
    lexicon, models = Lexicon.load(), memory_of_models()
    silero, probabilities = detector_times(frames)
    idle = [seconds for _, seconds in gate_times(frames, probabilities, Gate(UNDECIDED, lexicon=lexicon))]

    def overlap_times(listener: PhonemeListener | None) -> list[tuple[GateState, float]]:
        gate = Gate(UNDECIDED, lexicon=lexicon, listener=listener)
        gate.agent_started(float("-inf"))
        return gate_times(frames, probabilities, gate)

    # The first run of a process loads models and fills caches.
    overlap_times(PhonemeListener())
    bare, whole = overlap_times(None), overlap_times(PhonemeListener())
    overlap = [seconds for state, seconds in bare if state is GateState.HOLDING]
    with_listener = [seconds for state, seconds in whole if state is GateState.HOLDING]
    base = float(np.median(silero))
    onsets = onset_times(frames, probabilities)
    guard = echo_guard_times(frames)
    listening = (sum(with_listener) - sum(overlap)) / (len(overlap) * FRAME_DURATION)
    return {
        "recording": path.name,
        "seconds": round(len(frames) * FRAME_DURATION, 1),
        "overlap_frames": len(overlap),
        "silero_ms": round(base * 1e3, 4),
        "idle_ms": round(float(np.median(idle)) * 1e3, 4),
        "idle_ratio": round(float(np.median(idle)) / base, 3),
        "overlap_ms": round(float(np.median(overlap)) * 1e3, 4),
        "overlap_ratio": round(float(np.median(overlap)) / base, 3),
        "overlap_mean_ratio": round(float(np.mean(overlap)) / base, 3),
        "overlap_longest_ms": round(max(seconds for _, seconds in bare) * 1e3, 2),
        "first_second_share_of_core": round(float(np.mean(beginnings(whole, 1.0))), 4),
        "first_3_s_share_of_core": round(float(np.mean(beginnings(whole, 3.0) or [np.nan])), 4),
        "listener_share_of_real_time": round(listening, 4),
        "onset_ms": round(float(np.median(onsets)) * 1e3, 2),
        "onset_longest_ms": round(max(onsets) * 1e3, 2),
        "echo_guard_ms": round(float(np.median(guard)) * 1e3, 4),
        "echo_guard_ratio": round(float(np.median(guard)) / base, 3),
        "echo_guard_longest_ms": round(max(guard) * 1e3, 2),
        "memory_mb_of_models": round(models, 1),
        "memory_mb_per_gate": round(memory_per_gate(frames, lexicon, listener=False), 2),
        "memory_mb_per_gate_with_listener": round(memory_per_gate(frames, lexicon, listener=True), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="a recording of speech; the first channel is used")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures = measure(arguments.recording)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, one core")
    for name, value in figures.items():
        print(f"{name:36} {value}")


if __name__ == "__main__":
    main()

"""A real Pipecat pipeline on a recorded call: no key, no server, no microphone.

    python examples/pipecat_offline.py                          # the bundled conversation, 46 s
    python examples/pipecat_offline.py --without-gate           # the same call with Pipecat's VAD alone
    python examples/pipecat_offline.py call.wav --agent-channel 1 --user-channel 0

The agent's channel is played as what the bot says, the user's channel is the microphone. When the pipeline stops the
bot, the rest of what it was saying is not played.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from loguru import logger as pipecat_logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from prosody_gate import AudioFile, GateEvent, create_detector
from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.pipecat import ProsodyGate
from prosody_gate.pipecat.testing import RecordedInput, SilentOutput, SilentSTT, speech
from prosody_gate.replay import Span, read_frames, spans_of_channel

DEMO = Path(__file__).with_name("demo.flac")
Samples = npt.NDArray[np.int16]


def read_channel(path: Path, channel: int) -> Samples:
    """One channel of a recording, int16 at 16 kHz."""
    with AudioFile(path) as recording:
        frames = list(read_frames(recording, channel))
    return np.asarray(np.concatenate(frames) * 32767.0, dtype=np.int16)


def agent_turns(samples: Samples) -> tuple[Span, ...]:
    """When the agent speaks."""
    whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return spans_of_channel((frame.astype(np.float32) / 32768.0 for frame in whole), create_detector("silero"))


async def run(path: Path, *, agent_channel: int, user_channel: int, gated: bool, seconds: float | None) -> None:
    limit = None if seconds is None else int(seconds * SAMPLE_RATE)
    agent = read_channel(path, agent_channel)[:limit]
    user = read_channel(path, user_channel)[:limit]

    microphone, loudspeaker = RecordedInput(user), SilentOutput(SAMPLE_RATE)
    analyzer = SileroVADAnalyzer()
    params = LLMUserAggregatorParams(
        vad_analyzer=None if gated else analyzer,
        # Nothing is transcribed here, so a turn must end without words.
        user_turn_strategies=UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(wait_for_transcript=False)]),
    )
    user_aggregator, assistant_aggregator = LLMContextAggregatorPair(LLMContext(), user_params=params)
    gate = ProsodyGate(vad_analyzer=analyzer) if gated else None
    held = [] if gate is None else [gate]
    pipeline = Pipeline([microphone, SilentSTT(), *held, user_aggregator, loudspeaker, assistant_aggregator])

    async def show(_: ProsodyGate, event: GateEvent) -> None:
        heard = f'  "{event.text}"' if event.text else ""
        print(
            f"{microphone.time:6.2f} s  {event.kind.value:<8} {event.reason:<14} "
            f"P {event.probability:.2f}  {event.latency:.2f} s after its onset{heard}",
            flush=True,
        )

    if gate is not None:
        gate.add_event_handler("on_decision", show)
    worker = PipelineWorker(pipeline, enable_rtvi=False, idle_timeout_secs=None)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    seen = 0
    for number, turn in enumerate(agent_turns(agent)):
        await asyncio.sleep(max(turn.start - microphone.time, 0.0))
        print(f"{microphone.time:6.2f} s  the bot speaks", flush=True)
        said = agent[int(microphone.time * SAMPLE_RATE) : int(turn.end * SAMPLE_RATE)]
        await worker.queue_frames(speech(said, SAMPLE_RATE, context_id=str(number)))
        while not [playout for playout in loudspeaker.log[seen:] if playout.kind != "play"]:
            await asyncio.sleep(0.02)
        for playout in loudspeaker.log[seen:]:
            if playout.kind != "play":
                print(f"{playout.at - (microphone.began or 0.0):6.2f} s  the bot: {playout.kind}", flush=True)
        seen = len(loudspeaker.log)
    await microphone.ended.wait()
    await worker.cancel()
    await running
    if gate is not None:
        print(gate.metrics.to_dict())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=DEMO, help="a file with two channels")
    parser.add_argument("--agent-channel", type=int, default=0, help="counted from 0")
    parser.add_argument("--user-channel", type=int, default=1, help="counted from 0")
    parser.add_argument("--without-gate", action="store_true", help="Pipecat's VAD alone, to compare")
    parser.add_argument("--seconds", type=float, help="only the first seconds of the recording")
    parser.add_argument("--verbose", action="store_true", help="show the logs")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.ERROR)
    pipecat_logger.remove()
    pipecat_logger.add(sys.stderr, level="DEBUG" if arguments.verbose else "ERROR")
    asyncio.run(
        run(
            arguments.recording,
            agent_channel=arguments.agent_channel,
            user_channel=arguments.user_channel,
            gated=not arguments.without_gate,
            seconds=arguments.seconds,
        )
    )


if __name__ == "__main__":
    main()

"""A real AgentSession on a recorded call: no key, no server, no microphone.

    python examples/offline_session.py                          # the bundled conversation, 46 s
    python examples/offline_session.py --without-gate           # the same call with LiveKit's VAD alone
    python examples/offline_session.py call.wav --agent-channel 1 --user-channel 0

The agent's channel is played as the agent's speech, the user's channel is the microphone. When the session stops the
agent, the rest of what it was saying is not played.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from livekit import rtc
from livekit.agents import Agent, AgentSession, TurnHandlingOptions
from livekit.plugins import silero

from prosody_gate import AudioFile, GateEvent, create_detector
from prosody_gate.audio import FRAME_SAMPLES, SAMPLE_RATE
from prosody_gate.livekit import ProsodyGate
from prosody_gate.livekit.testing import RecordedInput, SilentOutput, SilentSTT
from prosody_gate.replay import Span, read_frames, spans_of_channel

DEMO = Path(__file__).with_name("demo.flac")
Samples = npt.NDArray[np.int16]

# Without words LiveKit would take each interruption for a false one, and resume after 2 s.
INTERRUPTION: TurnHandlingOptions = {"interruption": {"mode": "vad", "resume_false_interruption": False}}


def read_channel(path: Path, channel: int) -> Samples:
    """One channel of a recording, int16 at 16 kHz."""
    with AudioFile(path) as recording:
        frames = list(read_frames(recording, channel))
    return np.asarray(np.concatenate(frames) * 32767.0, dtype=np.int16)


def agent_turns(samples: Samples) -> tuple[Span, ...]:
    """When the agent speaks."""
    whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return spans_of_channel((frame.astype(np.float32) / 32768.0 for frame in whole), create_detector("silero"))


async def spoken(samples: Samples) -> AsyncIterator[rtc.AudioFrame]:
    """The agent's voice, as a text-to-speech service would stream it."""
    step = SAMPLE_RATE // 50
    for start in range(0, len(samples) - step + 1, step):
        yield rtc.AudioFrame(samples[start : start + step].tobytes(), SAMPLE_RATE, 1, step)


async def run(path: Path, *, agent_channel: int, user_channel: int, gated: bool, seconds: float | None) -> None:
    limit = None if seconds is None else int(seconds * SAMPLE_RATE)
    agent = read_channel(path, agent_channel)[:limit]
    user = read_channel(path, user_channel)[:limit]

    gate = ProsodyGate()
    vad = silero.VAD.load()
    session: AgentSession[None] = AgentSession(
        vad=gate.vad(vad) if gated else vad,
        stt=gate.stt(SilentSTT()) if gated else SilentSTT(),
        turn_handling=gate.turn_handling(INTERRUPTION) if gated else INTERRUPTION,
        aec_warmup_duration=0,
    )
    microphone, loudspeaker = RecordedInput(user), SilentOutput(SAMPLE_RATE)
    session.input.audio, session.output.audio = microphone, loudspeaker

    def show(event: GateEvent) -> None:
        heard = f'  "{event.text}"' if event.text else ""
        print(
            f"{microphone.time:6.2f} s  {event.kind.value:<8} {event.reason:<14} "
            f"P {event.probability:.2f}  {event.latency:.2f} s after its onset{heard}",
            flush=True,
        )

    if gated:
        gate.on("decision", show)
        gate.attach(session)
    await session.start(Agent(instructions="The words come from the recording."))

    seen = 0
    for turn in agent_turns(agent):
        await asyncio.sleep(max(turn.start - microphone.time, 0.0))
        while session.user_state == "speaking":  # LiveKit waits for the end of the user's turn; so does this agent
            await asyncio.sleep(0.02)
        print(f"{microphone.time:6.2f} s  the agent speaks", flush=True)
        audio = spoken(agent[int(microphone.time * SAMPLE_RATE) : int(turn.end * SAMPLE_RATE)])
        handle = session.say("", audio=audio, add_to_chat_ctx=False)
        while not handle.done():
            await asyncio.sleep(0.02)
            for playout in loudspeaker.log[seen:]:
                if playout.kind in ("pause", "resume", "cut", "end"):
                    at = playout.at - (microphone.began or 0.0)
                    print(f"{at:6.2f} s  the agent: {playout.kind}", flush=True)
            seen = len(loudspeaker.log)
    await microphone.ended.wait()
    await session.aclose()
    if gated:
        print(gate.metrics.to_dict())
    await gate.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=DEMO, help="a file with two channels")
    parser.add_argument("--agent-channel", type=int, default=0, help="counted from 0")
    parser.add_argument("--user-channel", type=int, default=1, help="counted from 0")
    parser.add_argument("--without-gate", action="store_true", help="LiveKit's VAD alone, to compare")
    parser.add_argument("--seconds", type=float, help="only the first seconds of the recording")
    parser.add_argument("--verbose", action="store_true", help="show the logs")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if arguments.verbose else logging.ERROR)
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

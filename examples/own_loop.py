"""The gate in a loop of your own, without LiveKit: audio from a file, a microphone or a WebSocket in, actions out.

    python examples/own_loop.py                     # the bundled call, as fast as it goes
    python examples/own_loop.py --microphone        # talk over the agent; wear headphones
    python examples/own_loop.py --websocket 8765    # a client sends audio, and is told when to stop the agent

`Conversation` is the part to copy: it takes audio in chunks of any length, transcripts, and the agent's turns, and says
what to do. Around it stand three places where audio may come from.

The WebSocket takes binary messages, 16-bit mono PCM at 16 kHz, and text messages: {"agent": "started"}, {"agent":
"stopped"}, {"transcript": "wait", "final": true, "start": 3.1, "end": 3.4} (seconds of the audio sent so far; start and
end where known). It answers {"do": "stop", ...}, and so on; see `Conversation`.

The microphone needs `pip install 'prosody-gate[record]'`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiohttp import WSMsgType, web

from prosody_gate import (
    AudioFeed,
    AudioFile,
    GateEvent,
    GateEventKind,
    GateFactory,
    ProsodyGateError,
    Transcript,
    create_detector,
)
from prosody_gate.audio import Resampler
from prosody_gate.replay import read_frames, spans_of_channel

DEMO = Path(__file__).with_name("demo.flac")
CHUNK_SECONDS = 0.02

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Action:
    """What the application has to do."""

    do: str
    """`lower` or `raise` the agent's voice, `stop` the agent, or `answer` what the user said."""
    time: float
    """Seconds of audio so far."""
    text: str = ""
    """What the user said, as far as it is known."""

    def to_json(self) -> str:
        """For the WebSocket."""
        return json.dumps({"do": self.do, "time": round(self.time, 3), "text": self.text})


class Conversation:
    """One call: audio, transcripts and the agent's turns in, actions out.

    Args:
        sample_rate: Of the user's audio, 8000 to 48000 Hz.
        expects_transcripts: Whether a recogniser runs beside the gate.
    """

    def __init__(self, sample_rate: int, *, expects_transcripts: bool = False) -> None:
        self._gate = GateFactory.create().gate(expects_transcripts=expects_transcripts)
        self._feed = AudioFeed(self._gate, sample_rate)
        self._waiting: list[Transcript] = []

    @property
    def agent_speaking(self) -> bool:
        """Whether the agent speaks, as far as the gate knows."""
        return self._gate.agent_speaking

    @property
    def time(self) -> float:
        """Seconds of audio so far."""
        return self._feed.time

    def audio(self, samples: Samples) -> list[Action]:
        """A chunk of the user's audio, int16 or float32, of any length."""
        return self._act(self._feed.push(samples))

    def agent_started(self) -> list[Action]:
        """The agent's first sound is played now."""
        return self._act(self._gate.agent_started(self.time))

    def agent_stopped(self) -> list[Action]:
        """The agent's last sound was played."""
        return self._act(self._gate.agent_stopped(self.time))

    def transcript(
        self, text: str, *, final: bool, start: float | None = None, end: float | None = None
    ) -> list[Action]:
        """Text from the recogniser, when it arrives; start and end in seconds of the audio, where known."""
        transcript = Transcript(at=self.time, text=text, final=final, start=start, end=end)
        actions = self._act(self._gate.push_transcript(transcript))
        if final:
            self._waiting.append(transcript)
        return actions + self._answers()

    def close(self) -> list[Action]:
        """The call ends."""
        return self._act(self._feed.close())

    def _act(self, events: list[GateEvent]) -> list[Action]:
        actions = []
        for event in events:
            if event.kind is GateEventKind.HOLD:
                # The user makes a sound: not yet a reason to stop, but a softer voice is polite.
                actions.append(Action("lower", event.time))
            elif event.kind is GateEventKind.CANCEL:
                actions.append(Action("raise", event.time, event.text))
            elif event.kind is GateEventKind.CONFIRM:
                actions.append(Action("stop", event.time, event.text))
                # The agent falls silent at once: what the user says from here on is the user's turn.
                self._gate.agent_stopped(event.time)
        return actions + self._answers()

    def _answers(self) -> list[Action]:
        """Hand on the finals that belong to the user's turn; drop those of cancelled speech."""
        answers = []
        for transcript in list(self._waiting):
            overlap = self._gate.overlap_of(transcript)
            if overlap is not None and overlap.decision is None:
                continue
            self._waiting.remove(transcript)
            if overlap is None or overlap.decision is not GateEventKind.CANCEL:
                answers.append(Action("answer", self.time, transcript.text))
        return answers


def show(actions: list[Action]) -> None:
    """Where your application would turn the volume, stop the player and ask the model."""
    for action in actions:
        print(f"{action.time:6.2f} s  {action.do:<6} {action.text}", flush=True)


def run_file(path: Path) -> None:
    """A recorded call with the agent on channel 0 and the user on channel 1."""
    with AudioFile(path) as recording:
        # Live, the player knows when the agent speaks.
        agent = list(spans_of_channel(read_frames(recording, 0), create_detector("silero")))
        conversation = Conversation(recording.sample_rate)
        for chunk in recording.blocks(1, seconds=CHUNK_SECONDS):
            if agent and not conversation.agent_speaking and conversation.time >= agent[0].start:
                show(conversation.agent_started())
            if agent and conversation.time >= agent[0].end:
                show(conversation.agent_stopped())
                agent.pop(0)
            actions = conversation.audio(chunk)
            if any(action.do == "stop" for action in actions):
                agent.pop(0)
            show(actions)
        show(conversation.close())


def run_microphone() -> None:
    """This machine's microphone, while the agent of the bundled call talks on the loudspeaker, over and over."""
    try:
        import sounddevice
    except ImportError:
        sys.exit("--microphone: sounddevice is not installed; install it with pip install 'prosody-gate[record]'")
    except OSError:
        sys.exit("--microphone: PortAudio is not installed; install it, on Debian and Ubuntu apt install libportaudio2")
    chunks: queue.Queue[Samples] = queue.Queue()
    voice = agents_voice()
    played = len(voice)
    volume = 1.0

    def callback(captured: Samples, playing: Samples, frames: int, *_: Any) -> None:
        # On PortAudio's own thread: it copies, and leaves the work to the loop below.
        nonlocal played
        chunks.put(captured[:, 0].copy())
        part = voice[played : played + frames]
        played += len(part)
        playing.fill(0)
        playing[: len(part), 0] = part * volume

    conversation = Conversation(16_000)
    try:
        with sounddevice.Stream(samplerate=16_000, channels=1, dtype="float32", callback=callback):
            print('the agent speaks; say "mm-hm", then "wait". Ctrl-C ends it.')
            silent_since = -3.0
            while True:
                actions = conversation.audio(chunks.get())
                for action in actions:
                    volume = {"lower": 0.4, "raise": 1.0}.get(action.do, volume)
                    if action.do == "stop":
                        played, silent_since = len(voice), conversation.time
                show(actions)
                if conversation.agent_speaking and played >= len(voice):
                    show(conversation.agent_stopped())
                    silent_since = conversation.time
                if not conversation.agent_speaking and conversation.time - silent_since > 3.0:
                    played, volume = 0, 1.0
                    show(conversation.agent_started())
    except sounddevice.PortAudioError as error:
        sys.exit(f"--microphone: no microphone and loudspeaker to be used ({' '.join(str(error).split())})")
    except KeyboardInterrupt:
        show(conversation.close())


def agents_voice() -> Samples:
    """The agent's first turn of the bundled call, float32 at 16 kHz."""
    with AudioFile(DEMO) as recording:
        resampler = Resampler(recording.sample_rate)
        samples = np.concatenate([resampler.push(block) for block in recording.blocks(0)])
    return samples[4 * 16_000 : 27 * 16_000]


async def take_call(request: web.Request) -> web.WebSocketResponse:
    """One client of the WebSocket server."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    conversation = Conversation(16_000, expects_transcripts=True)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            # The gate and its recogniser take up to some 10 ms a chunk: too long for the event loop.
            actions = await asyncio.to_thread(conversation.audio, np.frombuffer(message.data, np.int16))
        else:
            fields = json.loads(message.data)
            if "agent" in fields:
                started = fields["agent"] == "started"
                actions = conversation.agent_started() if started else conversation.agent_stopped()
            else:
                actions = conversation.transcript(
                    fields["transcript"],
                    final=fields.get("final", False),
                    start=fields.get("start"),
                    end=fields.get("end"),
                )
        for action in actions:
            await socket.send_str(action.to_json())
    return socket


def application() -> web.Application:
    """The WebSocket server, at /."""
    app = web.Application()
    app.router.add_get("/", take_call)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=DEMO, help="agent on channel 0, user on channel 1")
    parser.add_argument("--microphone", action="store_true", help="listen to this machine's microphone instead")
    parser.add_argument("--websocket", type=int, metavar="PORT", help="serve clients on this port instead")
    arguments = parser.parse_args()
    try:
        if arguments.websocket is not None:
            web.run_app(application(), host="127.0.0.1", port=arguments.websocket)
        elif arguments.microphone:
            run_microphone()
        else:
            run_file(arguments.recording)
    except ProsodyGateError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

"""A voice agent that talks through "mm-hm" and stops for "wait".

    export DEEPGRAM_API_KEY=... OPENAI_API_KEY=...
    python examples/voice_agent.py console     # in the terminal, with this machine's microphone

    export LIVEKIT_URL=... LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=...
    python examples/voice_agent.py dev         # in a room, reloads on changes

Needs the extra `agent` (`pip install 'prosody-gate[agent]'`), and for `console` PortAudio (on Debian and Ubuntu
`apt install libportaudio2`). Speech-to-text and speech are Deepgram's, the model is OpenAI's. Any other LiveKit plugin
can take their place.
"""

from __future__ import annotations

import logging
import sys

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli

from prosody_gate import GateEvent
from prosody_gate.livekit import ProsodyGate

try:
    from livekit.plugins import deepgram, openai
except ImportError:
    sys.exit(
        "voice_agent.py: livekit-plugins-deepgram and livekit-plugins-openai are not installed; "
        "install them with pip install 'prosody-gate[agent]'"
    )

logger = logging.getLogger("voice-agent")

INSTRUCTIONS = (
    "You are a friendly voice assistant. Speak in short sentences. When you are asked to explain something, take your "
    "time: three or four sentences."
)


def prewarm(process: JobProcess) -> None:
    """Load the models before a call comes."""
    process.userdata["vad"] = ProsodyGate.prewarm()


server = AgentServer(setup_fnc=prewarm)


@server.rtc_session()
async def entrypoint(context: JobContext) -> None:
    """One call."""
    gate = ProsodyGate()
    session: AgentSession[None] = AgentSession(
        vad=gate.vad(context.proc.userdata["vad"]),
        stt=gate.stt(deepgram.STT(model="nova-3")),
        llm=openai.LLM(model="gpt-4.1-mini"),
        tts=deepgram.TTS(),
        turn_handling=gate.turn_handling(),
    )
    gate.attach(session)

    @gate.on("decision")
    def decided(event: GateEvent) -> None:
        # Not what the user said: `event.text` has that.
        logger.info("%s (%s) after %.2f s", event.kind.value, event.reason, event.latency)

    async def say_what_happened() -> None:
        logger.info("the gate in this call: %s", gate.metrics.to_dict())

    context.add_shutdown_callback(say_what_happened)
    await session.start(Agent(instructions=INSTRUCTIONS), room=context.room)
    await session.generate_reply(instructions="Greet the user, and offer to explain anything at length.")


def check_sound_device() -> None:
    """Say in one line what `console` lacks: LiveKit would end in a traceback."""
    try:
        import sounddevice  # noqa: F401
    except ImportError:
        sys.exit("voice_agent.py console: sounddevice is not installed; install it with pip install sounddevice")
    except OSError:
        sys.exit(
            "voice_agent.py console: PortAudio is not installed; install it, on Debian and Ubuntu with "
            "apt install libportaudio2, on macOS with brew install portaudio"
        )


if __name__ == "__main__":
    if "console" in sys.argv[1:] and "--help" not in sys.argv:
        check_sound_device()
    cli.run_app(server)

"""A Pipecat bot that talks through "mm-hm" and stops for "wait".

    export DEEPGRAM_API_KEY=... OPENAI_API_KEY=...
    python examples/pipecat_agent.py            # with this machine's microphone and loudspeaker; use headphones

Needs the extra `pipecat` (`pip install 'prosody-gate[pipecat]'`), Pipecat's own parts for Deepgram and the sound card
(`pip install 'pipecat-ai[deepgram,local]'`), and PortAudio (on Debian and Ubuntu `apt install portaudio19-dev`).
Speech-to-text and speech are Deepgram's, the model is OpenAI's. Any other service of Pipecat's can take their place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

try:
    from pipecat.audio.vad.silero import SileroVADAnalyzer
    from pipecat.frames.frames import LLMMessagesAppendFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
    from pipecat.services.deepgram.stt import DeepgramSTTService
    from pipecat.services.deepgram.tts import DeepgramTTSService
    from pipecat.services.openai.llm import OpenAILLMService
    from pipecat.transports.local.audio import LocalAudioTransport, LocalAudioTransportParams
    from pipecat.workers.runner import WorkerRunner
except Exception as error:  # Pipecat raises errors of several kinds for what is not installed
    sys.exit(
        f"pipecat_agent.py: Pipecat, or a part of it, is not installed ({error}); "
        "install it with pip install 'prosody-gate[pipecat]' 'pipecat-ai[deepgram,local]'"
    )

from prosody_gate import GateEvent
from prosody_gate.pipecat import ProsodyGate

logger = logging.getLogger("pipecat-agent")

KEYS = ("DEEPGRAM_API_KEY", "OPENAI_API_KEY")
INSTRUCTIONS = (
    "You are a friendly voice assistant. Speak in short sentences. When you are asked to explain something, take your "
    "time: three or four sentences."
)
GREETING = "Greet the user, and offer to explain anything at length."


async def decided(_: ProsodyGate, event: GateEvent) -> None:
    # Not what the user said: `event.text` has that.
    logger.info("%s (%s) after %.2f s", event.kind.value, event.reason, event.latency)


async def run() -> None:
    """One call."""
    deepgram_key = os.environ["DEEPGRAM_API_KEY"]
    transport = LocalAudioTransport(LocalAudioTransportParams(audio_in_enabled=True, audio_out_enabled=True))
    context = LLMContext([{"role": "system", "content": INSTRUCTIONS}])
    user_aggregator, assistant_aggregator = LLMContextAggregatorPair(context)  # no vad_analyzer: the gate has it
    gate = ProsodyGate(vad_analyzer=SileroVADAnalyzer())
    gate.add_event_handler("on_decision", decided)
    pipeline = Pipeline(
        [
            transport.input(),
            DeepgramSTTService(api_key=deepgram_key),
            gate,
            user_aggregator,
            OpenAILLMService(api_key=os.environ["OPENAI_API_KEY"]),
            DeepgramTTSService(api_key=deepgram_key),
            transport.output(),
            assistant_aggregator,
        ]
    )
    worker = PipelineWorker(pipeline)
    await worker.queue_frame(LLMMessagesAppendFrame([{"role": "developer", "content": GREETING}], run_llm=True))
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await runner.run()
    logger.info("the gate in this call: %s", gate.metrics.to_dict())


def main() -> None:
    missing = [key for key in KEYS if not os.environ.get(key)]
    if missing:
        sys.exit(f"pipecat_agent.py: {' and '.join(missing)} not set; export the keys of Deepgram and OpenAI")
    logging.basicConfig(level=logging.INFO)
    ProsodyGate.prewarm()
    asyncio.run(run())


if __name__ == "__main__":
    main()

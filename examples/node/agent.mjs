// A Node voice agent that talks through "mm-hm" and stops for "wait": the gate is `prosody-gate serve`.
//
//     prosody-gate serve                                         # in another terminal
//     npm install
//     export LIVEKIT_INFERENCE_URL=http://127.0.0.1:8080
//     export LIVEKIT_URL=... LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=...
//     export DEEPGRAM_API_KEY=... OPENAI_API_KEY=...
//     node agent.mjs dev
//
// Nothing here knows of the gate: LIVEKIT_INFERENCE_URL says where it is, and the mode asks for it. Adaptive mode wants
// a recogniser that streams and gives the times of its words.
import { fileURLToPath } from 'node:url';
import { cli, defineAgent, inference, voice, WorkerOptions } from '@livekit/agents';
import * as deepgram from '@livekit/agents-plugin-deepgram';
import * as openai from '@livekit/agents-plugin-openai';

const INSTRUCTIONS =
  'You are a friendly voice assistant. Speak in short sentences. When you are asked to explain something, take your ' +
  'time: three or four sentences.';

export default defineAgent({
  entry: async (context) => {
    const session = new voice.AgentSession({
      vad: new inference.VAD(),
      stt: new deepgram.STT({ model: 'nova-3' }),
      llm: new openai.LLM({ model: 'gpt-4.1-mini' }),
      tts: new deepgram.TTS(),
      turnHandling: { interruption: { mode: 'adaptive' } },
    });
    session.on(voice.AgentSessionEventTypes.OverlappingSpeech, (event) => {
      const verdict = event.isInterruption ? 'interruption' : 'no interruption';
      console.log(`${verdict}, P ${event.probability.toFixed(2)}, ${Math.round(1000 * event.detectionDelayInS)} ms`);
    });
    await context.connect();
    await session.start({ agent: new voice.Agent({ instructions: INSTRUCTIONS }), room: context.room });
    session.say('Hello. Ask me to explain something, and then interrupt me.');
  },
});

cli.runApp(new WorkerOptions({ agent: fileURLToPath(import.meta.url) }));

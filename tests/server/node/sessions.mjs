// LiveKit's own Node agents, unchanged, on recorded audio in real time: no room, no model, no key but the gate's.
//
//   node sessions.mjs plan.json > result.json
//
// The plan has a session each: `samples` (a file of 16-bit mono at 16 kHz) and `agentSpeaks` (start and length, in
// seconds of the samples). The result has, of each, when the agent played and was cut, and LiveKit's own events.
import { readFileSync, writeSync } from 'node:fs';
import { ReadableStream } from 'node:stream/web';
import { inference, initializeLogger, stt, voice } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';

const RATE = 16_000;
const STEP = RATE / 100;
const AFTERWARDS = 500;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A microphone that plays a recording, then silence. */
class RecordedInput extends voice.AudioInput {
  constructor(samples) {
    super();
    let position = 0;
    const began = (this.began = Date.now());
    this.ended = new Promise((resolve) => (this.end = resolve));
    const end = this.end;
    this.multiStream.addInputStream(
      new ReadableStream({
        async pull(controller) {
          const frame = new Int16Array(STEP);
          frame.set(samples.subarray(position, position + STEP));
          position += STEP;
          if (position >= samples.length) end();
          await sleep(began + (1000 * position) / RATE - Date.now());
          controller.enqueue(new AudioFrame(frame, RATE, 1, STEP));
        },
      }),
    );
  }
  get time() {
    return (Date.now() - this.began) / 1000;
  }
}

/** A loudspeaker without sound that plays in real time and can pause. */
class SilentOutput extends voice.AudioOutput {
  constructor(microphone) {
    super(24_000, undefined, { pause: true });
    this.microphone = microphone;
    this.log = [];
    this.reset();
  }
  reset() {
    this.pushed = this.played = 0;
    this.since = undefined;
    this.paused = this.flushed = this.started = false;
    clearTimeout(this.timer);
  }
  get position() {
    const running = this.since === undefined ? 0 : (Date.now() - this.since) / 1000;
    return Math.min(this.played + running, this.pushed);
  }
  note(kind) {
    this.log.push([kind, this.microphone.time]);
  }
  async captureFrame(frame) {
    await super.captureFrame(frame);
    this.pushed += frame.samplesPerChannel / frame.sampleRate;
    if (!this.started && !this.paused) {
      this.started = true;
      this.since = Date.now();
      this.note('play');
      this.onPlaybackStarted(this.since);
    }
    while (this.pushed - this.position > 0.2) await sleep(20);
  }
  flush() {
    super.flush();
    if (!this.pushed) return;
    this.flushed = true;
    this.finishLater();
  }
  finishLater() {
    clearTimeout(this.timer);
    if (!this.paused) this.timer = setTimeout(() => this.finish(false), 1000 * (this.pushed - this.position));
  }
  clearBuffer() {
    if (this.pushed) this.finish(true);
  }
  finish(interrupted) {
    const playbackPosition = interrupted ? this.position : this.pushed;
    this.note(interrupted ? 'cut' : 'end');
    this.reset();
    this.onPlaybackFinished({ playbackPosition, interrupted });
  }
  pause() {
    super.pause();
    if (this.paused) return;
    this.played = this.position;
    this.since = undefined;
    this.paused = true;
    this.note('pause');
    clearTimeout(this.timer);
  }
  resume() {
    super.resume();
    if (!this.paused) return;
    this.paused = false;
    this.note('resume');
    if (this.started) this.since = Date.now();
    if (this.flushed) this.finishLater();
  }
}

/** A recogniser that recognises nothing; adaptive mode wants one with times. */
class SilentSTT extends stt.STT {
  label = 'silent';
  constructor() {
    super({ streaming: true, interimResults: true, alignedTranscript: 'word' });
  }
  async _recognize() {
    throw new Error('streams only');
  }
  stream() {
    return new SilentStream(this);
  }
}

class SilentStream extends stt.SpeechStream {
  label = 'silent';
  async run() {
    for await (const _ of this.input);
  }
}

function tone(seconds) {
  let left = Math.round(seconds * 50);
  return new ReadableStream({
    pull(controller) {
      if (left-- <= 0) return controller.close();
      const samples = Int16Array.from({ length: 480 }, (_, at) => 2000 * Math.sin((2 * Math.PI * 220 * at) / 24_000));
      controller.enqueue(new AudioFrame(samples, 24_000, 1, 480));
    },
  });
}

async function run(plan) {
  const bytes = readFileSync(plan.samples);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const session = new voice.AgentSession({
    vad: new inference.VAD(),
    stt: new SilentSTT(),
    aecWarmupDuration: null,
    turnHandling: { interruption: { mode: 'adaptive', resumeFalseInterruption: false } },
  });
  const microphone = new RecordedInput(samples);
  const loudspeaker = new SilentOutput(microphone);
  session.input.audio = microphone;
  session.output.audio = loudspeaker;
  const overlaps = [];
  const metrics = [];
  session.on(voice.AgentSessionEventTypes.OverlappingSpeech, (event) =>
    overlaps.push({ ...event, speechInput: event.speechInput?.length, probabilities: event.probabilities?.length }),
  );
  session.on(voice.AgentSessionEventTypes.MetricsCollected, (event) => {
    if (event.metrics.type === 'interruption_metrics') metrics.push(event.metrics);
  });
  await session.start({ agent: new voice.Agent({ instructions: 'test' }) });
  for (const [start, seconds] of plan.agentSpeaks) {
    setTimeout(
      () => session.say('lorem ipsum', { audio: tone(seconds) }),
      Math.max(1000 * (start - microphone.time), 0),
    );
  }
  await microphone.ended;
  await sleep(AFTERWARDS);
  await session.close();
  return { playout: loudspeaker.log, overlaps, metrics };
}

const plans = JSON.parse(readFileSync(process.argv[2], 'utf8'));
initializeLogger({ pretty: false, level: process.env.LOG_LEVEL ?? 'info' });
process.on('unhandledRejection', (reason) => {
  console.error('unhandled', reason);
});
const results = await Promise.all(plans.map(run));
writeSync(1, `\nRESULT ${JSON.stringify(results)}\n`);
process.exit(0);

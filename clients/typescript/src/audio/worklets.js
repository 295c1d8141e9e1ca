// Runs on the browser's audio thread: one processor hears the microphone, one plays the agent. Both speak 24 kHz to the
// page; the rate of the audio context may be another one.

const WIRE_RATE = 24000;
/** Samples of one message to the page: 40 ms. */
const CHUNK = 960;
/** Positions are told so often, in samples of the context: the page needs them to be 50 ms true. */
const REPORT_S = 0.05;
/** A voice is this much louder than the room, and at least this loud. */
const VOICE_OVER_NOISE = 3;
const VOICE_RMS_MIN = 0.008;
/** So long silence ends an utterance: shorter pauses are within sentences. */
const SILENCE_CHUNKS = 10;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / WIRE_RATE;
    this.sum = 0;
    this.weight = 0;
    this.chunk = new Int16Array(CHUNK);
    this.filled = 0;
    this.energy = 0;
    this.noise = VOICE_RMS_MIN / VOICE_OVER_NOISE;
    this.silent = 0;
    this.isVoice = false;
  }

  process(inputs) {
    const samples = inputs[0]?.[0];
    if (samples) {
      for (const sample of samples) {
        this.take(sample);
      }
    }
    return true;
  }

  /** Averages over each output sample's span, which is also the low pass of going down. */
  take(sample) {
    let left = 1;
    while (this.weight + left >= this.step) {
      const used = this.step - this.weight;
      this.give((this.sum + sample * used) / this.step);
      left -= used;
      this.sum = 0;
      this.weight = 0;
    }
    this.sum += sample * left;
    this.weight += left;
  }

  give(sample) {
    this.energy += sample * sample;
    this.chunk[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
    this.filled += 1;
    if (this.filled === CHUNK) {
      const level = Math.sqrt(this.energy / CHUNK);
      const stopped = this.listen(level);
      const samples = this.chunk;
      this.port.postMessage({ samples, level, isVoice: this.isVoice, stopped }, [samples.buffer]);
      this.chunk = new Int16Array(CHUNK);
      this.filled = 0;
      this.energy = 0;
    }
  }

  /** A simple ear: louder than the room. Says whether an utterance just ended. */
  listen(level) {
    const isLoud = level > Math.max(VOICE_RMS_MIN, this.noise * VOICE_OVER_NOISE);
    // The room is learned quickly downwards and slowly upwards.
    this.noise += (level - this.noise) * (level < this.noise ? 0.2 : 0.005);
    if (isLoud) {
      this.isVoice = true;
      this.silent = 0;
      return false;
    }
    this.silent += 1;
    if (this.isVoice && this.silent >= SILENCE_CHUNKS) {
      this.isVoice = false;
      return true;
    }
    return false;
  }
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = WIRE_RATE / sampleRate;
    this.queue = [];
    this.at = 0;
    this.played = new Map();
    this.sinceReport = 0;
    this.energy = 0;
    this.wasPlaying = false;
    this.port.onmessage = ({ data }) => {
      if (data.clear) {
        this.queue = [];
        this.at = 0;
        this.report();
      } else {
        this.queue.push(data);
      }
    };
  }

  process(_inputs, outputs) {
    const output = outputs[0][0];
    for (let index = 0; index < output.length; index += 1) {
      const sample = this.next();
      output[index] = sample;
      this.energy += sample * sample;
    }
    for (let other = 1; other < outputs[0].length; other += 1) {
      outputs[0][other].set(output);
    }
    this.sinceReport += output.length;
    const isPlaying = this.queue.length > 0;
    if ((isPlaying && this.sinceReport >= sampleRate * REPORT_S) || isPlaying !== this.wasPlaying) {
      this.report();
    }
    this.wasPlaying = isPlaying;
    return true;
  }

  /** The next sample, between its neighbours where the rates differ. */
  next() {
    const piece = this.queue[0];
    if (piece === undefined) {
      return 0;
    }
    const index = Math.floor(this.at);
    const here = piece.samples[index];
    const after = piece.samples[index + 1] ?? here;
    const sample = (here + (after - here) * (this.at - index)) / 32768;
    this.at += this.step;
    if (this.at >= piece.samples.length) {
      this.at -= piece.samples.length;
      this.queue.shift();
      this.played.set(piece.item, (this.played.get(piece.item) ?? 0) + piece.samples.length);
    }
    return sample;
  }

  report() {
    const piece = this.queue[0];
    const level = Math.sqrt(this.energy / Math.max(1, this.sinceReport));
    const played = [...this.played];
    if (piece !== undefined) {
      const before = this.played.get(piece.item) ?? 0;
      const known = played.findIndex(([item]) => item === piece.item);
      played.splice(known < 0 ? played.length : known, known < 0 ? 0 : 1, [piece.item, before + Math.floor(this.at)]);
    }
    // Only the last few items can still change.
    this.port.postMessage({ played: played.slice(-4), level: piece === undefined ? 0 : level, isPlaying: piece !== undefined });
    this.sinceReport = 0;
    this.energy = 0;
  }
}

registerProcessor("switchboard-capture", Capture);
registerProcessor("switchboard-player", Player);

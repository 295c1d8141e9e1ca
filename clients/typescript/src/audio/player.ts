import { VoiceError } from "../errors.js";

export interface PlayerReport {
  /** Samples of each item that were played in all. */
  played: [item: string, samples: number][];
  level: number;
  isPlaying: boolean;
}

/** Longer than a browser needs to start sound it allows. */
const START_MS_MAX = 1_000;

/** Plays the agent's audio and says how far it is. */
export class Player {
  private readonly context: AudioContext;
  private readonly node: AudioWorkletNode;

  private constructor(context: AudioContext, node: AudioWorkletNode) {
    this.context = context;
    this.node = node;
  }

  static async open(worklets: string, speakerId: string | undefined, onReport: (report: PlayerReport) => void): Promise<Player> {
    const context = new AudioContext({ sampleRate: 24_000, latencyHint: "interactive" });
    await context.audioWorklet.addModule(worklets);
    await toSpeaker(context, speakerId);
    const node = new AudioWorkletNode(context, "switchboard-player", { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [1] });
    node.port.onmessage = ({ data }) => onReport(data as PlayerReport);
    node.connect(context.destination);
    return new Player(context, node);
  }

  /** Starts sound. Throws `sound_blocked` where the browser wants a click first. */
  async start() {
    const late = new Promise<void>((done) => setTimeout(done, START_MS_MAX));
    await Promise.race([this.context.resume(), late]);
    if (this.context.state !== "running") {
      throw new VoiceError("sound_blocked");
    }
  }

  play(item: string, samples: Int16Array<ArrayBuffer>) {
    this.node.port.postMessage({ item, samples }, [samples.buffer]);
  }

  /** Silence, from the next audio block on. */
  clear() {
    this.node.port.postMessage({ clear: true });
  }

  close() {
    this.node.disconnect();
    void this.context.close();
  }
}

async function toSpeaker(context: AudioContext, speakerId: string | undefined) {
  const choose = (context as { setSinkId?: (id: string) => Promise<void> }).setSinkId;
  if (speakerId && choose) {
    await choose.call(context, speakerId).catch(() => {});
  }
}

import { VoiceError } from "../errors.js";

export interface Chunk {
  samples: Int16Array;
  /** Root mean square, 0 to 1. */
  level: number;
  isVoice: boolean;
  /** An utterance ended with this chunk. */
  stopped: boolean;
}

export const CHUNK_MS = 40;

/** The microphone as chunks of 24 kHz PCM. */
export class Capture {
  private readonly context: AudioContext;
  private readonly nodes: AudioNode[];

  private constructor(context: AudioContext, nodes: AudioNode[]) {
    this.context = context;
    this.nodes = nodes;
  }

  static async open(stream: MediaStream, worklets: string, onChunk: (chunk: Chunk) => void): Promise<Capture> {
    // The browser's own rate: Firefox does not join a microphone to a context of another one. The worklet converts.
    const context = new AudioContext({ latencyHint: "interactive" });
    try {
      await context.audioWorklet.addModule(worklets);
      const source = context.createMediaStreamSource(stream);
      const node = new AudioWorkletNode(context, "switchboard-capture", { numberOfInputs: 1, numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" });
      node.port.onmessage = ({ data }) => onChunk(data as Chunk);
      source.connect(node);
      // Only connected nodes run. Its output is silence.
      node.connect(context.destination);
      await context.resume();
      return new Capture(context, [source, node]);
    } catch (cause) {
      void context.close();
      throw cause instanceof VoiceError ? cause : new VoiceError("server_failed", String(cause));
    }
  }

  close() {
    for (const node of this.nodes) {
      node.disconnect();
    }
    void this.context.close();
  }
}

import { Capture, CHUNK_MS, type Chunk } from "./audio/capture.js";
import { fromBase64, toBase64 } from "./audio/pcm.js";
import { Player, type PlayerReport } from "./audio/player.js";
import { endingOf, VoiceError } from "./errors.js";
import type { Heard } from "./playback-ledger.js";
import { parseEvent, part, text, type ClientEvent, type ServerEvent } from "./protocol.js";
import { SmartCommit } from "./smart-commit.js";
import { callQuery, type Transport, type TransportRequest } from "./transport.js";

/** Unsent bytes beyond which microphone audio is dropped: two seconds that nobody would want to hear late. */
const UNSENT_BYTES_MAX = 130_000;

/** A connection that is neither open nor refused by then is not coming: some networks swallow everything. */
const OPEN_MS_MAX = 10_000;

/** Audio and events over one WebSocket: works wherever web pages work. */
export class WebSocketTransport implements Transport {
  private readonly request: TransportRequest;
  private readonly socket: WebSocket;
  private readonly player: Player;
  private readonly commits = new SmartCommit();
  private capture: Capture | null = null;
  private commitTimer: ReturnType<typeof setTimeout> | null = null;
  private isMuted: boolean;
  private isClosed = false;
  private cutResponses = new Set<string>();

  private constructor(request: TransportRequest, socket: WebSocket, player: Player) {
    this.request = request;
    this.socket = socket;
    this.player = player;
    this.isMuted = request.isMuted;
  }

  static async open(request: TransportRequest): Promise<WebSocketTransport> {
    let transport: WebSocketTransport | null = null;
    const player = await Player.open(request.worklets, request.speakerId, (report) => transport?.onReport(report));
    const address = new URL(`/v1/realtime?${callQuery(request)}`, request.server);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, subprotocols(request));
    transport = new WebSocketTransport(request, socket, player);
    transport.listen();
    await player.start().catch((cause: unknown) => {
      if (cause instanceof VoiceError) {
        request.listener.onSoundBlocked();
      }
    });
    return transport;
  }

  private listen() {
    const { listener } = this.request;
    const late = setTimeout(() => this.giveUp(), OPEN_MS_MAX);
    this.socket.onopen = () => {
      clearTimeout(late);
      void this.begin();
    };
    this.socket.onmessage = ({ data }) => {
      const event = parseEvent(data);
      if (event !== null) {
        this.onEvent(event);
      }
    };
    this.socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      if (!this.isClosed) {
        this.release();
        listener.onClosed(endingOf(code, reason));
      }
    };
  }

  private giveUp() {
    if (!this.isClosed) {
      this.close();
      this.request.listener.onClosed(endingOf(1006, ""));
    }
  }

  private async begin() {
    if (this.request.hasManualTurns) {
      this.send({ type: "session.update", session: { type: "realtime", audio: { input: { turn_detection: null } } } });
    }
    try {
      this.capture = await Capture.open(this.request.microphone, this.request.worklets, (chunk) => this.onChunk(chunk));
    } catch (cause) {
      this.close();
      this.request.listener.onClosed({ isFinal: true, reason: "microphone", error: cause as VoiceError });
      return;
    }
    if (this.isClosed) {
      this.capture.close();
      return;
    }
    this.request.listener.onOpen();
  }

  private onChunk({ samples, level, isVoice, stopped }: Chunk) {
    this.request.listener.onLevel("caller", this.isMuted ? 0 : level);
    if (this.isMuted || this.socket.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > UNSENT_BYTES_MAX) {
      return;
    }
    this.send({ type: "input_audio_buffer.append", audio: toBase64(samples) });
    if (this.request.hasManualTurns) {
      const now = performance.now();
      this.commits.onChunk(now, CHUNK_MS, isVoice);
      if (stopped) {
        this.commits.onSpeechStopped(now);
      }
      this.awaitCommit();
    }
  }

  private awaitCommit() {
    const { wake } = this.commits;
    if (this.commitTimer !== null) {
      clearTimeout(this.commitTimer);
    }
    this.commitTimer = wake === null ? null : setTimeout(() => this.commitIfDue(), Math.max(0, wake - performance.now()));
  }

  private commitIfDue() {
    this.commitTimer = null;
    if (this.commits.isDue(performance.now())) {
      this.send({ type: "input_audio_buffer.commit" });
      this.send({ type: "response.create" });
    }
  }

  private onEvent(event: ServerEvent) {
    switch (event.type) {
      case "response.output_audio.delta":
        this.onAudio(event);
        return;
      case "input_audio_buffer.speech_started":
        this.tellCut(this.silence());
        break;
      case "response.done": {
        const response = part(event, "response");
        if (text(response, "status") === "cancelled") {
          this.cutResponses.add(text(response, "id"));
          this.tellCut(this.silence());
        }
        break;
      }
    }
    this.request.ledger.onEvent(text(event, "event_id"));
    this.request.listener.onEvent(event);
  }

  private onAudio(event: ServerEvent) {
    if (this.cutResponses.has(text(event, "response_id"))) {
      return;
    }
    const item = text(event, "item_id");
    const samples = fromBase64(text(event, "delta"));
    if (this.request.ledger.onReceived(item, samples.length, text(event, "event_id"))) {
      this.player.play(item, samples);
    }
  }

  /** Tells the server what was heard of what it had sent. */
  private tellCut(lost: Heard[]) {
    for (const { item, played_ms } of lost) {
      this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: played_ms });
    }
    if (lost.length > 0) {
      this.request.listener.onPlaying(false, lost);
    }
  }

  private onReport({ played, level, isPlaying }: PlayerReport) {
    for (const [item, samples] of played) {
      this.request.ledger.onPlayed(item, samples);
    }
    this.request.listener.onLevel("agent", level);
    const heard = played.flatMap(([item]) => this.request.ledger.heard(item) ?? []);
    this.request.listener.onPlaying(isPlaying, heard);
  }

  send(event: ClientEvent) {
    if (this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(event));
    }
  }

  silence(): Heard[] {
    this.player.clear();
    return this.request.ledger.cut();
  }

  setMuted(isMuted: boolean) {
    this.isMuted = isMuted;
  }

  async unlockSound() {
    await this.player.start();
  }

  close() {
    if (!this.isClosed) {
      this.release();
      this.socket.close(1000);
    }
  }

  private release() {
    this.isClosed = true;
    if (this.commitTimer !== null) {
      clearTimeout(this.commitTimer);
    }
    this.capture?.close();
    this.player.close();
  }
}

/** Browsers set no header on a WebSocket; the server takes these from the list and never echoes them. */
function subprotocols({ token, resume }: TransportRequest): string[] {
  const offered = ["realtime"];
  if (token !== null) {
    offered.push(`openai-insecure-api-key.${token}`);
  }
  if (resume !== null) {
    offered.push(`switchboard-resume.${resume.token}`);
    if (resume.after !== null) {
      offered.push(`switchboard-after.${resume.after}`);
    }
  }
  return offered;
}

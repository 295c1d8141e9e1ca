/** One talk with one agent: connects, stays connected, and tells what happens. */
import { Backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { VoiceError, type Ending } from "./errors.js";
import { openMicrophone } from "./microphone.js";
import { count, part, text, type ClientEvent, type ServerEvent } from "./protocol.js";
import { PlaybackLedger, type Heard } from "./playback-ledger.js";
import { Transcript } from "./transcript.js";
import type { OpenTransport, Transport, TransportListener } from "./transport.js";
import { WebRtcTransport } from "./webrtc.js";
import { WebSocketTransport } from "./websocket.js";

export type SessionState = "idle" | "connecting" | "connected" | "disconnected" | "error";
export type Phase = "connecting" | "listening" | "thinking" | "speaking" | "tool" | "handing off" | "ended";

export interface Credential {
  /** An ephemeral token (`ek_…`) or a signed token of an app; never an API key in a page that others open. */
  token: string | null;
}

export interface SessionOptions {
  agent: string;
  /** Asked once per call; a resumed call needs none. */
  credential: () => Promise<Credential>;
  /** Origin of the server; the page's own without it. */
  server?: string;
  transport?: "webrtc" | "websocket";
  /** `manual`: the client ends the caller's turns (WebSocket only). */
  turns?: "server" | "manual";
  /** Ask the agent to speak first. Default true. */
  agentGreets?: boolean;
  /** If a lost call cannot be resumed, begin a new one. Default false: the person decides. */
  startsAgain?: boolean;
  microphoneId?: string;
  speakerId?: string;
  /** Words that answer a confirmation, in the caller's language. */
  words?: { yes: string; no: string };
  /** Address of `worklets.js`, where the page's policy or bundler wants another than the one beside this file. */
  worklets?: string;
  /** For tests. */
  open?: OpenTransport;
  microphone?: () => Promise<MediaStream>;
  wait?: (ms: number) => Promise<void>;
}

export interface StateChange {
  state: SessionState;
  /** Of a lost connection: which try this is. */
  attempt: number;
  /** Why it ended, such as `caller_hung_up`; blank while it goes on. */
  reason: string;
}

export interface Confirmation {
  tool: string;
  /** Our question, as the agent says it. */
  question: string;
}

export interface Usage {
  spent_micros: number | null;
  /** Whose money is nearly spent: `session`, `user_day` or `tenant_day`. */
  budget: string;
  /** It holds no further reply: the agent says so, and the call ends or a person takes over. */
  is_spent: boolean;
}

export interface SessionEvents {
  state: StateChange;
  phase: Phase;
  /** Every event of the server but audio. */
  event: ServerEvent;
  transcript: Transcript;
  level: { side: "caller" | "agent"; level: number };
  /** A question before a write; `null` once it is answered. */
  confirmation: Confirmation | null;
  call: { call_id: string };
  usage: Usage;
  error: VoiceError;
}

const WORKLETS = () => new URL("./audio/worklets.js", import.meta.url).href;
const later = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

export class VoiceSession extends Emitter<SessionEvents> {
  private readonly options: SessionOptions;
  private transport: Transport | null = null;
  private microphone: MediaStream | null = null;
  private readonly backoff = new Backoff();
  private resumeToken: string | null = null;
  /** Of the call's credential: a resumed call shows it again. */
  private credential: Credential | null = null;
  private ledger = new PlaybackLedger();
  /** Events taken in: a resumed call may tell some again. */
  private seen = new Set<string>();
  private isMuted = false;
  private isWanted = false;
  /** Counts connections, so that a late word of an old one is not taken for the new one's. */
  private generation = 0;
  private question: Confirmation | null = null;
  private responses = 0;
  private isPlaying = false;
  private runningTools = 0;
  state: SessionState = "idle";
  phase: Phase = "connecting";
  callId: string | null = null;
  transcript = new Transcript();

  constructor(options: SessionOptions) {
    super();
    this.options = options;
  }

  /** Asks for the microphone and connects. Resolves when connected; throws a [`VoiceError`]. */
  async connect(): Promise<void> {
    if (this.isWanted) {
      return;
    }
    this.isWanted = true;
    this.resumeToken = null;
    this.callId = null;
    this.transcript = new Transcript(undefined, this.options.transport !== "websocket");
    this.ledger = new PlaybackLedger();
    this.seen.clear();
    this.backoff.reset();
    this.turn("connecting");
    this.enter("connecting");
    try {
      this.microphone = await (this.options.microphone?.() ?? openMicrophone({ ...(this.options.microphoneId ? { deviceId: this.options.microphoneId } : {}) }));
      await this.openPersistently();
    } catch (cause) {
      this.fail(cause instanceof VoiceError ? cause : new VoiceError("server_failed", String(cause)));
      throw cause;
    }
  }

  /** Ends the call. */
  disconnect() {
    if (this.isWanted) {
      this.finish("disconnected", "caller_hung_up");
    }
  }

  setMuted(isMuted: boolean) {
    this.isMuted = isMuted;
    this.transport?.setMuted(isMuted);
  }

  get muted(): boolean {
    return this.isMuted;
  }

  /** Words typed instead of spoken. They stop the agent, as speech does. */
  say(words: string) {
    this.interrupt();
    this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: words }] } });
    this.send({ type: "response.create" });
  }

  /** Stops the agent, here at once and there. */
  interrupt() {
    const lost = this.transport?.silence() ?? [];
    if (this.responses > 0) {
      this.send({ type: "response.cancel" });
    }
    for (const { item, played_ms } of lost) {
      this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: played_ms });
    }
    this.onPlaying(false, lost);
  }

  /** Ends the caller's turn, where the client does that. */
  commit() {
    this.send({ type: "input_audio_buffer.commit" });
    this.send({ type: "response.create" });
  }

  /** Answers the open question before a write. Without an answer it is a no, on the server. */
  confirm(agrees: boolean) {
    if (this.question !== null) {
      const { yes, no } = this.options.words ?? { yes: "Yes.", no: "No." };
      this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: agrees ? yes : no }] } });
    }
  }

  /** From a click: starts sound that the browser had blocked. */
  async unlockSound() {
    await this.transport?.unlockSound();
  }

  /** Any event of the protocol. */
  send(event: ClientEvent) {
    this.transport?.send(event);
  }

  private async openPersistently() {
    for (;;) {
      try {
        await this.openOnce();
        return;
      } catch (cause) {
        const error = cause instanceof VoiceError ? cause : new VoiceError("server_failed", String(cause));
        if (!this.isWanted) {
          throw error;
        }
        if (error.code === "call_lost" && this.options.startsAgain && this.resumeToken !== null) {
          this.resumeToken = null;
          this.ledger = new PlaybackLedger();
          continue;
        }
        const wait = error.isPassing ? this.backoff.next() : null;
        if (wait === null) {
          throw error;
        }
        this.turn("connecting");
        await (this.options.wait ?? later)(wait);
        if (!this.isWanted) {
          throw error;
        }
      }
    }
  }

  private async openOnce(): Promise<void> {
    const isResumed = this.resumeToken !== null;
    if (!isResumed || this.credential === null) {
      this.credential = await this.options.credential();
    }
    const { token } = this.credential;
    this.generation += 1;
    const mine = this.generation;
    const open = this.options.open ?? (this.options.transport === "websocket" ? WebSocketTransport.open : WebRtcTransport.open);
    let isOpen = false;
    let opened = () => {};
    let refused: (cause: VoiceError) => void = () => {};
    const whenOpen = new Promise<void>((done, fail) => {
      opened = done;
      refused = fail;
    });
    // Refused before anybody waits is still refused.
    whenOpen.catch(() => {});
    const isMine = () => mine === this.generation;
    const listener: TransportListener = {
      onOpen: () => {
        isOpen = true;
        opened();
      },
      onEvent: (event) => isMine() && this.onEvent(event),
      onClosed: (ending) => {
        if (isOpen && isMine()) {
          void this.onLost(ending);
        } else {
          const error = ending.error ?? new VoiceError("unreachable");
          // A resume token that is not taken means that the call is over.
          refused(isResumed && error.code === "not_allowed" ? new VoiceError("call_lost") : error);
        }
      },
      onLevel: (side, level) => isMine() && this.emit("level", { side, level }),
      onPlaying: (isPlaying, heard) => isMine() && this.onPlaying(isPlaying, heard),
      onSoundBlocked: () => this.emit("error", new VoiceError("sound_blocked")),
    };
    const transport = await open({
      server: this.options.server ?? globalThis.location?.origin ?? "",
      agent: this.options.agent,
      token,
      resume: this.resumeToken === null ? null : { token: this.resumeToken, after: this.ledger.lastDone() },
      ledger: this.ledger,
      microphone: this.microphone as MediaStream,
      speakerId: this.options.speakerId,
      worklets: this.options.worklets ?? WORKLETS(),
      hasManualTurns: this.options.turns === "manual",
      isMuted: this.isMuted,
      listener,
    });
    if (!isMine() || !this.isWanted) {
      transport.close();
      throw new VoiceError("call_lost");
    }
    this.transport = transport;
    await whenOpen;
    this.backoff.reset();
    this.turn("connected");
    this.enter("listening");
    if (!isResumed && this.options.agentGreets !== false) {
      this.send({ type: "response.create" });
    }
  }

  private async onLost(ending: Ending) {
    this.transport = null;
    this.ledger.onLost();
    if (!this.isWanted) {
      return;
    }
    const mayReturn = !ending.isFinal && (this.resumeToken !== null || this.options.startsAgain === true);
    if (!mayReturn) {
      if (ending.isFinal && ending.error === null) {
        this.finish("disconnected", ending.reason);
      } else {
        this.fail(ending.isFinal && ending.error ? ending.error : new VoiceError("call_lost"), ending.reason);
      }
      return;
    }
    this.enter("connecting");
    const wait = this.backoff.next() ?? 0;
    this.turn("connecting");
    await (this.options.wait ?? later)(wait);
    try {
      if (this.isWanted) {
        await this.openPersistently();
      }
    } catch (cause) {
      if (this.isWanted) {
        this.fail(cause instanceof VoiceError ? cause : new VoiceError("call_lost"), ending.reason);
      }
    }
  }

  private onEvent(event: ServerEvent) {
    const id = text(event, "event_id");
    if (id !== "" && this.seen.has(id)) {
      return;
    }
    this.seen.add(id);
    switch (event.type) {
      case "switchboard.resumed":
      case "switchboard.session":
        this.resumeToken = text(event, "resume_token") || null;
        this.callId = text(event, "call_id") || this.callId;
        if (this.callId) {
          this.emit("call", { call_id: this.callId });
        }
        break;
      case "switchboard.budget":
        this.emit("usage", { spent_micros: count(event, "spent_micros"), budget: text(event, "budget") || "session", is_spent: event["spent"] === true });
        break;
      case "switchboard.confirmation_asked":
        this.ask({ tool: text(event, "tool"), question: text(event, "question") });
        break;
      case "switchboard.confirmation_answered":
        // The tool that waited has not begun: after a yes it is told of again when it does.
        this.runningTools = Math.max(0, this.runningTools - 1);
        this.ask(null);
        break;
      case "switchboard.tool_started":
        this.runningTools += 1;
        this.place();
        break;
      case "switchboard.tool_finished":
        this.runningTools = Math.max(0, this.runningTools - 1);
        this.place();
        break;
      case "switchboard.handoff":
        this.enter("handing off");
        break;
      case "response.created":
        this.responses = 1;
        this.place();
        break;
      case "response.done":
        this.responses = 0;
        this.place();
        break;
      case "input_audio_buffer.speech_started":
        this.isPlaying = false;
        this.place();
        break;
      case "error":
        // Only told: most are about one event of ours, and the call goes on.
        if (text(part(event, "error"), "code") === "insufficient_quota") {
          this.emit("error", new VoiceError("budget"));
        }
        break;
    }
    if (this.transcript.handle(event)) {
      this.emit("transcript", this.transcript);
    }
    this.emit("event", event);
  }

  private onPlaying(isPlaying: boolean, heard: Heard[]) {
    this.isPlaying = isPlaying;
    if (this.transcript.onPlayed(heard)) {
      this.emit("transcript", this.transcript);
    }
    this.place();
  }

  private ask(question: Confirmation | null) {
    this.question = question;
    this.emit("confirmation", question);
    // A tool that waits for an answer does nothing: it is the caller's turn.
    this.place();
  }

  /** The phase that follows from what is known. */
  private place() {
    if (this.state === "connected" && this.phase !== "handing off") {
      this.enter(this.isPlaying ? "speaking" : this.runningTools > 0 && this.question === null ? "tool" : this.responses > 0 ? "thinking" : "listening");
    }
  }

  private enter(phase: Phase) {
    if (this.phase !== phase) {
      this.phase = phase;
      this.emit("phase", phase);
    }
  }

  private turn(state: SessionState, reason = "") {
    this.state = state;
    this.emit("state", { state, attempt: this.backoff.attempt, reason });
  }

  private fail(error: VoiceError, reason: string = error.code) {
    this.finish("error", reason);
    this.emit("error", error);
  }

  private finish(state: "disconnected" | "error", reason: string) {
    this.isWanted = false;
    this.generation += 1;
    this.transport?.close();
    this.transport = null;
    for (const track of this.microphone?.getTracks() ?? []) {
      track.stop();
    }
    this.microphone = null;
    this.responses = 0;
    this.runningTools = 0;
    this.isPlaying = false;
    if (this.question !== null) {
      this.ask(null);
    }
    this.enter("ended");
    this.turn(state, reason);
  }
}

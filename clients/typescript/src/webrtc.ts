import { endingOf, refusalOfStatus, VoiceError } from "./errors.js";
import { parseEvent, text, type ClientEvent } from "./protocol.js";
import type { Heard } from "./playback-ledger.js";
import { callQuery, type Transport, type TransportRequest } from "./transport.js";

/** Candidates that were not found by then are not worth the caller's waiting. */
const GATHER_MS_MAX = 1_500;
/** Offer to open data channel; beyond it there is no media path. */
const CONNECT_MS_MAX = 10_000;
/** How long a path may be interrupted before the call is resumed over a new one. */
const PATH_LOST_MS = 5_000;
/** A broken connection is closed this late. Closing tells the server that the caller left, and the word could reach it
 *  before the new connection does; the server drops the old one by itself. */
const ABANDONED_MS = 30_000;
/** Level meters are read so often. */
const METER_MS = 80;

/** Audio as RTP, events over the data channel `oai-events`. */
export class WebRtcTransport implements Transport {
  private readonly request: TransportRequest;
  private readonly peer = new RTCPeerConnection();
  private readonly events: RTCDataChannel;
  private readonly sound = new Audio();
  private call: string | null = null;
  private meters: Meters | null = null;
  private lostTimer: ReturnType<typeof setTimeout> | null = null;
  private endReason: string | null = null;
  private isClosed = false;

  private constructor(request: TransportRequest) {
    this.request = request;
    this.events = this.peer.createDataChannel("oai-events");
    this.sound.autoplay = true;
  }

  static async open(request: TransportRequest): Promise<WebRtcTransport> {
    const transport = new WebRtcTransport(request);
    try {
      await transport.connect();
      return transport;
    } catch (cause) {
      transport.release();
      throw cause;
    }
  }

  private async connect() {
    const { microphone, listener } = this.request;
    for (const track of microphone.getAudioTracks()) {
      track.enabled = !this.request.isMuted;
      this.peer.addTrack(track, microphone);
    }
    this.meters = new Meters(microphone, (side, level) => listener.onLevel(side, level));
    this.peer.ontrack = ({ streams, track }) => this.onTrack(streams[0] ?? new MediaStream([track]));
    this.peer.onconnectionstatechange = () => this.onPath(this.peer.connectionState);
    const opened = this.whenOpen();
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await this.whenGathered();
    await this.peer.setRemoteDescription({ type: "answer", sdp: await this.offer(this.peer.localDescription!.sdp) });
    await opened;
    listener.onOpen();
  }

  private async offer(sdp: string): Promise<string> {
    const { server, token, resume } = this.request;
    const headers: Record<string, string> = { "content-type": "application/sdp", accept: "application/sdp" };
    if (token !== null) {
      headers.authorization = `Bearer ${token}`;
    }
    if (resume !== null) {
      headers["switchboard-resume"] = resume.token;
      if (resume.after !== null) {
        headers["switchboard-after"] = resume.after;
      }
    }
    const address = new URL(`/v1/realtime/calls?${callQuery(this.request)}`, server);
    const answer = await fetch(address, { method: "POST", headers, body: sdp }).catch(() => {
      throw new VoiceError("unreachable");
    });
    if (answer.status === 401 && resume !== null) {
      throw new VoiceError("call_lost");
    }
    if (!answer.ok) {
      const told = (await answer.json().catch(() => ({}))) as { detail?: string; error?: { message?: string } };
      throw refusalOfStatus(answer.status, told.detail ?? told.error?.message);
    }
    this.call = answer.headers.get("location") ?? this.call;
    return answer.text();
  }

  private whenGathered(): Promise<void> {
    if (this.peer.iceGatheringState === "complete") {
      return Promise.resolve();
    }
    return new Promise((done) => {
      const timer = setTimeout(done, GATHER_MS_MAX);
      this.peer.onicegatheringstatechange = () => {
        if (this.peer.iceGatheringState === "complete") {
          clearTimeout(timer);
          done();
        }
      };
    });
  }

  private whenOpen(): Promise<void> {
    this.events.onmessage = ({ data }) => this.onMessage(data);
    this.events.onclose = () => this.end(this.endReason === null ? 1006 : 1000, this.endReason ?? "");
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new VoiceError("no_media_path")), CONNECT_MS_MAX);
      this.events.onopen = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  private onMessage(data: unknown) {
    const event = parseEvent(data);
    if (event === null) {
      return;
    }
    this.request.ledger.onEvent(text(event, "event_id"));
    if (event.type === "switchboard.ended") {
      this.endReason = `call_ended.${text(event, "reason")}`;
    } else if (event.type === "output_audio_buffer.started" || event.type === "output_audio_buffer.stopped" || event.type === "output_audio_buffer.cleared") {
      this.request.listener.onPlaying(event.type === "output_audio_buffer.started", []);
    }
    this.request.listener.onEvent(event);
  }

  private onTrack(stream: MediaStream) {
    const { speakerId, listener } = this.request;
    this.sound.srcObject = stream;
    this.meters?.hear(stream);
    const choose = (this.sound as { setSinkId?: (id: string) => Promise<void> }).setSinkId;
    if (speakerId && choose) {
      void choose.call(this.sound, speakerId).catch(() => {});
    }
    this.sound.play().catch(() => listener.onSoundBlocked());
  }

  private onPath(state: RTCPeerConnectionState) {
    if (this.lostTimer !== null) {
      clearTimeout(this.lostTimer);
      this.lostTimer = null;
    }
    if (state === "disconnected") {
      this.lostTimer = setTimeout(() => this.end(1006, ""), PATH_LOST_MS);
    } else if (state === "failed") {
      this.end(1006, "");
    }
  }

  private end(code: number, reason: string) {
    if (!this.isClosed) {
      this.quiet();
      setTimeout(() => this.peer.close(), code === 1006 ? ABANDONED_MS : 0);
      this.request.listener.onClosed(endingOf(code, reason));
    }
  }

  send(event: ClientEvent) {
    if (this.events.readyState === "open") {
      this.events.send(JSON.stringify(event));
    }
  }

  /** The server plays here: it clears and knows what was heard. */
  silence(): Heard[] {
    this.send({ type: "output_audio_buffer.clear" });
    return [];
  }

  setMuted(isMuted: boolean) {
    for (const track of this.request.microphone.getAudioTracks()) {
      track.enabled = !isMuted;
    }
  }

  async unlockSound() {
    await this.sound.play();
  }

  close() {
    if (!this.isClosed) {
      this.quiet();
      // The connection goes when the server knows: else the call would be over before it is told to end.
      void this.hangUp().finally(() => this.peer.close());
    }
  }

  /** So that the call ends now and not when the server misses us. Lives on when the page is closed. */
  private async hangUp() {
    if (this.call !== null) {
      const headers: Record<string, string> = this.request.token === null ? {} : { authorization: `Bearer ${this.request.token}` };
      const address = new URL(`${this.call}/hangup`, this.request.server);
      await fetch(address, { method: "POST", headers, keepalive: true }).catch(() => {});
    }
  }

  private release() {
    this.quiet();
    this.peer.close();
  }

  /** Nothing more is heard, here or there. */
  private quiet() {
    this.isClosed = true;
    if (this.lostTimer !== null) {
      clearTimeout(this.lostTimer);
    }
    this.meters?.close();
    this.sound.srcObject = null;
  }
}

/** Levels of both sides, measured here. */
class Meters {
  private readonly context = new AudioContext();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly sides = new Map<"caller" | "agent", AnalyserNode>();

  constructor(microphone: MediaStream, onLevel: (side: "caller" | "agent", level: number) => void) {
    this.add("caller", microphone);
    const samples = new Float32Array(512);
    this.timer = setInterval(() => {
      for (const [side, analyser] of this.sides) {
        analyser.getFloatTimeDomainData(samples);
        onLevel(side, Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
      }
    }, METER_MS);
  }

  hear(stream: MediaStream) {
    this.add("agent", stream);
  }

  private add(side: "caller" | "agent", stream: MediaStream) {
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 512;
    this.context.createMediaStreamSource(stream).connect(analyser);
    this.sides.set(side, analyser);
  }

  close() {
    clearInterval(this.timer);
    void this.context.close();
  }
}

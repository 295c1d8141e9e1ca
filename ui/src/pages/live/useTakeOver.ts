/** A call taken over from this page: its microphone joins, the agent is silent, until it is given back. */
import { Capture, openMicrophone, Player, VoiceError } from "@switchboard/client";
import { useEffect, useRef, useState } from "react";
import worklets from "../../../../clients/typescript/src/audio/worklets.js?url";

/** A lost connection may come back so long before the agent speaks again; shorter than the server's 3 s. */
const RETURN_MS_MAX = 2_500;
const RETURN_STEP_MS = 400;

/** Unsent bytes beyond which sound of the microphone is dropped: the server drops what is late as well. */
const UNSENT_BYTES_MAX = 48_000;

/** A socket that is neither open nor refused by then is not coming. */
const OPEN_MS_MAX = 8_000;

export type TakeOverEnd = "given_back" | "ended" | "handed_off";

export type TakeOverState =
  | { name: "idle" }
  | { name: "connecting"; isReturn: boolean }
  | { name: "talking" }
  | { name: "over"; how: TakeOverEnd }
  | { name: "failed"; why: VoiceError | string };

export interface TakeOver {
  state: TakeOverState;
  isMuted: boolean;
  levels: { caller: number; agent: number };
  begin: () => Promise<void>;
  setMuted: (isMuted: boolean) => void;
  giveBack: () => void;
}

/** Refusals that the server says on the socket. */
const REFUSALS: Record<string, string> = {
  taken_already: "Somebody else of your business has this call.",
  not_now: "This call cannot be taken over just now: the agent is not ready yet, or the caller is giving card data, leaving a message or being put through.",
};

export function useTakeOver(id: string): TakeOver {
  const [state, setState] = useState<TakeOverState>({ name: "idle" });
  const [isMuted, setMuted] = useState(false);
  const levels = useRef({ caller: 0, agent: 0 });
  const line = useRef<StaffLine | null>(null);
  useEffect(() => {
    setState({ name: "idle" });
    // A page that is left gives the caller back at once.
    return () => line.current?.close();
  }, [id]);
  return {
    state,
    isMuted,
    levels: levels.current,
    begin: async () => {
      line.current?.close();
      setMuted(false);
      line.current = new StaffLine(id, levels.current, setState);
      await line.current.begin();
    },
    setMuted: (isMuted) => {
      setMuted(isMuted);
      line.current?.setMuted(isMuted);
    },
    giveBack: () => line.current?.giveBack(),
  };
}

/** One microphone, one loudspeaker, and the socket between them and the call. */
class StaffLine {
  private readonly levels: { caller: number; agent: number };
  private readonly address: string;
  private readonly tell: (state: TakeOverState) => void;
  private socket: WebSocket | null = null;
  private microphone: MediaStream | null = null;
  private capture: Capture | null = null;
  private player: Player | null = null;
  private isMuted = false;
  private isClosed = false;
  private hasBegun = false;
  /** When the connection was lost, while there is hope. */
  private lostAt: number | null = null;

  constructor(id: string, levels: { caller: number; agent: number }, tell: (state: TakeOverState) => void) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.address = `${scheme}://${location.host}/api/v1/calls/${id}/take-over`;
    this.levels = levels;
    this.tell = tell;
  }

  /** The microphone first: nobody is silenced for somebody who cannot be heard. */
  async begin() {
    this.tell({ name: "connecting", isReturn: false });
    try {
      this.microphone = await openMicrophone();
      this.player = await Player.open(worklets, undefined, ({ level }) => {
        this.levels.agent = level;
      });
      await this.player.start();
      this.capture = await Capture.open(this.microphone, worklets, ({ samples, level }) => this.onChunk(samples, level));
    } catch (cause) {
      this.finish({ name: "failed", why: cause instanceof VoiceError ? cause : String(cause) });
      return;
    }
    if (this.isClosed) {
      this.release();
      return;
    }
    this.connect();
  }

  setMuted(isMuted: boolean) {
    this.isMuted = isMuted;
  }

  giveBack() {
    if (this.socket?.readyState === WebSocket.OPEN && this.hasBegun) {
      this.socket.send(JSON.stringify({ give_back: true }));
    } else {
      this.close();
      this.tell({ name: "idle" });
    }
  }

  /** Without a word to the page, which has gone. */
  close() {
    if (this.socket?.readyState === WebSocket.OPEN && this.hasBegun) {
      this.socket.send(JSON.stringify({ give_back: true }));
    }
    this.isClosed = true;
    this.release();
  }

  private connect() {
    const socket = new WebSocket(this.address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const late = setTimeout(() => socket.close(), OPEN_MS_MAX);
    socket.onopen = () => clearTimeout(late);
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        this.player?.play("caller", new Int16Array(data));
      } else {
        this.onText(String(data));
      }
    };
    socket.onclose = () => {
      clearTimeout(late);
      if (this.socket === socket && !this.isClosed) {
        this.onLost();
      }
    };
  }

  private onText(text: string) {
    const told = JSON.parse(text) as { began?: unknown; error?: { code: string; detail?: string }; over?: TakeOverEnd };
    if (told.began !== undefined) {
      this.hasBegun = true;
      this.lostAt = null;
      this.tell({ name: "talking" });
    } else if (told.error !== undefined) {
      const { code, detail } = told.error;
      this.finish({ name: "failed", why: REFUSALS[code] ?? detail ?? code });
    } else if (told.over !== undefined) {
      this.finish({ name: "over", how: told.over });
    }
  }

  /** The server waits a moment for whoever had the call; so does this. */
  private onLost() {
    if (!this.hasBegun) {
      this.finish({ name: "failed", why: "The server did not let this page into the call. It may have ended, or run on another server." });
      return;
    }
    const now = performance.now();
    this.lostAt ??= now;
    if (now - this.lostAt > RETURN_MS_MAX) {
      this.finish({ name: "failed", why: "The connection was lost. The agent has the call again." });
      return;
    }
    this.tell({ name: "connecting", isReturn: true });
    setTimeout(() => !this.isClosed && this.connect(), RETURN_STEP_MS);
  }

  private onChunk(samples: Int16Array, level: number) {
    this.levels.caller = this.isMuted ? 0 : level;
    const { socket } = this;
    if (!this.hasBegun || this.isMuted || socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > UNSENT_BYTES_MAX) {
      return;
    }
    socket.send(samples as Int16Array<ArrayBuffer>);
  }

  private finish(state: TakeOverState) {
    this.isClosed = true;
    this.release();
    this.tell(state);
  }

  private release() {
    this.socket?.close(1000);
    this.capture?.close();
    this.player?.close();
    for (const track of this.microphone?.getTracks() ?? []) {
      track.stop();
    }
    this.capture = null;
    this.player = null;
    this.microphone = null;
  }
}

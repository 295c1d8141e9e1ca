import { VoiceError, VoiceSession, type Confirmation, type Line, type Phase, type ServerEvent, type SessionState } from "@switchboard/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { post } from "../../api/request";
import type { VoiceSession as Granted } from "../../api/types";
import worklets from "../../../../clients/typescript/src/audio/worklets.js?url";
import { budgetWords } from "../../words/budgets";

export interface TalkSetup {
  agent: string;
  transport: "webrtc" | "websocket";
  microphoneId: string;
  speakerId: string;
}

export interface TalkTool {
  id: number;
  tool: string;
  at_ms: number;
  status: string | null;
  took_ms: number | null;
}

export interface TalkEvent {
  at_ms: number;
  event: ServerEvent;
}

export interface Talk {
  state: SessionState;
  attempt: number;
  reason: string;
  phase: Phase;
  lines: Line[];
  tools: TalkTool[];
  events: TalkEvent[];
  confirmation: Confirmation | null;
  callId: string | null;
  began: number | null;
  ended: number | null;
  spent_micros: number | null;
  /** What is to be said of a budget that is nearly spent. */
  budget: string | null;
  isMuted: boolean;
  error: VoiceError | Error | null;
  isSoundBlocked: boolean;
  /** Caller's last word to the agent's first sound, as this browser measured it. */
  latencies: number[];
}

const IDLE: Talk = {
  state: "idle",
  attempt: 0,
  reason: "",
  phase: "connecting",
  lines: [],
  tools: [],
  events: [],
  confirmation: null,
  callId: null,
  began: null,
  ended: null,
  spent_micros: null,
  budget: null,
  isMuted: false,
  error: null,
  isSoundBlocked: false,
  latencies: [],
};

/** Kept for the drawer; older ones are on the page of the call. */
const EVENTS_MAX = 300;

/** One talk of this page with an agent. */
export function useTalk() {
  const [talk, setTalk] = useState<Talk>(IDLE);
  const session = useRef<VoiceSession | null>(null);
  const levels = useRef({ caller: 0, agent: 0 });
  const change = useCallback((fields: Partial<Talk> | ((old: Talk) => Partial<Talk>)) => {
    setTalk((old) => ({ ...old, ...(typeof fields === "function" ? fields(old) : fields) }));
  }, []);

  const start = useCallback(
    async (setup: TalkSetup) => {
      session.current?.disconnect();
      setTalk({ ...IDLE, state: "connecting" });
      const began = performance.now();
      const voice = new VoiceSession({
        agent: setup.agent,
        transport: setup.transport,
        ...(setup.microphoneId ? { microphoneId: setup.microphoneId } : {}),
        ...(setup.speakerId ? { speakerId: setup.speakerId } : {}),
        worklets,
        credential: async () => {
          const granted = await post<Granted>("/api/v1/voice/sessions", { agent: setup.agent });
          change({ callId: granted.database_session_id });
          return { token: granted.ephemeral_token };
        },
      });
      session.current = voice;
      listen(voice, began, change, levels.current);
      try {
        await voice.connect();
        change({ began: Date.now() });
      } catch (error) {
        change({ state: "error", phase: "ended", error: error as Error });
      }
    },
    [change],
  );

  useEffect(() => () => session.current?.disconnect(), []);
  const act = {
    end: () => session.current?.disconnect(),
    mute: (isMuted: boolean) => {
      session.current?.setMuted(isMuted);
      change({ isMuted });
    },
    say: (words: string) => session.current?.say(words),
    confirm: (agrees: boolean) => session.current?.confirm(agrees),
    unlockSound: async () => {
      await session.current?.unlockSound();
      change({ isSoundBlocked: false });
    },
  };
  return { talk, start, act, levels };
}

type Change = (fields: Partial<Talk> | ((old: Talk) => Partial<Talk>)) => void;

function listen(voice: VoiceSession, began: number, change: Change, levels: { caller: number; agent: number }) {
  let stopped: number | null = null;
  voice.on("state", ({ state, attempt, reason }) => {
    const isOver = state === "disconnected" || state === "error";
    change({ state, attempt, reason, ...(isOver ? { ended: Date.now() } : {}) });
  });
  voice.on("phase", (phase) => {
    if (phase === "speaking" && stopped !== null) {
      const waited = performance.now() - stopped;
      change((old) => ({ latencies: [...old.latencies, waited] }));
      stopped = null;
    }
    change({ phase });
  });
  voice.on("level", ({ side, level }) => {
    // Read by the meter itself: a level changes too often to draw a page for it.
    levels[side] = level;
  });
  voice.on("transcript", ({ lines }) => change({ lines: lines.map((line) => ({ ...line })) }));
  voice.on("confirmation", (confirmation) => change({ confirmation }));
  voice.on("call", ({ call_id: callId }) => change({ callId }));
  voice.on("usage", ({ spent_micros, budget, is_spent }) => change({ spent_micros, budget: budgetWords(budget, is_spent) }));
  voice.on("error", (error) => change(error.code === "sound_blocked" ? { isSoundBlocked: true } : { error }));
  voice.on("event", (event) => {
    const at_ms = performance.now() - began;
    if (event.type === "input_audio_buffer.speech_stopped") {
      stopped = performance.now();
    }
    change((old) => ({
      tools: withTool(old.tools, event, at_ms),
      events: event.type.endsWith(".delta") ? old.events : [...old.events, { at_ms, event }].slice(-EVENTS_MAX),
    }));
  });
}

function withTool(tools: TalkTool[], event: ServerEvent, at_ms: number): TalkTool[] {
  if (event.type === "switchboard.tool_started") {
    return [...tools, { id: (tools.at(-1)?.id ?? -1) + 1, tool: String(event.tool), at_ms, status: null, took_ms: null }];
  }
  if (event.type === "switchboard.confirmation_answered") {
    // After a yes it is told of again when it begins; after a no it never did.
    const at = tools.findLastIndex((tool) => tool.tool === event.tool && tool.status === null);
    return event.agreed === true ? tools.filter((_, index) => index !== at) : tools.map((tool, index) => (index === at ? { ...tool, status: "declined" } : tool));
  }
  if (event.type === "switchboard.tool_finished") {
    const at = tools.findLastIndex((tool) => tool.tool === event.tool && tool.status === null);
    return tools.map((tool, index) => (index === at ? { ...tool, status: String(event.status), took_ms: Number(event.took_ms) } : tool));
  }
  return tools;
}

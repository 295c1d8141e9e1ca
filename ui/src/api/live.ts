/** The one live socket of this tab: topics, resumed from the last number seen. */
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface LiveMessage {
  topic: string;
  number: number;
  event: Record<string, unknown>;
}

type Listener = (message: LiveMessage) => void;

interface Topic {
  listeners: Set<Listener>;
  after: number | null;
}

/** Waits between tries, in milliseconds; the last one repeats for as long as a page listens. */
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000];

export interface LiveState {
  isOpen: boolean;
  /** When the socket was lost, in milliseconds of this machine's clock; `null` while it is open or unused. */
  lostAt: number | null;
}

class LiveSocket {
  private socket: WebSocket | null = null;
  private topics = new Map<string, Topic>();
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private watchers = new Set<() => void>();
  state: LiveState = { isOpen: false, lostAt: null };

  listen(name: string, after: number | null, listener: Listener): () => void {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = { listeners: new Set(), after };
      this.topics.set(name, topic);
      this.ask(name, topic);
    }
    topic.listeners.add(listener);
    this.open();
    return () => {
      topic.listeners.delete(listener);
      if (topic.listeners.size === 0 && this.topics.get(name) === topic) {
        this.topics.delete(name);
        this.say({ unsubscribe: name });
        this.closeIfUnused();
      }
    };
  }

  watch = (watcher: () => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  private open() {
    if (this.socket !== null || this.timer !== null || this.topics.size === 0) {
      return;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.turn({ isOpen: true, lostAt: null });
      for (const [name, topic] of this.topics) {
        this.ask(name, topic);
      }
    };
    socket.onmessage = (told) => this.hear(String(told.data));
    socket.onclose = () => {
      if (this.socket === socket) {
        this.socket = null;
        this.retry();
      }
    };
  }

  private hear(text: string) {
    const message = JSON.parse(text) as LiveMessage;
    const topic = this.topics.get(message.topic);
    if (topic === undefined || typeof message.number !== "number") {
      return;
    }
    topic.after = message.number;
    for (const listener of topic.listeners) {
      listener(message);
    }
  }

  private retry() {
    if (this.topics.size === 0) {
      return this.turn({ isOpen: false, lostAt: null });
    }
    this.turn({ isOpen: false, lostAt: this.state.lostAt ?? Date.now() });
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)]!;
    this.tries += 1;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.open();
    }, wait);
  }

  private ask(name: string, topic: Topic) {
    this.say(topic.after === null ? { subscribe: name } : { subscribe: name, after: topic.after });
  }

  private say(message: unknown) {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  private closeIfUnused() {
    if (this.topics.size === 0) {
      const socket = this.socket;
      this.socket = null;
      socket?.close(1000);
      this.turn({ isOpen: false, lostAt: null });
    }
  }

  private turn(state: LiveState) {
    this.state = state;
    for (const watcher of this.watchers) {
      watcher();
    }
  }
}

const live = new LiveSocket();

export function useLiveState(): LiveState {
  return useSyncExternalStore(live.watch, () => live.state);
}

/** Hears a topic while the component is shown; `after` is the number its snapshot was true at. */
export function useLive(topic: string | null, after: number | null, listener: Listener) {
  const latest = useRef(listener);
  latest.current = listener;
  const isReady = topic !== null;
  useEffect(() => {
    if (topic === null) {
      return;
    }
    return live.listen(topic, after, (message) => latest.current(message));
    // A later snapshot does not subscribe anew: the socket itself knows the last number seen.
    // oxlint-disable-next-line exhaustive-deps
  }, [topic, isReady]);
}

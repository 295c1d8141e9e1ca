import type { ClientEvent, ServerEvent } from "./protocol.js";
import type { Ending } from "./errors.js";
import type { Heard, PlaybackLedger } from "./playback-ledger.js";

/** One connection of one call. A lost one is replaced by another. */
export interface Transport {
  send(event: ClientEvent): void;
  /** Stops what is being heard here, at once; gives what was lost, where the client plays the audio itself. */
  silence(): Heard[];
  setMuted(isMuted: boolean): void;
  /** Asks for sound again, from a click. */
  unlockSound(): Promise<void>;
  close(): void;
}

export interface TransportListener {
  onOpen(): void;
  onEvent(event: ServerEvent): void;
  onClosed(ending: Ending): void;
  /** Levels from 0 to 1. */
  onLevel(side: "caller" | "agent", level: number): void;
  onPlaying(isPlaying: boolean, heard: Heard[]): void;
  onSoundBlocked(): void;
}

export interface TransportRequest {
  /** Origin of the server, such as `https://voice.example.com`. */
  server: string;
  agent: string;
  token: string | null;
  /** Of a call that is resumed: the token, and the last event that nothing of is left to play. */
  resume: Resume | null;
  /** What was played, over all connections of the call. */
  ledger: PlaybackLedger;
  microphone: MediaStream;
  speakerId?: string | undefined;
  worklets: string;
  /** The client ends its turns itself. */
  hasManualTurns: boolean;
  isMuted: boolean;
  listener: TransportListener;
}

export interface Resume {
  token: string;
  after: string | null;
}

export type OpenTransport = (request: TransportRequest) => Promise<Transport>;

/** The query that both transports use. No token ever stands in an address: addresses are logged. */
export function callQuery({ agent }: Pick<TransportRequest, "agent">): string {
  return new URLSearchParams({ model: agent, switchboard_events: "1" }).toString();
}

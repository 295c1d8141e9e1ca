/** What of each item was received and played, so that an interruption says exactly what was heard and a resumed call goes
 *  on where the sound stopped. Samples at 24 kHz. */
export interface Heard {
  item: string;
  played_ms: number;
  received_ms: number;
}

interface Entry {
  received: number;
  played: number;
  /** What earlier connections played; the player counts from zero on each. */
  base: number;
  isCut: boolean;
}

/** An event of the server, in order; of audio with where its sound begins and ends. */
interface Told {
  id: string;
  item: string | null;
  start: number;
  end: number;
}

export const SAMPLES_PER_MS = 24;

/** Events that are remembered while sound before them is still being played: far more than a reply has. */
const TOLD_MAX = 4_000;

export class PlaybackLedger {
  private items = new Map<string, Entry>();
  private last: string | null = null;
  private told: Told[] = [];
  private done: string | null = null;

  /** An event without sound was taken in. */
  onEvent(id: string) {
    this.note({ id, item: null, start: 0, end: 0 });
  }

  /** Audio of `item` came; `false` if it was cut and the audio is late. */
  onReceived(item: string, samples: number, id = ""): boolean {
    const entry = this.items.get(item) ?? { received: 0, played: 0, base: 0, isCut: false };
    this.items.set(item, entry);
    const start = entry.received;
    if (!entry.isCut) {
      entry.received += samples;
      this.last = item;
    }
    this.note({ id, item, start, end: entry.received });
    return !entry.isCut;
  }

  /** The player's word: so much of `item` has left the loudspeaker on this connection. It never goes back or beyond what
   *  came. */
  onPlayed(item: string, samples: number) {
    const entry = this.items.get(item);
    if (entry !== undefined && !entry.isCut) {
      entry.played = Math.min(entry.received, Math.max(entry.played, entry.base + samples));
    }
  }

  /** Cuts what is still to be played. Gives the items that lost something, with what was heard of them. */
  cut(): Heard[] {
    const lost: Heard[] = [];
    for (const [item, entry] of this.items) {
      if (!entry.isCut && entry.played < entry.received) {
        entry.isCut = true;
        lost.push(this.heard(item)!);
      }
    }
    return lost;
  }

  /** The last event that nothing of is left to play; what came after it is asked for again when a call is resumed. */
  lastDone(): string | null {
    let at = 0;
    for (; at < this.told.length && this.isDone(this.told[at]!); at += 1) {
      this.done = this.told[at]!.id || this.done;
    }
    this.told.splice(0, at);
    return this.done;
  }

  /** The connection is gone, and with it what was not played: it comes again after [`lastDone`], from the first piece
   *  that was not played to its end. */
  onLost() {
    this.lastDone();
    for (const [item, entry] of this.items) {
      if (!entry.isCut) {
        const again = this.told.find((told) => told.item === item);
        entry.played = again?.start ?? entry.received;
        entry.received = entry.played;
        entry.base = entry.played;
      }
    }
    this.told = [];
  }

  heard(item: string): Heard | null {
    const entry = this.items.get(item);
    return entry === undefined
      ? null
      : { item, played_ms: Math.floor(entry.played / SAMPLES_PER_MS), received_ms: Math.floor(entry.received / SAMPLES_PER_MS) };
  }

  /** The item whose audio came last. */
  get latest(): string | null {
    return this.last;
  }

  private isDone({ item, end }: Told): boolean {
    const entry = item === null ? undefined : this.items.get(item);
    return entry === undefined || entry.isCut || entry.played >= end;
  }

  private note(told: Told) {
    this.told.push(told);
    if (this.told.length > TOLD_MAX) {
      this.told.shift();
    }
  }
}

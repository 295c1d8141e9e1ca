/** Turns that the client ends itself: when to commit what was sent.
 *
 *  300 ms after the last chunk (a key was let go, the microphone muted), 120 ms after the client itself heard the caller
 *  stop. Never without a voice in it: silence is no turn. */
export interface CommitDelays {
  /** After the last chunk. */
  normal_ms: number;
  /** After the caller was heard to stop. */
  fast_ms: number;
}

export const COMMIT_DELAYS: CommitDelays = { normal_ms: 300, fast_ms: 120 };

/** The server refuses shorter ones. */
const AUDIO_MS_MIN = 100;

export class SmartCommit {
  private readonly delays: CommitDelays;
  private audio_ms = 0;
  private hasVoice = false;
  private deadline: number | null = null;
  /** The caller stopped: more silence does not put the end off. */
  private isEnding = false;

  constructor(delays: CommitDelays = COMMIT_DELAYS) {
    this.delays = delays;
  }

  /** A chunk of `length_ms` was sent. */
  onChunk(now: number, length_ms: number, isVoice: boolean) {
    this.audio_ms += length_ms;
    if (isVoice) {
      this.hasVoice = true;
      this.isEnding = false;
    }
    if (!this.isEnding) {
      this.deadline = now + this.delays.normal_ms;
    }
  }

  /** The client's own ear says that the caller stopped. */
  onSpeechStopped(now: number) {
    if (this.hasVoice && !this.isEnding) {
      this.isEnding = true;
      this.deadline = now + this.delays.fast_ms;
    }
  }

  /** When [`isDue`] changes by itself. */
  get wake(): number | null {
    return this.deadline;
  }

  /** Whether to commit now; `true` once per turn. */
  isDue(now: number): boolean {
    if (this.deadline === null || now < this.deadline) {
      return false;
    }
    const isTurn = this.hasVoice && this.audio_ms >= AUDIO_MS_MIN;
    if (isTurn) {
      this.clear();
    } else {
      this.deadline = null;
    }
    return isTurn;
  }

  clear() {
    this.audio_ms = 0;
    this.hasVoice = false;
    this.isEnding = false;
    this.deadline = null;
  }
}

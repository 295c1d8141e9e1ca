/** Waits between tries: 1, 2, 4, 8, 16 s. More tries would stop at 30 s each. */
export interface BackoffOptions {
  first_ms?: number;
  longest_ms?: number;
  tries?: number;
}

export class Backoff {
  private readonly first: number;
  private readonly longest: number;
  readonly tries: number;
  private used = 0;

  constructor({ first_ms = 1_000, longest_ms = 30_000, tries = 5 }: BackoffOptions = {}) {
    this.first = first_ms;
    this.longest = longest_ms;
    this.tries = tries;
  }

  /** Milliseconds until the next try; `null` when there is none left. */
  next(): number | null {
    if (this.used >= this.tries) {
      return null;
    }
    const wait = Math.min(this.first * 2 ** this.used, this.longest);
    this.used += 1;
    return wait;
  }

  /** The number of the try that [`next`] allowed last. */
  get attempt(): number {
    return this.used;
  }

  /** It held: the next loss starts from the beginning. */
  reset() {
    this.used = 0;
  }
}

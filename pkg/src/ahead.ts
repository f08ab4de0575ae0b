/** Work on the items of a list in their order, the next ones begun while one is used. */

/** How items are worked on. */
export interface AheadWork<T> {
  /** Items. */
  readonly count: number;
  /** How many may be done or under way beside the one that is used. */
  readonly most: number;
  /** Works on an item, until the signal calls it off. */
  prepare(at: number, signal: AbortSignal): Promise<T>;
  /** Lets go of what nobody took. */
  drop(unused: T): void;
}

/** Items that are under way, one after another. */
export class Ahead<T> {
  readonly #work: AheadWork<T>;
  readonly #begun = new Map<number, Promise<T>>();
  #signal: AbortSignal | null = null;
  /** Resolves when the last one that was begun is over. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(work: AheadWork<T>) {
    this.#work = work;
  }

  /** What the work on an item gives, once. The next ones begin, and go on for as long as the signal lets them. */
  take(at: number, signal: AbortSignal): Promise<T> {
    if (signal !== this.#signal) {
      // What the old signal called off begins again.
      this.drop();
      this.#signal = signal;
    }
    const end = Math.min(at + this.#work.most + 1, this.#work.count);
    for (let next = at; next < end; next++) {
      if (!this.#begun.has(next)) this.#begun.set(next, this.#begin(next, signal));
    }
    const taken = this.#begun.get(at) ?? this.#begin(at, signal);
    this.#begun.delete(at);
    return taken;
  }

  #begin(at: number, signal: AbortSignal): Promise<T> {
    const made = this.#last.then(() => this.#work.prepare(at, signal));
    const over = (): void => {};
    // Who takes it hears of its error.
    this.#last = made.then(over, over);
    return made;
  }

  /** Lets go of all that was begun and not taken; to end what goes on is the signal's business. */
  drop(): void {
    for (const made of this.#begun.values()) {
      made.then(
        (unused) => this.#work.drop(unused),
        // Called off, or failed without anybody having waited for it.
        () => {},
      );
    }
    this.#begun.clear();
  }
}

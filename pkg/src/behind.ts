/** Work that is handed in and done one piece after another, while whoever hands it in goes on. */

/** Pieces of work that wait. */
export class Behind {
  readonly #most: number;
  readonly #begun: Promise<void>[] = [];

  /** At most so many pieces wait or are under way. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Hands a piece in; waits where there are too many, and rejects where an earlier one failed, after which no other begins. */
  async add(work: () => Promise<void>): Promise<void> {
    const next = (this.#begun.at(-1) ?? Promise.resolve()).then(work);
    // Its error is told by a later call.
    next.catch(() => {});
    this.#begun.push(next);
    while (this.#begun.length > this.#most) await this.#first();
  }

  /** Resolves when all is done, rejects where a piece failed. */
  async end(): Promise<void> {
    while (this.#begun.length > 0) await this.#first();
  }

  /** Resolves when nothing goes on any more, whatever came of it. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#begun);
  }

  async #first(): Promise<void> {
    await this.#begun[0];
    this.#begun.shift();
  }
}

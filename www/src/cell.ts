/** A value that several parts of the page look at. */

/** Holds a value and tells its listeners when another one takes its place. */
export class Cell<T> {
  #value: T;
  readonly #listeners: ((value: T) => void)[] = [];

  /** Begins with a value. */
  constructor(value: T) {
    this.#value = value;
  }

  /** The value now. */
  get value(): T {
    return this.#value;
  }

  set value(next: T) {
    if (next === this.#value) return;
    this.#value = next;
    for (const listener of this.#listeners) listener(next);
  }

  /** Hears every value to come. The page's parts live as long as the page, so there is no way to stop. */
  onChange(listener: (value: T) => void): void {
    this.#listeners.push(listener);
  }
}

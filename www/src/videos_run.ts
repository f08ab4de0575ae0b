/** A panel for a run over videos: how far it is, Pause, Abort. The run goes on while other views are shown. */

import { element } from "./dom.js";
import { clearErrors, showError, showNotice, toError } from "./messages.js";

/** A run of the library's that can wait. */
interface Pausable<T> extends AsyncIterable<T> {
  pause(): void;
  resume(): void;
}

/** How a run ended. */
export type Ending = "done" | "aborted" | "failed" | "replaced";

/** The panel whose elements' ids begin with a prefix: `PREFIX-run`, `-status`, `-label`, `-progress`, `-pause`, `-abort`. */
export class VideosRun {
  readonly #prefix: string;
  readonly #link: string;
  #running: { run: Pausable<unknown>; controller: AbortController; paused: boolean } | null = null;

  /** `link` is the text of the view's link, which tells how far a run is wherever one looks. */
  constructor(prefix: string, link: string) {
    this.#prefix = prefix;
    this.#link = link;
    const pause = this.#button("pause");
    pause.addEventListener("click", () => {
      const running = this.#running;
      if (!running) return;
      running.paused = !running.paused;
      if (running.paused) running.run.pause();
      else running.run.resume();
      pause.textContent = running.paused ? "Go on" : "Pause";
    });
    this.#button("abort").addEventListener("click", () => this.#running?.controller.abort());
  }

  #button(name: string): HTMLButtonElement {
    return element(`${this.#prefix}-${name}`, HTMLButtonElement);
  }

  /** Whether a run goes on now. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Says what is going on. */
  status(text: string): void {
    element(`${this.#prefix}-status`, HTMLParagraphElement).textContent = text;
  }

  /** Shows how far the run is, 0 to 1, and what the bar counts. */
  progress(fraction: number, label: string): void {
    element(`${this.#prefix}-progress`, HTMLProgressElement).value = fraction;
    element(`${this.#prefix}-label`, HTMLLabelElement).textContent = label;
    this.#tellLink(` (${Math.floor(fraction * 100)} %)`);
  }

  #tellLink(text: string): void {
    const link = document.querySelector(`#view-links a[href="#/${this.#prefix}"]`);
    if (link) link.textContent = this.#link + text;
  }

  /** Follows a run to its end; errors are told on the page. */
  async follow<T>(begin: (signal: AbortSignal) => Pausable<T>, take: (event: T) => void): Promise<Ending> {
    const controller = new AbortController();
    clearErrors();
    this.#show(true);
    try {
      const run = begin(controller.signal);
      this.#running = { run, controller, paused: false };
      for await (const event of run) take(event);
      return "done";
    } catch (thrown) {
      if (controller.signal.aborted) return "aborted";
      const error = toError(thrown);
      if (error.code === "disposed") return "replaced";
      showError(error);
      return "failed";
    } finally {
      this.#running = null;
      this.#show(false);
    }
  }

  #show(isRunning: boolean): void {
    element(`${this.#prefix}-run`, HTMLDivElement).hidden = false;
    const bar = element(`${this.#prefix}-progress`, HTMLProgressElement);
    bar.hidden = !isRunning;
    // Without a value it moves to and fro: nobody knows yet.
    bar.removeAttribute("value");
    element(`${this.#prefix}-label`, HTMLLabelElement).hidden = !isRunning;
    element(`${this.#prefix}-label`, HTMLLabelElement).textContent = "Reading the files";
    for (const name of ["pause", "abort"]) this.#button(name).hidden = !isRunning;
    this.#button("pause").textContent = "Pause";
    this.#tellLink("");
  }
}

/** Tells that a run goes on in an engine that was built again. */
export function tellRecovered({ message }: { readonly message: string }): void {
  showNotice({ code: "recovered", message: `${message}. The engine was built again; what was embedded is kept.` });
}

/** Tells that embeddings are gone when the page is. */
export function tellKeeping(lasting: boolean): void {
  if (lasting) return;
  showNotice({ code: "storage-refused", message: "Embeddings are kept until this page is closed: the browser allows no more." });
}

/** So many seconds in words. */
export const timeInWords = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;

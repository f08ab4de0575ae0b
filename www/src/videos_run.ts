/** A panel for a run over videos: how far it is, Pause, Abort. The run goes on while other views are shown. */

import type { VideosDone, VideosPauseEvent, VideosRun } from "sgcr";
import { element, make } from "./dom.js";
import { clearErrors, showError, showNotice, toError } from "./messages.js";

const PAUSE = "Pause";

/** How a run ended. */
export type Ending = "done" | "aborted" | "failed" | "replaced";

/** The panel `PREFIX-run`, whose elements are made here: `PREFIX-status`, `-label`, `-progress`, `-pause`, `-abort`. */
export class RunPanel {
  readonly #prefix: string;
  readonly #link: string;
  readonly #panel: HTMLDivElement;
  readonly #heading: HTMLHeadingElement;
  readonly #status = make("p", { class: "quiet", role: "status" });
  readonly #label: HTMLLabelElement;
  readonly #bar = make("progress", { class: "run-bar", max: "1", value: "0" });
  readonly #pause = make("button", { type: "button" }, PAUSE);
  readonly #abort = make("button", { type: "button" }, "Abort");
  #running: { run: VideosRun<unknown>; controller: AbortController; paused: boolean } | null = null;

  /** `link` is the text of the view's link, which tells how far a run is wherever one looks; `title` heads the panel. */
  constructor(prefix: string, link: string, title: string) {
    this.#prefix = prefix;
    this.#link = link;
    this.#panel = element(`${prefix}-run`, HTMLDivElement);
    this.#heading = make("h2", { id: `${prefix}-run-title`, tabindex: "-1" }, title);
    this.#label = make("label", { for: `${prefix}-progress` }, "Videos");
    const named = { status: this.#status, label: this.#label, progress: this.#bar, pause: this.#pause, abort: this.#abort };
    for (const [name, part] of Object.entries(named)) part.id = `${prefix}-${name}`;
    const head = make("div", { class: "panel-head" }, this.#heading, this.#status);
    this.#panel.prepend(head, this.#label, this.#bar, make("div", { class: "row actions" }, this.#pause, this.#abort));
    this.#pause.addEventListener("click", () => this.#pauseOrGoOn());
    this.#abort.addEventListener("click", () => this.#running?.controller.abort());
  }

  #pauseOrGoOn(): void {
    const running = this.#running;
    if (!running) return;
    running.paused = !running.paused;
    if (running.paused) running.run.pause();
    else running.run.resume();
    this.#pause.textContent = running.paused ? "Go on" : PAUSE;
  }

  /** Whether a run goes on now. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Puts the focus on the panel's heading. */
  focus(): void {
    this.#heading.focus();
  }

  /** Says what is going on. */
  status(text: string): void {
    this.#status.textContent = text;
  }

  /** Says that the run waits or goes on. */
  waits({ type, done }: VideosPauseEvent): void {
    this.status(type === "paused" ? `Paused after ${done} videos.` : "Goes on.");
  }

  /** Shows how many videos are done. */
  videos({ done, total }: VideosDone): void {
    this.progress(done / total, `Videos: ${done} of ${total}`);
  }

  /** Shows how far the run is, 0 to 1, and what the bar counts. */
  progress(fraction: number, label: string): void {
    this.#bar.value = fraction;
    this.#label.textContent = label;
    this.#tellLink(` (${Math.floor(fraction * 100)} %)`);
  }

  #tellLink(text: string): void {
    const link = document.querySelector(`#view-links a[href="#/${this.#prefix}"]`);
    if (link) link.textContent = this.#link + text;
  }

  /** Follows a run to its end; errors are told on the page. */
  async follow<T>(begin: (signal: AbortSignal) => VideosRun<T>, take: (event: T) => void): Promise<Ending> {
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
    this.#panel.hidden = false;
    for (const part of [this.#label, this.#bar, this.#pause, this.#abort]) part.hidden = !isRunning;
    // Without a value it moves to and fro: nobody knows yet.
    this.#bar.removeAttribute("value");
    this.#label.textContent = "Reading the files";
    this.#pause.textContent = PAUSE;
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

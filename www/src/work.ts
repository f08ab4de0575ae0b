/** Long work: one progress bar, one Cancel, errors as cards. */

import type { Progress } from "sgcr";
import { element } from "./dom.js";
import { clearErrors, showError, toError } from "./messages.js";

/** What is being done: by the engine, or by the page itself. */
export type Stage = Progress["stage"] | "draw";

/** For a piece of work. */
export interface WorkOptions {
  /** Fires when it is to stop. */
  readonly signal: AbortSignal;
  /** Hears how far it is. */
  readonly onProgress: (progress: Omit<Progress, "stage"> & { readonly stage: Stage }) => void;
}

const STAGES: Readonly<Record<Stage, string>> = {
  draw: "Drawing clips",
  engine: "Starting the engine",
  download: "Downloading the model",
  device: "Checking the device",
  weights: "Loading weights",
  decode: "Decoding frames",
  encode: "Reading the clip",
  captions: "Reading captions",
};

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

let running: AbortController | null = null;

/** Whether something runs. */
export function isWorking(): boolean {
  return running !== null;
}

/** Stops what runs. */
export function cancelWork(): void {
  running?.abort();
}

/**
 * Runs one piece of work, stopping the one before. Gives null where it was stopped or failed, which is told on the page.
 */
export async function work<T>(task: (options: WorkOptions) => Promise<T>): Promise<T | null> {
  cancelWork();
  const controller = new AbortController();
  running = controller;
  clearErrors();
  const panel = element("work", HTMLDivElement);
  const bar = element("progress", HTMLProgressElement);
  const label = element("work-label", HTMLLabelElement);
  bar.value = 0;
  label.textContent = "Working";
  // Short work would only make the bar flash.
  const appear = setTimeout(() => (panel.hidden = false), 150);
  document.body.setAttribute("aria-busy", "true");
  const onProgress: WorkOptions["onProgress"] = ({ fraction, stage, done, total }) => {
    if (running !== controller) return;
    bar.value = fraction;
    const amount = stage === "download" && total > 0 ? ` (${megabytes(done)} of ${megabytes(total)} MB)` : "";
    label.textContent = STAGES[stage] + amount;
  };
  try {
    const result = await task({ signal: controller.signal, onProgress });
    return controller.signal.aborted ? null : result;
  } catch (thrown) {
    if (!controller.signal.aborted) {
      showError(toError(thrown));
    }
    return null;
  } finally {
    clearTimeout(appear);
    if (running === controller) {
      running = null;
      panel.hidden = true;
      document.body.removeAttribute("aria-busy");
    }
  }
}

/** Runs something short beside the rest, without a progress bar. Gives null where it failed, which is told on the page. */
export async function attempt<T>(task: () => Promise<T>): Promise<T | null> {
  try {
    return await task();
  } catch (thrown) {
    const error = toError(thrown);
    // Another model took this one's place: what was asked of it has no meaning any more.
    if (error.code !== "disposed") showError(error);
    return null;
  }
}

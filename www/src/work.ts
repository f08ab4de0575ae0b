/** Long work: one progress bar, one Cancel, errors as cards. */

import { type CallOptions, type Progress, SgcrError } from "sgcr";
import { element } from "./dom.js";
import { clearErrors, showError } from "./messages.js";

const STAGES: Readonly<Record<Progress["stage"], string>> = {
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
export async function work<T>(task: (options: Required<Pick<CallOptions, "signal" | "onProgress">>) => Promise<T>): Promise<T | null> {
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
  const onProgress = ({ fraction, stage, done, total }: Progress): void => {
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
      showError(thrown instanceof SgcrError ? thrown : new SgcrError("internal", String(thrown)));
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

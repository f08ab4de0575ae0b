/** Cards for errors and notices: what happened, what to do, and the code for those who look it up. */

import { type ErrorCode, type Notice, SgcrError } from "sgcr";
import { element, make } from "./dom.js";

interface Text {
  title: string;
  advice: string;
}

const TEXTS: Partial<Record<ErrorCode, Text>> = {
  fetch: {
    title: "The address could not be read",
    advice: "Check that it is spelled right, that its server runs, and that it allows other pages to read it (CORS).",
  },
  "missing-file": {
    title: "A file of the model is missing",
    advice:
      "A model folder holds config.json, preprocessor_config.json, tokenizer.json and model.safetensors; “sgcr convert” makes one.",
  },
  "hash-mismatch": { title: "A file of the model is damaged", advice: "Download the model again." },
  "corrupt-file": {
    title: "A file is damaged or is something else",
    advice: "Download it again, or pick another one.",
  },
  "unsupported-video": {
    title: "This browser cannot play that file",
    advice: "Pick a video (WebM, MP4, MOV, Matroska), or convert it, for example with ffmpeg to WebM.",
  },
  decode: { title: "The video could not be decoded", advice: "It may be damaged; convert it or pick another one." },
  "no-frames": { title: "The clip has no frames", advice: "Pick a file with a picture in it." },
  "empty-caption": { title: "A caption is empty", advice: "Write what happens in the clip, or remove the caption." },
  "device-unavailable": {
    title: "The device cannot be used",
    advice: "Under “Use your own model”, set the device to Automatic or CPU.",
  },
  "device-lost": { title: "The GPU was taken away", advice: "Reload the page; the weights are kept." },
  "out-of-memory": { title: "Not enough memory", advice: "Close other tabs, or set the device to CPU." },
  "self-test": {
    title: "This GPU computes wrong numbers",
    advice: "Set the device to CPU, or update the browser or the driver.",
  },
  crashed: { title: "The engine stopped", advice: "Reload the page. If it happens again, tell us what you did." },
  worker: { title: "The engine could not start", advice: "Reload the page; a content blocker may stop its scripts." },
  "invalid-row": { title: "A row of the data makes no sense", advice: "Put the row right, or leave it out." },
  "invalid-json": { title: "A file is no JSON", advice: "Check that it is the annotation file, and whole." },
  "different-run": { title: "The model is not the one it began with", advice: "Begin again with the adapters that you want." },
  "not-built": { title: "The page cannot read that", advice: "" },
  "invalid-input": { title: "Something is missing or does not fit", advice: "" },
  "wrong-base": {
    title: "This adapter belongs to another model",
    advice: "Load the model that it was trained on, then import it again.",
  },
  "shape-mismatch": { title: "The files do not fit this model", advice: "Check which model they were made for." },
  "missing-tensor": {
    title: "The weights do not fit the config",
    advice: "Convert the checkpoint again with “sgcr convert”.",
  },
};

const FALLBACK: Text = { title: "That did not work", advice: "" };

const NOTICE_TITLES: Readonly<Record<string, string>> = {
  "device-fallback": "Running on the CPU",
  "storage-refused": "The browser keeps nothing here",
  "world-model": "This model knows only the generated world",
  recovered: "The device failed, and the run goes on",
};

const box = (): HTMLElement => element("messages", HTMLDivElement);

function card(kind: string, title: string, body: HTMLElement[]): HTMLElement {
  const close = make("button", { type: "button", "aria-label": `Dismiss: ${title}` }, "Dismiss");
  const made = make("article", { class: `card ${kind}` }, make("h2", {}, title), close, ...body);
  close.addEventListener("click", () => made.remove());
  return made;
}

/** Whatever was thrown, as an error with a code. */
export function toError(thrown: unknown): SgcrError {
  if (thrown instanceof SgcrError) return thrown;
  return new SgcrError("internal", thrown instanceof Error ? thrown.message : String(thrown));
}

/** Shows an error; the same one twice is shown once. */
export function showError(error: SgcrError): void {
  const { title, advice } = TEXTS[error.code] ?? FALLBACK;
  const message = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}`;
  const body = [make("p", {}, message)];
  if (advice) body.push(make("p", {}, advice));
  body.push(make("p", { class: "quiet" }, "Code: ", make("code", {}, error.code)));
  clearErrors();
  const made = card("error", title, body);
  box().append(made);
  // Views are long; what went wrong must not stand out of sight.
  made.scrollIntoView({ block: "nearest" });
}

/** Takes errors away, once something new is tried. */
export function clearErrors(): void {
  for (const old of box().querySelectorAll(".card.error")) old.remove();
}

/** Shows a notice, in place of an older one of its kind. */
export function showNotice(notice: Notice): void {
  hideNotice(notice.code);
  const title = NOTICE_TITLES[notice.code] ?? "Please note";
  // The title says it already.
  const message = notice.message.replace(`${title}: `, "");
  const made = card("notice", title, [make("p", {}, `${message.charAt(0).toUpperCase()}${message.slice(1)}`)]);
  made.dataset["code"] = notice.code;
  box().append(made);
}

/** Takes notices of a kind away. */
export function hideNotice(code: string): void {
  box().querySelector(`[data-code="${code}"]`)?.remove();
}

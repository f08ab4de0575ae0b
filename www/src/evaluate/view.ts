/** View "Evaluate": a benchmark on the user's own files, or on the generated world. */

import type { EvaluateEvent, EvaluateOptions, EvaluateTask } from "sgcr";
import { engine, model, weights } from "../app.js";
import { Chosen } from "../chosen.js";
import { element, make } from "../dom.js";
import { RunPanel, tellKeeping, tellRecovered, timeInWords } from "../videos_run.js";
import type { View } from "../views.js";
import { work } from "../work.js";
import html from "./evaluate.html";
import { clearFailures, showHardest, showMissing } from "./failures.js";
import { clearResults, mountResults, offerFiles, showTable } from "./results.js";
import { TASKS } from "./tasks.js";

/** The view. */
export const evaluateView: View = {
  name: "evaluate",
  link: "Evaluate",
  title: "How good is it?",
  lead: "The model, with the adapters in use, on a benchmark or on pairs of your own: the same samples, rules and results.json as the command line's. Files are read in this browser and never leave it.",
  html,
  mount,
  show: allowStart,
};

interface Parts {
  readonly run: RunPanel;
  readonly data: Chosen;
  readonly videos: Chosen;
}

let parts: Parts | null = null;

const task = (): EvaluateTask => element("task", HTMLSelectElement).value as EvaluateTask;
const titleOf = (name: EvaluateTask): string => TASKS.find((one) => one.name === name)?.title ?? name;

function mount(): void {
  const select = element("task", HTMLSelectElement);
  select.append(...TASKS.map(({ name, title }) => make("option", { value: name }, title)));
  const run = new RunPanel("evaluate", evaluateView.link, "Run");
  const data = new Chosen({ inputs: ["data-files"], told: "data-told" });
  const videos = new Chosen({ inputs: ["video-folder", "video-files"], told: "videos-told", opener: "video-open" });
  parts = { run, data, videos };
  for (const chosen of [data, videos]) chosen.files.onChange(allowStart);
  const form = element("evaluate-form", HTMLFormElement);
  form.addEventListener("input", allowStart);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (lacks() === "") void start();
  });
  element("forget-embeddings", HTMLButtonElement).addEventListener("click", () => void forget());
  mountResults();
}

/** What is missing before a run can begin. */
function lacks(): string {
  if (!parts || !engine.value) return "The model is still loading.";
  if (parts.run.isRunning) return "A run goes on.";
  if (task() === "world") return "";
  if (parts.data.isEmpty) return "Choose the annotations first.";
  return parts.videos.isEmpty ? "Choose the videos first." : "";
}

function allowStart(): void {
  element("task-hint", HTMLParagraphElement).textContent = TASKS.find(({ name }) => name === task())?.hint ?? "";
  element("own-files", HTMLDivElement).hidden = task() === "world";
  const why = lacks();
  element("evaluate-start", HTMLButtonElement).disabled = why !== "";
  element("evaluate-hint", HTMLParagraphElement).textContent = why;
}

function options({ data, videos }: Parts): EvaluateOptions {
  const limit = element("limit", HTMLInputElement).valueAsNumber;
  const split = element("split", HTMLInputElement).value.trim();
  const clean = element("clean", HTMLSelectElement).value;
  return {
    task: task(),
    ...(task() === "world" ? {} : { data: data.files.value, videos: videos.files.value }),
    ...(Number.isNaN(limit) ? {} : { limit }),
    ...(split === "" ? {} : { split }),
    ...(clean === "" ? {} : { preText: clean === "true" }),
  };
}

async function start(): Promise<void> {
  const using = engine.value;
  if (!using || !parts) return;
  const { run, videos } = parts;
  const asked = options(parts);
  const taker = new Taker(run, about(asked.task), (video) => videos.find(video));
  clearResults();
  clearFailures();
  const ended = run.follow(
    (signal) => using.evaluate({ ...asked, signal }),
    (event) => taker.take(event),
  );
  allowStart();
  run.focus();
  const ending = await ended;
  if (ending !== "done") run.status(ENDINGS[ending]);
  allowStart();
}

const ENDINGS = {
  aborted: "Aborted. What was embedded is kept: with the same files it goes on from there.",
  failed: "Failed.",
  replaced: "Ended: another model was loaded.",
} as const;

/** What is measured, in words. */
function about(name: EvaluateTask): string {
  const address = typeof model.value === "string" ? model.value : model.value instanceof URL ? model.value.href : "";
  const folder = address.replace(/\/+$/, "").split("/").at(-1) || "a model from disk";
  const adapters = Object.keys(weights.value).length > 0 ? ", with adapters" : "";
  return `${titleOf(name)} · ${folder}${adapters} · ${engine.value?.info.device === "webgpu" ? "WebGPU" : "CPU"}`;
}

/** Shows a run's events. */
class Taker {
  #videos = 0;

  constructor(
    readonly run: RunPanel,
    readonly about: string,
    readonly find: Chosen["find"],
  ) {}

  take(event: EvaluateEvent): void {
    const { run } = this;
    switch (event.type) {
      case "start":
        tellKeeping(event.lasting);
        this.#videos = event.videos;
        run.status(`${event.videos} videos, ${event.captions} captions.`);
        break;
      case "captions":
        run.progress(0, `Captions: ${event.done} of ${event.total}`);
        break;
      case "video":
        run.videos(event);
        if (event.secondsLeft !== null) run.status(`About ${timeInWords(event.secondsLeft)} left.`);
        break;
      case "missing":
        run.videos(event);
        showMissing(event);
        break;
      case "table":
        showTable(event, `So far · ${this.about}`);
        break;
      case "paused":
      case "resumed":
        run.waits(event);
        break;
      case "recovered":
        clearFailures();
        tellRecovered(event);
        break;
      case "done":
        showTable(event, this.about);
        offerFiles(event);
        showHardest(event.hardest, this.find);
        run.status(`Done: ${this.#videos - event.missing.length} of ${this.#videos} videos.`);
        break;
    }
  }
}

async function forget(): Promise<void> {
  const using = engine.value;
  if (!using || parts?.run.isRunning) return;
  await work(() => using.forgetEmbeddings());
  element("evaluate-hint", HTMLParagraphElement).textContent = "Forgotten.";
}

/** A run as it goes: steps, loss and margin, and what can be done about it. */

import type { DoneEvent, FineTuneEvent, FineTuneRun, StepEvent, ValidationEvent } from "sgcr";
import { Chart, type Line } from "../chart.js";
import { element } from "../dom.js";
import { clearErrors, showError, showNotice, toError } from "../messages.js";
import { showPlan } from "./plan.js";

/** The parts of the loss that a run may have. */
const PARTS: readonly (Line & { readonly key: "loss" | "contrastive" | "triplets" | "order" | "scene" })[] = [
  { key: "loss", label: "Loss", colour: "--accent" },
  { key: "contrastive", label: "Captions", colour: "--object", dash: [7, 4] },
  { key: "triplets", label: "Graphs in words", colour: "--subject", dash: [3, 3] },
  { key: "order", label: "Order", colour: "--note", dash: [9, 3, 2, 3] },
  { key: "scene", label: "Scene-graph tokens", colour: "--bad", dash: [2, 5] },
];

const button = (id: string): HTMLButtonElement => element(id, HTMLButtonElement);
const status = (text: string): void => void (element("run-status", HTMLParagraphElement).textContent = text);

interface Running {
  readonly run: FineTuneRun;
  readonly controller: AbortController;
  paused: boolean;
}

let running: Running | null = null;
let steps: StepEvent[] = [];
let tests: ValidationEvent[] = [];
let lossChart: Chart | null = null;
let marginChart: Chart | null = null;

/** Whether a run goes on now. */
export function isRunning(): boolean {
  return running !== null;
}

/** Follows a run to its end: its last event, or null where it was aborted or failed, which is told on the page. */
export async function follow(begin: (signal: AbortSignal) => FineTuneRun): Promise<DoneEvent | null> {
  const controller = new AbortController();
  clearErrors();
  beginPanel();
  let done: DoneEvent | null = null;
  try {
    const run = begin(controller.signal);
    running = { run, controller, paused: false };
    for await (const event of run) {
      take(event);
      if (event.type === "done") done = event;
    }
  } catch (thrown) {
    if (controller.signal.aborted)
      status(`Aborted after step ${steps.at(-1)?.step ?? 0}; its last checkpoint is kept.`);
    else {
      const error = toError(thrown);
      const isGone = error.code === "disposed";
      status(isGone ? "Ended: another model was loaded. With this one it can go on from its checkpoint." : "Failed.");
      if (!isGone) showError(error);
    }
  } finally {
    running = null;
    element("run-progress", HTMLProgressElement).hidden = true;
    for (const id of ["pause", "stop", "abort"]) button(id).disabled = true;
    tellLink("");
  }
  return done;
}

function beginPanel(): void {
  steps = [];
  tests = [];
  lossChart?.destroy();
  lossChart = null;
  marginChart?.destroy();
  marginChart = null;
  const panel = element("run-panel", HTMLDivElement);
  panel.hidden = false;
  const progress = element("run-progress", HTMLProgressElement);
  progress.hidden = false;
  // Without a value it moves to and fro: nobody knows yet.
  progress.removeAttribute("value");
  for (const id of ["pause", "stop", "abort"]) button(id).disabled = false;
  button("pause").textContent = "Pause";
  element("run-label", HTMLLabelElement).textContent = "Steps";
  status("Reading the clips…");
  panel.scrollIntoView({ block: "nearest" });
}

/** Tells how many clips are read. */
export function tellSamples(done: number, total: number): void {
  status(`Reading the clips: ${done} of ${total}.`);
}

/** The view's link says that a run goes on, wherever one looks. */
function tellLink(text: string): void {
  const link = document.querySelector('#view-links a[href="#/fine-tune"]');
  if (link) link.textContent = text === "" ? "Fine-tune" : `Fine-tune (${text})`;
}

function take(event: FineTuneEvent): void {
  switch (event.type) {
    case "start":
      showPlan(event.plan);
      status(`${event.trained} samples to learn from, ${event.heldOut} held out.`);
      break;
    case "step":
      steps.push(event);
      showStep(event);
      break;
    case "validation":
      tests.push(event);
      showMargin();
      break;
    case "paused":
      status(`Paused after step ${event.step}.`);
      break;
    case "resumed":
      status(`Goes on from step ${event.step}.`);
      break;
    case "recovered":
      // Steps since the checkpoint are done again.
      steps = steps.filter(({ step }) => step <= event.step);
      showPlan(event.plan);
      showNotice({
        code: "recovered",
        message: `${event.message}. The engine was built again and goes on from step ${event.step}.`,
      });
      break;
    case "done":
      status(`${endings[event.reason]} The adapter of step ${event.step} is kept.`);
      break;
    case "checkpoint":
      break;
  }
}

const endings: Readonly<Record<DoneEvent["reason"], string>> = {
  finished: "All steps are done.",
  "early-stop": "Ended early: no better result for a while.",
  stopped: "Stopped on request.",
};

const time = (seconds: number): string => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

function showStep(event: StepEvent): void {
  const { step, steps: all, secondsLeft, milliseconds, learningRate } = event;
  element("run-progress", HTMLProgressElement).value = step / all;
  const rate = learningRate.toPrecision(2);
  element("run-label", HTMLLabelElement).textContent =
    `Step ${step} of ${all} · ${Math.round(milliseconds)} ms · learning rate ${rate}`;
  status(`About ${time(secondsLeft)} left.`);
  tellLink(`${Math.round((step / all) * 100)} %`);
  const lines = PARTS.filter(({ key }) => key === "loss" || event[key] !== null);
  // One part alone is the loss itself.
  const shown = lines.length === 2 ? lines.slice(0, 1) : lines;
  lossChart ??= new Chart(element("loss-plot", HTMLDivElement), {
    x: "step",
    y: "loss",
    lines: shown,
    format: (value) => value.toFixed(2),
  });
  const summary = `Loss over ${steps.length} steps: from ${steps[0]?.loss.toFixed(3)} to ${event.loss.toFixed(3)}.`;
  lossChart.set(
    steps.map((one) => one.step),
    shown.map(({ key }) => steps.map((one) => one[key])),
    summary,
  );
}

function showMargin(): void {
  const known = tests.filter(({ margin }) => margin !== null);
  const last = known.at(-1);
  if (!last || last.margin === null) return;
  marginChart ??= new Chart(element("margin-plot", HTMLDivElement), {
    x: "step",
    y: "margin",
    lines: [{ label: "Margin", colour: "--accent" }],
    format: (value) => value.toFixed(3),
  });
  const accuracy = last.accuracy === null ? "" : `, ${Math.round(last.accuracy * 100)} % right`;
  const summary = `Mean margin of ${last.comparisons} held-out comparisons: ${last.margin.toFixed(3)} after ${last.step} steps${accuracy}.`;
  marginChart.set(
    known.map(({ step }) => step),
    [known.map(({ margin }) => margin)],
    summary,
  );
}

/** Wires the buttons. */
export function mountRunPanel(): void {
  button("pause").addEventListener("click", () => {
    if (!running) return;
    running.paused = !running.paused;
    if (running.paused) running.run.pause();
    else running.run.resume();
    button("pause").textContent = running.paused ? "Go on" : "Pause";
  });
  button("stop").addEventListener("click", () => running?.run.stop());
  button("abort").addEventListener("click", () => running?.controller.abort());
}

/** View "Fine-tune": samples, plan, run, outcome, adapters. */

import { engine, weights } from "../app.js";
import { element } from "../dom.js";
import { clearErrors, showNotice } from "../messages.js";
import type { View } from "../views.js";
import { mountAdapters, refreshAdapters } from "./adapters.js";
import { hideEditor, mountEditor, showEditor } from "./editor.js";
import { fineTuneOptions } from "./options.js";
import { hideOutcome, mountOutcome, showOutcome } from "./outcome.js";
import { planSoon } from "./plan.js";
import { follow, isRunning, mountRunPanel, tellSamples } from "./run_panel.js";
import { mountSampleList } from "./sample_list.js";
import { fineTuneSamples, samples } from "./samples.js";
import { mountSources } from "./sources.js";
import html from "./tune.html";
import { refreshUnfinished } from "./unfinished.js";

/** The view. */
export const tuneView: View = {
  name: "fine-tune",
  link: "Fine-tune",
  title: "Teach it what it gets wrong",
  lead: "A few dozen clips with captions that fit and captions that nearly do train a small adapter (LoRA), here in the browser. The model itself stays as it is; the adapter can be taken off, mixed, and taken home.",
  html,
  mount,
  show() {
    showEditor();
    plan();
    void refreshAdapters();
    void refreshUnfinished(goOn);
  },
  hide: hideEditor,
};

function mount(): void {
  element("plan-title", HTMLHeadingElement).tabIndex = -1;
  mountSources();
  mountSampleList();
  mountEditor();
  mountRunPanel();
  mountOutcome();
  mountAdapters();
  samples.onChange(plan);
  const form = element("tune-form", HTMLFormElement);
  form.addEventListener("input", plan);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isRunning()) void start();
  });
  engine.onChange(() => {
    weights.value = {};
    hideOutcome();
  });
}

function plan(): void {
  if (!isRunning()) planSoon(allowStart);
}

function allowStart(canStart: boolean, why: string): void {
  element("start", HTMLButtonElement).disabled = !canStart || isRunning();
  element("start-hint", HTMLParagraphElement).textContent = isRunning() ? "" : why;
}

const listeners = { onNotice: showNotice, onSamples: tellSamples };

async function start(): Promise<void> {
  const using = engine.value;
  if (!using) return;
  const options = { ...fineTuneOptions(), ...listeners };
  await runToEnd((signal) => using.fineTune(fineTuneSamples(), { ...options, signal }));
}

function goOn(run: string): void {
  const using = engine.value;
  if (using && !isRunning()) void runToEnd((signal) => using.resumeFineTune(run, { onNotice: showNotice, signal }));
}

async function runToEnd(begin: Parameters<typeof follow>[0]): Promise<void> {
  clearErrors();
  hideOutcome();
  element("start", HTMLButtonElement).disabled = true;
  const followed = follow(begin);
  element("run-title", HTMLHeadingElement).focus();
  const done = await followed;
  if (done) await showOutcome(done);
  await refreshAdapters();
  await refreshUnfinished(goOn);
  plan();
}

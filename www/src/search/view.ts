/** View "Search": clips of the user's own videos, found by text. */

import type { IndexEvent, LibraryInfo, SkippedVideo } from "sgcr";
import { engine } from "../app.js";
import { Chosen } from "../chosen.js";
import { element, make } from "../dom.js";
import { RunPanel, tellKeeping, tellRecovered } from "../videos_run.js";
import type { View } from "../views.js";
import { work } from "../work.js";
import { showHits } from "./hits.js";
import html from "./search.html";

/** The view. */
export const searchView: View = {
  name: "search",
  link: "Search",
  title: "Find the moment",
  lead: "Videos of yours are cut into scenes and clips, each clip is embedded once, and a sentence finds the clips that fit it best. The videos stay on this machine.",
  html,
  mount,
  show: allowStart,
};

interface Parts {
  readonly run: RunPanel;
  readonly videos: Chosen;
}

/** Clips that a search lists. */
const TOP = 8;

let parts: Parts | null = null;
let skipped: SkippedVideo[] = [];

function mount(): void {
  const run = new RunPanel("search", searchView.link, "Reading the videos");
  const videos = new Chosen({ inputs: ["library-folder", "library-files"], told: "library-told", opener: "library-open" });
  parts = { run, videos };
  videos.files.onChange(allowStart);
  element("index-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (lacks() === "") void index();
  });
  element("find-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void find();
  });
  // What is indexed belongs to the model that embedded it.
  engine.onChange(() => (element("find-panel", HTMLDivElement).hidden = true));
}

/** What is missing before videos can be read. */
function lacks(): string {
  if (!parts || !engine.value) return "The model is still loading.";
  if (parts.run.isRunning) return "Videos are being read.";
  return parts.videos.isEmpty ? "Choose videos first." : "";
}

function allowStart(): void {
  const why = lacks();
  element("index-start", HTMLButtonElement).disabled = why !== "";
  element("index-hint", HTMLParagraphElement).textContent = why;
}

async function index(): Promise<void> {
  const using = engine.value;
  if (!using || !parts) return;
  const { run, videos } = parts;
  const options = { window: element("window-seconds", HTMLInputElement).valueAsNumber, cuts: element("cuts", HTMLInputElement).checked };
  const files = videos.files.value;
  skipped = [];
  showSkipped();
  element("find-panel", HTMLDivElement).hidden = true;
  const ended = run.follow((signal) => using.index(files, { ...options, signal }), take);
  allowStart();
  run.focus();
  const ending = await ended;
  if (ending === "aborted") run.status("Aborted. What was embedded is kept; the videos before can be searched.");
  else if (ending !== "done") run.status(ending === "failed" ? "Failed." : "Ended: another model was loaded.");
  allowStart();
}

function take(event: IndexEvent): void {
  if (!parts) return;
  const { run } = parts;
  switch (event.type) {
    case "start":
      tellKeeping(event.lasting);
      run.status(`${event.videos} videos.`);
      break;
    case "frames": {
      const doing = event.stage === "cuts" ? "Looking for cuts in" : "Reading";
      run.status(`${doing} ${event.video}: ${event.done} of ${event.total} frames.`);
      break;
    }
    case "video":
      run.videos(event);
      // What is there can be searched while the others come.
      element("find-panel", HTMLDivElement).hidden = false;
      break;
    case "skipped":
      run.videos(event);
      skipped.push(event);
      showSkipped();
      break;
    case "paused":
    case "resumed":
      run.waits(event);
      break;
    case "recovered":
      skipped = [];
      showSkipped();
      tellRecovered(event);
      break;
    case "done":
      run.status(inWords(event));
      break;
  }
}

const inWords = ({ clips, videos, embedded }: LibraryInfo): string =>
  `${clips} clips of ${videos} videos, ${embedded} of them newly embedded.`;

function showSkipped(): void {
  const list = element("skipped-list", HTMLDivElement);
  list.hidden = skipped.length === 0;
  const rows = skipped.map(({ video, reason }) => make("tr", {}, make("th", { scope: "row" }, video), make("td", {}, reason)));
  const head = ["Left out", "Why"].map((text) => make("th", { scope: "col" }, text));
  list.replaceChildren(
    make("table", { class: "sample-table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
  );
}

async function find(): Promise<void> {
  const using = engine.value;
  const query = element("query", HTMLInputElement).value.trim();
  if (!using || !parts || query === "") return;
  const { videos } = parts;
  const status = element("find-status", HTMLParagraphElement);
  const found = await work(({ signal }) => using.search([query], { top: TOP, signal }));
  if (!found || engine.value !== using) {
    status.textContent = "";
    return;
  }
  const hits = found[0] ?? [];
  status.textContent = hits.length === 0 ? "Nothing there to search yet." : `${hits.length} clips, the best first.`;
  showHits(hits, (video) => videos.find(video));
}

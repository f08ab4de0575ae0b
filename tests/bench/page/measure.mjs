// Opens every contestant in a page of its own, warms each up and measures them in turn.
import { installMemoryHooks } from "./memory_hooks.mjs";
import { peakResidentBytes, renderers } from "./processes.mjs";
import { openPage } from "../../e2e/harness.mjs";

/** Different contents for warm-up and measured runs, so that an embedding which ignores the clip is noticed. */
export const CLIPS = { warmUp: 2, measured: 1 };

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

async function openContestant(browser, url, contestant) {
  const before = await renderers(browser);
  const { page, problems } = await openPage(browser, `${url}/blank/blank.html`);
  // The page's process and, it may be, a spare one.
  const processes = [...(await renderers(browser))].filter((id) => !before.has(id));
  await page.evaluate(installMemoryHooks);
  const { seconds, ...opened } = await page.evaluate(
    async (contestant) => (await import("/bench/contestants.mjs")).open(contestant),
    contestant,
  );
  return { ...contestant, ...opened, openSeconds: seconds, page, problems, processes };
}

const encode = ({ page, frames, size }, seed) =>
  page.evaluate(async (clip) => (await import("/bench/contestants.mjs")).run(clip), { frames, size, seed });

const nameOf = ({ library, device }) => `${library} on ${device}`;

/** Says which contestant failed. */
async function attempt(contestant, work) {
  try {
    return await work();
  } catch (cause) {
    throw new Error(`${nameOf(contestant)}: ${cause.message}`, { cause });
  }
}

async function openAll(browser, url, contestants, tell) {
  const open = [];
  for (const contestant of contestants) {
    tell(`opening ${nameOf(contestant)}`);
    const opened = await attempt(contestant, () => openContestant(browser, url, contestant));
    const warmUp = await attempt(contestant, () => encode(opened, CLIPS.warmUp));
    tell(`warmed up ${nameOf(contestant)}: ${warmUp.seconds.toFixed(2)} s`);
    open.push({ ...opened, warmUp, runs: [] });
  }
  return open;
}

/** One run of each contestant on a device. */
async function turn(contestants, tell) {
  for (const contestant of contestants) {
    const run = await attempt(contestant, () => encode(contestant, CLIPS.measured));
    contestant.runs.push(run);
    tell(`${nameOf(contestant)}: ${run.seconds.toFixed(2)} s`);
  }
}

/**
 * Measures `contestants` (`{library, device}` and their shape), turn by turn so that a noisy neighbour hits all alike. A device's
 * contestants get `repeats` runs each, or fewer (one at least) where the next would end after `minutes`.
 *
 * @returns one result each: seconds, embeddings of both clips, peak memory
 */
export async function measure(browser, url, contestants, { repeats, minutes, tell }) {
  const begin = performance.now();
  const open = await openAll(browser, url, contestants, tell);
  const took = {};
  for (let round = 0; round < repeats; round++) {
    for (const device of new Set(open.map((contestant) => contestant.device))) {
      const start = performance.now();
      if (round > 0 && start + took[device] > begin + minutes * 60_000) continue;
      await turn(open.filter((contestant) => contestant.device === device), tell);
      took[device] = performance.now() - start;
    }
  }
  return open.map(({ library, device, adapter, openSeconds, warmUp, runs, problems, processes }) => ({
    library,
    device,
    adapter,
    openSeconds,
    warmUpSeconds: warmUp.seconds,
    runSeconds: runs.map(({ seconds }) => seconds),
    medianSeconds: median(runs.map(({ seconds }) => seconds)),
    embeddings: { warmUp: warmUp.embedding, measured: runs.at(-1).embedding },
    peakBytes: { ...runs.at(-1).memory, process: peakResidentBytes(processes) },
    // The engine asks for files that a model folder may lack.
    problems: problems.filter((problem) => !problem.startsWith("Failed to load resource")),
  }));
}

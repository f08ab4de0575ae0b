// Measures ViCLIP-B/16's video encoder in one Chromium: ours on WebGPU and in wasm beside onnxruntime-web on both.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, path, serve } from "../e2e/harness.mjs";
import { GOAL, MODULE, sizes } from "../../pkg/size.mjs";
import { checkAgreement } from "./page/agreement.mjs";
import { measure } from "./page/measure.mjs";
import { ratios, report, sizeReport } from "./page/report.mjs";

const HELP = `npm run bench -- [options]
  --layers N    transformer blocks of the twelve (default 1: a headless Chromium's software GPU takes minutes)
  --frames N    frames of the clip (default 8)
  --webgpu-frames N   the same on WebGPU (default 2: see above)
  --repeats N   measured runs of each contestant (default 5)
  --minutes N   begin no further run that would end later; one each is measured in any case (default 12)
  --devices L   "webgpu,cpu" (default), or one of them
  --seed N      of the random weights (default 1)
  --json FILE   write everything measured there, too
  --no-sizes    leave out the sizes of the wasm files (compressing takes minutes)`;

const SHAPE = { size: 224, width: 768, heads: 12, patch: 16 };
const ORT = path("pkg", "node_modules", "onnxruntime-web", "dist");
const ORT_WASM = { webgpu: "ort-wasm-simd-threaded.asyncify.wasm", cpu: "ort-wasm-simd-threaded.wasm" };
const tell = (text) => process.stderr.write(`${text}\n`);

function options() {
  const text = (value) => ({ type: "string", default: value });
  const { values } = parseArgs({
    options: {
      layers: text("1"), frames: text("8"), "webgpu-frames": text("2"), repeats: text("5"), minutes: text("12"), devices: text("webgpu,cpu"), seed: text("1"),
      json: { type: "string" }, "no-sizes": { type: "boolean" }, help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  for (const name of ["layers", "frames", "webgpu-frames", "repeats", "minutes", "seed"]) {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} ${values[name]}: give a whole number from 1`);
    values[name] = number;
  }
  values.devices = values.devices.split(",");
  const unknown = values.devices.find((device) => !(device in ORT_WASM));
  if (unknown !== undefined) throw new Error(`--devices: "${unknown}" is none of ${Object.keys(ORT_WASM).join(", ")}`);
  return values;
}

/** One model for all contestants of a device, in `folder`. */
function makeModels(folder, numbers) {
  const python = process.env.SGCR_BENCH_PYTHON ?? "python3";
  const args = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  execFileSync(python, ["-B", path("tests", "bench", "page", "make_models.py"), "--output", folder, ...args], { stdio: "inherit" });
}

/** All that is measured in the browser, from the models to the check that they computed the same. */
async function measureAll({ layers, seed, repeats, minutes, devices, ...frames }) {
  const models = mkdtempSync(join(tmpdir(), "sgcr-bench-"));
  process.once("exit", () => rmSync(models, { recursive: true, force: true }));
  const shapes = devices.map((device) => ({ device, layers, frames: device === "webgpu" ? frames["webgpu-frames"] : frames.frames, ...SHAPE }));
  let [browser, server] = [];
  try {
    for (const { device, ...shape } of shapes) makeModels(join(models, device), { ...shape, seed });
    const bench = path("tests", "bench", "page");
    server = await serve({ "/sgcr/": path("pkg"), "/ort/": ORT, "/models/": models, "/bench/": bench, "/blank/": path("tests", "e2e") });
    browser = await launch();
    const contestants = shapes.flatMap((shape) => ["sgcr", "onnxruntime-web"].map((library) => ({ library, ...shape })));
    const results = await measure(browser, server.url, contestants, { repeats, minutes, tell });
    return { shapes, browser: browser.version(), results, agreements: checkAgreement(results), ratios: ratios(results) };
  } finally {
    await browser?.close();
    await server?.close();
  }
}

async function main() {
  const { json, "no-sizes": noSizes, ...wanted } = options();
  if (!existsSync(MODULE)) throw new Error("the module is not built: run `npm run build` first");
  const measured = await measureAll(wanted);
  for (const { library, device, problems } of measured.results) for (const problem of problems) tell(`${library} on ${device}: ${problem}`);
  const { version } = JSON.parse(readFileSync(join(ORT, "..", "package.json"), "utf8"));
  const all = { ...measured, onnxruntime: version, cores: cpus().length, sizes: null };
  console.log(`\n${report(all)}`);
  if (!noSizes) {
    // Compressing last: it takes longest, and nothing else waits for it.
    const files = { "sgcr_bg.wasm": MODULE };
    for (const device of wanted.devices) files[ORT_WASM[device]] = join(ORT, ORT_WASM[device]);
    all.sizes = Object.fromEntries(await Promise.all(Object.entries(files).map(async ([name, file]) => [name, await sizes(file)])));
    console.log(`\n${sizeReport(all.sizes, GOAL)}`);
  }
  if (json) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
}

// Exits as any end does: what is temporary goes away.
process.once("SIGINT", () => process.exit(130));
try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

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
import { ratios, report } from "./page/report.mjs";

const HELP = `npm run bench -- [options]
  --layers N    transformer blocks of the twelve (default 1: the software GPU of a headless Chromium is slow)
  --frames N    frames of the clip (default 8)
  --repeats N   measured runs of each contestant (default 5)
  --minutes N   begin no further run that would end later; one each is measured in any case (default 12)
  --devices L   "webgpu,cpu" (default), or one of them
  --seed N      of the random weights (default 1)
  --json FILE   write everything measured there, too
  --no-sizes    leave out the sizes of the wasm files (compressing takes a minute)`;

const SHAPE = { size: 224, width: 768, heads: 12, patch: 16 };
const ORT = path("pkg", "node_modules", "onnxruntime-web", "dist");
const ORT_WASM = { webgpu: "ort-wasm-simd-threaded.asyncify.wasm", cpu: "ort-wasm-simd-threaded.wasm" };

function options() {
  const text = (value) => ({ type: "string", default: value });
  const { values } = parseArgs({
    options: {
      layers: text("1"), frames: text("8"), repeats: text("5"), minutes: text("12"), devices: text("webgpu,cpu"), seed: text("1"),
      json: { type: "string" }, "no-sizes": { type: "boolean" }, help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  for (const name of ["layers", "frames", "repeats", "minutes", "seed"]) {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} ${values[name]}: give a whole number from 1`);
    values[name] = number;
  }
  values.devices = values.devices.split(",");
  const unknown = values.devices.find((device) => !(device in ORT_WASM));
  if (unknown !== undefined) throw new Error(`--devices: "${unknown}" is none of ${Object.keys(ORT_WASM).join(", ")}`);
  return values;
}

/** One model for all, in a temporary folder. */
function makeModels(folder, { layers, frames, seed }) {
  const python = process.env.SGCR_BENCH_PYTHON ?? "python3";
  const numbers = { layers, frames, seed, ...SHAPE };
  const args = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  execFileSync(python, ["-B", path("tests", "bench", "page", "make_models.py"), "--output", folder, ...args], { stdio: "inherit" });
}

async function main() {
  const { layers, frames, repeats, minutes, devices, seed, json, ...rest } = options();
  if (!existsSync(MODULE)) throw new Error("the module is not built: run `npm run build` first");
  const tell = (text) => process.stderr.write(`${text}\n`);
  const models = mkdtempSync(join(tmpdir(), "sgcr-bench-"));
  let [browser, server] = [];
  try {
    makeModels(models, { layers, frames, seed });
    server = await serve({ "/sgcr/": path("pkg"), "/ort/": ORT, "/models/": models, "/bench/": path("tests", "bench", "page"), "/blank/": path("tests", "e2e") });
    browser = await launch();
    const contestants = devices.flatMap((device) => ["sgcr", "onnxruntime-web"].map((library) => ({ library, device })));
    const results = await measure(browser, server.url, contestants, { frames, size: SHAPE.size, repeats, minutes, tell });
    const shape = { layers, frames, ...SHAPE, tokens: 1 + frames * (SHAPE.size / SHAPE.patch) ** 2 };
    const agreements = checkAgreement(results);
    const files = { "sgcr_bg.wasm": MODULE };
    for (const device of devices) files[ORT_WASM[device]] = join(ORT, ORT_WASM[device]);
    if (!rest["no-sizes"]) tell("compressing the wasm files");
    const measuredSizes = rest["no-sizes"] ? null : Object.fromEntries(Object.entries(files).map(([name, file]) => [name, sizes(file)]));
    const { version } = JSON.parse(readFileSync(join(ORT, "..", "package.json"), "utf8"));
    const gpu = results.find(({ adapter }) => adapter)?.adapter;
    const about = [
      `Chromium ${browser.version()}, ${cpus().length} cores; onnxruntime-web ${version}, 1 thread.`,
      ...(gpu ? [`WebGPU adapter: ${gpu}.`] : []),
    ];
    const all = { shape, about, results, agreements, sizes: measuredSizes, sizeGoal: GOAL };
    for (const { library, device, problems } of results) for (const problem of problems) tell(`${library} on ${device}: ${problem}`);
    console.log(`\n${report(all)}`);
    if (json) writeFileSync(json, `${JSON.stringify({ ...all, ratios: ratios(results) }, null, 2)}\n`);
  } finally {
    await browser?.close();
    await server?.close();
    rmSync(models, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}

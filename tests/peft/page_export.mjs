// Fine-tunes fixture viclip_tiny in the page and writes the adapter that the page exports:
//
//   node tests/peft/page_export.mjs FOLDER       (tests/peft/run calls it; the page is built, SGCR names the program)
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertTiny, launch, openPage, path, serve } from "../e2e/harness.mjs";

/** Maps of two kinds in both encoders, one of PyTorch's MultiheadAttention among them; a rate that is felt in a few steps. */
const OPTIONS = { name: "from the page", steps: 8, batch: 4, rank: 3, learningRate: 0.02, validationShare: 0, checkpointEvery: 0 };

/** Runs in the page. */
async function trainAndExport({ library, options }) {
  const { createEngine } = await import(library);
  const engine = await createEngine({ model: "/models/tiny/", device: "cpu" });
  const samples = [];
  for (let seed = 1; samples.length < 4; seed++) {
    const { frames, nearMisses } = await engine.worldClip(seed);
    if (nearMisses.length > 0) samples.push({ clip: frames, caption: nearMisses[0].fits, nearMisses: [nearMisses[0].misses] });
  }
  let adapter = null;
  for await (const event of engine.fineTune(samples, options)) if (event.type === "done") adapter = event.adapter;
  const files = {};
  for (const [name, blob] of Object.entries(await engine.adapters.export(adapter))) files[name] = [...new Uint8Array(await blob.arrayBuffer())];
  engine.dispose();
  return files;
}

async function main() {
  const [output] = process.argv.slice(2);
  if (!output) throw new Error("say where the adapter goes: node tests/peft/page_export.mjs FOLDER");
  const models = mkdtempSync(join(tmpdir(), "sgcr-peft-"));
  let [server, browser] = [];
  try {
    convertTiny(join(models, "tiny"));
    server = await serve({ "/sgcr/": path("www", "dist", "sgcr"), "/models/": models, "/e2e/": path("tests", "e2e") });
    browser = await launch();
    const { page } = await openPage(browser, `${server.url}/e2e/blank.html`);
    page.setDefaultTimeout(0);
    const files = await page.evaluate(trainAndExport, { library: "/sgcr/dist/index.js", options: OPTIONS });
    mkdirSync(output, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(output, name), Uint8Array.from(bytes));
  } finally {
    await browser?.close();
    await server?.close();
    rmSync(models, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`page_export: ${error.message}`);
  process.exitCode = 1;
}

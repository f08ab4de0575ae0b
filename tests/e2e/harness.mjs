// What the browser tests share: a plain static server below a sub-path, Chromium, the native program, fixtures.
import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const packages = createRequire(join(root, "pkg", "package.json"));
const { chromium } = packages("playwright-core");

/** A file of the project. */
export const path = (...parts) => join(root, ...parts);
export const fixtures = path("tests", "fixtures");

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webm": "video/webm",
};

/** The demo's policy (src/cli/serve.rs): a page that breaks it must fail here too. */
export const CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; " +
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:* blob:; img-src 'self' data: blob:; " +
  "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Where the demo lies on the test's server: never at its top. */
export const SUB_PATH = "/somebody/s/pages/";

/**
 * Serves folders by prefix, with Range, without COOP/COEP. `hooks` (path to handler) come first; `extra` headers go with
 * every file.
 *
 * @returns {Promise<{url: string, requests: string[], close: () => Promise<void>}>}
 */
export async function serve(folders, hooks = {}, extra = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    const pathname = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    requests.push(`${request.method} ${pathname}`);
    if (hooks[pathname]) return hooks[pathname](request, response);
    const prefix = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const file = prefix && join(folders[prefix], normalize(`/${pathname.slice(prefix.length)}`));
    const found = file && (pathname.endsWith("/") ? join(file, "index.html") : file);
    if (!found || !existsSync(found) || !statSync(found).isFile()) return response.writeHead(404).end("not found");
    sendFile(found, request, response, extra);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

function sendFile(file, request, response, extra) {
  const { size, mtimeMs } = statSync(file);
  const headers = {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-security-policy": CSP,
    "accept-ranges": "bytes",
    etag: `"${size}-${mtimeMs}"`,
    ...extra,
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const begin = range ? Number(range[1]) : 0;
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (range) headers["content-range"] = `bytes ${begin}-${end}/${size}`;
  response.writeHead(range ? 206 : 200, { ...headers, "content-length": end - begin + 1 });
  if (request.method === "HEAD") response.end();
  else createReadStream(file, { start: begin, end }).pipe(response);
}

const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Chromium with WebGPU on its software adapter, or without any. */
export function launch({ webgpu = true, args = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", ...(webgpu ? WEBGPU : []), ...args],
  });
}

/** A page whose console errors and uncaught exceptions are collected; `expected` ones are left out. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  await page.goto(url);
  return { context, page, problems };
}

const AXE = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong with the page as it stands, by WCAG 2.2 AA and its own best practices; one line a fault. */
export async function accessibilityFaults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document));
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help} (${target.join(" ")})`));
}

/** The native program, built before (`cargo build --bin sgcr`). */
export function sgcr(...args) {
  return execFileSync(program(), args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

let found = null;
/** The native program's path. */
export function program() {
  if (found) return found;
  const folder = process.env.CARGO_TARGET_DIR ?? metadata().target_directory;
  const candidates = [process.env.SGCR, join(folder, "release", "sgcr"), join(folder, "debug", "sgcr")];
  found = candidates.find((file) => file && existsSync(file));
  if (!found) throw new Error(`no native program in ${folder}: run \`cargo build --bin sgcr\` first`);
  return found;
}

/** A native example, built before (`cargo build --example NAME`). */
export function example(name, ...args) {
  const folder = process.env.CARGO_TARGET_DIR ?? metadata().target_directory;
  const candidates = ["release", "debug"].map((profile) => join(folder, profile, "examples", name));
  const file = candidates.find((file) => existsSync(file));
  if (!file) throw new Error(`no example ${name} in ${folder}: run \`cargo build --example ${name}\` first`);
  return execFileSync(file, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function metadata() {
  return JSON.parse(execFileSync("cargo", ["metadata", "--format-version", "1", "--no-deps"], { cwd: root, encoding: "utf8" }));
}

/** The fixture viclip_tiny with CLIP's tokenizer as a model folder. */
export function convertTiny(output) {
  const tiny = join(fixtures, "viclip_tiny");
  const checkpoint = ["--checkpoint", join(tiny, "checkpoint.safetensors"), "--config", join(tiny, "config.json")];
  const tokenizer = ["--tokenizer", join(fixtures, "clip_tokenizer", "bpe_simple_vocab_16e6.txt.gz")];
  sgcr("convert", ...checkpoint, ...tokenizer, "--no-reference", "--output", output);
}

/** A temporary folder that goes away with the test. */
export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "sgcr-e2e-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Float32 tensors of a safetensors file by name: `{shape, data}`. */
export function readTensors(file) {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  delete header.__metadata__;
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(header)) {
    const raw = bytes.subarray(8 + length + begin, 8 + length + end);
    const copy = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength);
    if (dtype === "F32") tensors[name] = { shape, data: new Float32Array(copy) };
    else if (dtype === "U8") tensors[name] = { shape, data: new Uint8Array(copy) };
  }
  return tensors;
}

/** Largest |a - b|, and NaN where one is none. */
export function largestDifference(a, b) {
  if (a.length !== b.length) return Number.NaN;
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));
}

/** Cosine of two vectors. */
export function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

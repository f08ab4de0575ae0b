// Builds the page from the sources: the Rust module -> pkg/wasm, the npm package -> pkg/dist, the demo -> www/dist.
//
//   node build.mjs              everything, optimised
//   node build.mjs --dev        the module linked in seconds, larger and slower
//   node build.mjs --skip-wasm  TypeScript only
//   node build.mjs --shrink     also run binaryen's wasm-opt over the module (minutes)

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const pkg = dirname(fileURLToPath(import.meta.url));
const root = dirname(pkg);
const options = new Set(process.argv.slice(2));
const known = ["--dev", "--skip-wasm", "--shrink"];
const unknown = [...options].filter((option) => !known.includes(option));
if (unknown.length > 0) {
  console.error(`unknown option ${unknown.join(" ")}; known are ${known.join(" ")}`);
  process.exit(2);
}

const run = (program, args, cwd = root) => execFileSync(program, args, { cwd, stdio: "inherit" });
const read = (program, args) => execFileSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });

/** Our own bin folder counts too: wasm-bindgen's program must be the crate's version exactly. */
function wasmBindgen() {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const wanted = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(lock)?.[1];
  let found = "";
  try {
    found = read("wasm-bindgen", ["--version"]).trim().split(" ")[1];
  } catch {
    // Not installed: told below.
  }
  if (found !== wanted) {
    console.error(`wasm-bindgen ${wanted} is needed, found ${found || "none"}: cargo install wasm-bindgen-cli --version ${wanted}`);
    process.exit(1);
  }
}

function buildWasm() {
  wasmBindgen();
  const profile = options.has("--dev") ? "wasm-dev" : "wasm";
  const target = "wasm32-unknown-unknown";
  const features = ["--no-default-features", "--features", "webgpu"];
  run("cargo", ["rustc", "--lib", "--crate-type", "cdylib", "--target", target, "--profile", profile, ...features]);
  const { target_directory: folder } = JSON.parse(read("cargo", ["metadata", "--format-version", "1", "--no-deps"]));
  const module = join(folder, target, profile, "sgcr.wasm");
  const out = join(pkg, "wasm");
  run("wasm-bindgen", [module, "--target", "web", "--out-dir", out, "--out-name", "sgcr", "--remove-name-section"]);
  const built = join(out, "sgcr_bg.wasm");
  if (options.has("--shrink")) {
    const wasmOpt = join(pkg, "node_modules", "binaryen", "bin", "wasm-opt");
    run("node", [wasmOpt, built, "-Os", "--all-features", "--disable-gc", "-o", built]);
  }
}

async function buildPackage() {
  const out = join(pkg, "dist");
  rmSync(out, { recursive: true, force: true });
  run("node", [join(pkg, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.json"], pkg);
  // mediabunny is bundled into a chunk of its own, loaded when a file is decoded: a worker without a bundler could not
  // resolve the bare name.
  await build({
    entryPoints: ["index.ts", "worker.ts"].map((file) => join(pkg, "src", file)),
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    minify: true,
    sourcemap: true,
    logLevel: "warning",
    external: ["../wasm/sgcr.js"],
    legalComments: "linked",
  });
}

async function buildDemo() {
  const www = join(root, "www");
  const out = join(www, "dist");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  run("node", [join(pkg, "node_modules", "typescript", "bin", "tsc"), "-p", join(www, "tsconfig.json")], pkg);
  const modules = join(pkg, "node_modules");
  await build({
    entryPoints: [join(www, "src", "main.ts"), join(www, "style.css")],
    outdir: out,
    outbase: www,
    entryNames: "[name]",
    bundle: true,
    format: "esm",
    target: "es2022",
    sourcemap: true,
    logLevel: "warning",
    legalComments: "linked",
    loader: { ".html": "text" },
    // The demo uses the package as any static page would: by its address. The packages of its own lie in pkg.
    external: ["./sgcr/dist/index.js"],
    alias: { sgcr: "./sgcr/dist/index.js", fflate: join(modules, "fflate"), uplot: join(modules, "uplot") },
    nodePaths: [modules],
  });
  for (const file of ["index.html", "icon.svg"]) cpSync(join(www, file), join(out, file));
  for (const folder of ["dist", "wasm"]) cpSync(join(pkg, folder), join(out, "sgcr", folder), { recursive: true });
  const model = join(www, "model");
  if (existsSync(model)) cpSync(model, join(out, "model"), { recursive: true });
  else console.log("www/model does not exist yet: the page asks for a model of your own");
  // Otherwise GitHub Pages would run Jekyll over the files.
  writeFileSync(join(out, ".nojekyll"), "");
}

if (!options.has("--skip-wasm")) buildWasm();
await buildPackage();
await buildDemo();

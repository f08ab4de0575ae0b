import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "./load.mjs";

const errors = await load("errors.ts");

test("an error keeps class, code and message across the worker", () => {
  const sent = new errors.SelfTestError("off by 1");
  const received = errors.fromRecord(structuredClone(errors.toRecord(sent)));
  assert.ok(received instanceof errors.SelfTestError);
  assert.ok(received instanceof errors.SgcrError);
  assert.ok(received instanceof Error);
  assert.deepEqual([received.code, received.message, received.name], ["self-test", "off by 1", "SelfTestError"]);
});

test("whatever is thrown becomes one of ours", () => {
  const { toSgcrError } = errors;
  assert.equal(toSgcrError(new DOMException("x", "AbortError")).code, "aborted");
  assert.equal(toSgcrError(new DOMException("x", "AbortError")).name, "AbortError");
  assert.equal(toSgcrError(new WebAssembly.RuntimeError("unreachable")).code, "crashed");
  assert.equal(toSgcrError("text").code, "internal");
  assert.equal(toSgcrError(new TypeError("x")).code, "internal");
  // What the Rust module throws.
  const rust = Object.assign(new Error("no"), { name: "SgcrError", code: "missing-file" });
  assert.ok(toSgcrError(rust) instanceof errors.MissingFileError);
  assert.equal(toSgcrError(rust).cause, rust);
});

test("every code of the Rust crate is in the type ErrorCode", () => {
  const rust = readFileSync(new URL("../../src/error.rs", import.meta.url), "utf8");
  const codes = [...rust.matchAll(/Self::\w+(?: \{ \.\. \})? => "([a-z-]+)"/g)].map((match) => match[1]);
  assert.ok(codes.length > 20);
  const type = readFileSync(new URL("../src/errors.ts", import.meta.url), "utf8");
  for (const code of codes) assert.ok(type.includes(`| "${code}"`), code);
});

test("checkSignal throws only after the abort", () => {
  const controller = new AbortController();
  errors.checkSignal(undefined);
  errors.checkSignal(controller.signal);
  controller.abort("why");
  assert.throws(() => errors.checkSignal(controller.signal), { code: "aborted", cause: "why" });
});

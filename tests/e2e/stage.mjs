// What a file of browser tests stands on: a temporary folder, the built page on a server below a sub-path, Chromium.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { SUB_PATH, launch, path, serve } from "./harness.mjs";

/**
 * Sets the stage before the calling file's tests and clears it afterwards.
 *
 * @param take gets `{folder, server, browser}` once they are there
 * @param prepare writes into the folder; gives the folders to serve, by prefix, beside the page
 * @param hooks what the server does in place of sending a file, by path; may be filled in later
 */
export function setStage(take, prepare = () => ({}), hooks = {}) {
  let folder;
  let server;
  let browser;
  before(async () => {
    // Not temporaryFolder: what is registered inside `before` runs when `before` ends.
    folder = mkdtempSync(join(tmpdir(), "sgcr-e2e-"));
    server = await serve({ [SUB_PATH]: path("www", "dist"), ...(await prepare(folder)) }, hooks);
    browser = await launch();
    take({ folder, server, browser });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
}

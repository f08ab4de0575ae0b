// What the tests of the npm package share: the reference model on a server, a page with nothing on it but the library.
import { join } from "node:path";
import { SUB_PATH, convertTiny, fixtures, openPage, path } from "./harness.mjs";
import { setStage } from "./stage.mjs";

let stage;

/** Sets the stage with the reference model at /models/tiny/; what is hooked in is sent in place of files. */
export function setLibraryStage(take = () => {}, hooks = {}) {
  const prepare = (folder) => {
    convertTiny(join(folder, "tiny"));
    return { "/models/": folder, "/fixtures/": fixtures, "/e2e/": path("tests", "e2e") };
  };
  setStage((made) => take((stage = made)), prepare, hooks);
}

/** A page with nothing on it, with the library under `window.sgcr`; `use` is another browser than the stage's. */
export async function libraryPage(use = stage.browser) {
  const opened = await openPage(use, `${stage.server.url}/e2e/blank.html`);
  await opened.page.evaluate(async (url) => {
    window.sgcr = await import(url);
  }, `${SUB_PATH}sgcr/dist/index.js`);
  return opened;
}

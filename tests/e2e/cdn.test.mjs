// The library as a CDN serves it: from another origin than the page's, which has no files of ours.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage, path, serve } from "./harness.mjs";

let cdn;
let site;
let browser;

before(async () => {
  cdn = await serve(
    { "/npm/sgcr@0.1.0/": path("www", "dist", "sgcr"), "/models/": path("www") },
    {},
    { "access-control-allow-origin": "*" },
  );
  // A page that allows what the README says, and nothing else (`data:` is the blank page's icon).
  const policy = `default-src 'self'; script-src 'self' ${cdn.url} 'wasm-unsafe-eval'; worker-src blob: ${cdn.url}; connect-src ${cdn.url}; img-src data:`;
  site = await serve({ "/page/": path("tests", "e2e") }, {}, { "content-security-policy": policy });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await site?.close();
  await cdn?.close();
});

for (const worker of [true, false]) {
  test(`an engine from another origin scores, ${worker ? "in its worker" : "in the page's thread"}`, async () => {
    const { context, page, problems } = await openPage(browser, `${site.url}/page/blank.html`);
    const cosines = await page.evaluate(
      async ({ url, worker }) => {
        const { createEngine } = await import(`${url}/npm/sgcr@0.1.0/dist/index.js`);
        const engine = await createEngine({ model: `${url}/models/model/`, device: "cpu", worker });
        const { frames, nearMisses } = await engine.worldClip(2_000_000_016);
        const { captions } = await engine.score(frames, [nearMisses[0].fits, nearMisses[0].misses]);
        engine.dispose();
        return captions.map(({ cosine }) => cosine);
      },
      { url: cdn.url, worker },
    );
    assert.equal(cosines.length, 2);
    assert.ok(cosines.every((cosine) => Math.abs(cosine) <= 1) && cosines[0] !== cosines[1], `cosines ${cosines}`);
    assert.deepEqual(problems, []);
    assert.ok(
      !site.requests.some((request) => /sgcr|model/.test(request)),
      "nothing of ours is asked of the page's own server",
    );
    await context.close();
  });
}

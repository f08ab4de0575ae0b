// Compiled, never run: what the types must allow, and what they must refuse.
import { type ClipEmbedding, type Engine, type ErrorCode, type EvaluationRun, type FineTuneRun, type Scores, SelfTestError, SgcrError, createEngine, probe } from "../src/index.js";

declare const file: File;
declare const frames: VideoFrame[];
declare const images: ImageData[];
declare const signal: AbortSignal;

export async function allowed(): Promise<void> {
  using engine: Engine = await createEngine({ model: "/m/", signal, onProgress: ({ fraction }) => fraction.toFixed() });
  const clip: ClipEmbedding = await engine.encodeVideo(file, { frames: 8, sampling: "middle", signal });
  const scores: Scores = await engine.score(clip, ["a", "b"]);
  for (const input of [file, "clip.webm", new URL("https://a.example/"), frames, images]) await engine.encodeVideo(input);
  await createEngine({ model: { "config.json": new Blob() }, worker: false, device: "cpu", cache: false });
  await createEngine({ model: new URL("https://a.example/"), worker: new Worker("w.js"), wasmUrl: "x.wasm" });
  const margin: number | null | undefined = scores.captions[0]?.margin;
  const device: "webgpu" | "cpu" | null = (await probe()).device;
  const pairs = [{ clip: file, caption: "a dog bites a cat", nearMisses: ["a cat bites a dog"] }];
  const entity = { label: "dog", box: [0.5, 0.5, 0.2, 0.2] } as const;
  const drawn = { clip: file, graph: { frames: [{ frame: 3, triplets: [{ subject: entity, predicate: "bite", object: entity }] }] } };
  const run: FineTuneRun = engine.fineTune([...pairs, drawn], { rank: 8, targets: ["attn"], towers: "vision", signal });
  for await (const event of run) {
    if (event.type === "step") event.loss.toFixed();
    if (event.type === "done") await engine.adapters.use({ [event.adapter]: 0.5 });
  }
  const evaluation: EvaluationRun = engine.evaluate({ task: "pairs", data: [file], videos: { "a/b.webm": new Blob() }, limit: 5, signal });
  for await (const event of evaluation) {
    if (event.type === "video") evaluation.pause();
    if (event.type === "done") JSON.parse(event.document);
  }
  for await (const event of engine.index([file], { window: 4, cuts: false })) if (event.type === "done") event.clips.toFixed();
  const begin: number | undefined = (await engine.search(["a dog"], { top: 3 }))[0]?.[0]?.seconds?.[0];
  const first = (await engine.explain(file, { entities: ["dog"], predicates: ["bite"] })).frames[0]?.triplets[0]?.subject.box[0];
  const error = new SelfTestError("x");
  const code: ErrorCode = error.code;
  const isOurs: boolean = error instanceof SgcrError;
  void [margin, device, code, isOurs, first, begin];
}

export async function refused(engine: Engine, scores: Scores): Promise<void> {
  // @ts-expect-error a model is needed
  await createEngine({});
  // @ts-expect-error no such device
  await createEngine({ model: "/m/", device: "gpu" });
  // @ts-expect-error no such sampling rule
  await engine.encodeVideo(file, { sampling: "first" });
  // @ts-expect-error captions are a list
  await engine.score(file, "a caption");
  // @ts-expect-error a sample has near misses or a graph
  engine.fineTune([{ clip: file, caption: "a dog" }]);
  // @ts-expect-error no such benchmark
  engine.evaluate({ task: "imagenet" });
  // @ts-expect-error a list of texts
  await engine.search("a dog");
  // @ts-expect-error there may be no caption at this place
  scores.captions[0].cosine.toFixed();
  // @ts-expect-error results are read only
  scores.best = 1;
}

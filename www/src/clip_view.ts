/** The clip: a player for either kind, and where in it the model looks. */

import type { ClipEmbedding, WorldClip } from "sgcr";
import { element, make } from "./dom.js";

/** What is shown and scored. */
export type Clip =
  | { readonly kind: "world"; readonly seed: number; readonly world: WorldClip }
  | { readonly kind: "file"; readonly file: File };

const canvas = element("world-player", HTMLCanvasElement);
const video = element("video-player", HTMLVideoElement);
const play = element("world-play", HTMLButtonElement);

let animation = 0;
let objectUrl = "";

/** Shows a clip in its player. */
export function showClip(clip: Clip): void {
  stop();
  element("stage-empty", HTMLParagraphElement).hidden = true;
  element("timeline", HTMLDivElement).hidden = true;
  const isWorld = clip.kind === "world";
  canvas.hidden = !isWorld;
  play.hidden = !isWorld;
  video.hidden = isWorld;
  element("clip-name", HTMLParagraphElement).textContent = isWorld ? `Generated, seed ${clip.seed}` : clip.file.name;
  if (isWorld) showWorld(clip.world);
  else showFile(clip.file);
}

function stop(): void {
  cancelAnimationFrame(animation);
  video.removeAttribute("src");
  if (objectUrl) URL.revokeObjectURL(objectUrl);
  objectUrl = "";
}

function showFile(file: File): void {
  objectUrl = URL.createObjectURL(file);
  video.src = objectUrl;
  if (!reducedMotion()) void video.play().catch(() => {});
}

const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

function showWorld({ frames, fps }: WorldClip): void {
  const [first] = frames;
  const context = canvas.getContext("2d");
  if (!first || !context) return;
  canvas.width = first.width;
  canvas.height = first.height;
  let shown = 0;
  let last = performance.now();
  let playing = !reducedMotion();
  const draw = (): void => {
    const frame = frames[shown];
    if (frame) context.putImageData(frame, 0, 0);
  };
  const step = (now: number): void => {
    if (now - last >= 1000 / fps) {
      last = now;
      shown = (shown + 1) % frames.length;
      draw();
    }
    if (playing) animation = requestAnimationFrame(step);
  };
  const label = (): void => {
    play.textContent = playing ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(playing));
  };
  play.onclick = () => {
    playing = !playing;
    label();
    cancelAnimationFrame(animation);
    if (playing) animation = requestAnimationFrame(step);
  };
  label();
  draw();
  if (playing) animation = requestAnimationFrame(step);
}

/** Marks the frames that the model saw. */
export function showTimeline({ frameIndices, frameTimes, frameCount }: ClipEmbedding): void {
  const ticks = frameIndices.map((index) => {
    const tick = make("span", { class: "tick" });
    tick.style.setProperty("--at", String(frameCount > 1 ? index / (frameCount - 1) : 0));
    return tick;
  });
  element("ticks", HTMLDivElement).replaceChildren(...ticks);
  const distinct = new Set(frameIndices).size;
  const times = frameTimes.length > 0 ? `, at ${frameTimes.map((time) => time.toFixed(1)).join(", ")} s` : "";
  element("timeline-text", HTMLParagraphElement).textContent = `The model sees ${distinct} of ${frameCount} frames${times}.`;
  element("timeline", HTMLDivElement).hidden = false;
}

/** The clip's player: generated clips on a canvas, files in a video element, one clock over both. */

import type { ClipEmbedding, WorldClip } from "sgcr";
import { type Clip, nameOf } from "./app.js";
import { element, make } from "./dom.js";

/** Where in the clip the player is. */
export interface Moment {
  /** Seconds from the beginning. */
  readonly seconds: number;
  /** Index of the frame; null where only the clock is known. */
  readonly frame: number | null;
}

const canvas = element("world-player", HTMLCanvasElement);
const video = element("video-player", HTMLVideoElement);
const play = element("world-play", HTMLButtonElement);
const picture = element("picture", HTMLDivElement);

const listeners: ((moment: Moment) => void)[] = [];
let shown: Clip | null = null;
let position = 0;
let playing = false;
let animation = 0;
let lastStep = 0;
let objectUrl = "";

const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Hears each frame that is shown. */
export function onMoment(listener: (moment: Moment) => void): void {
  listeners.push(listener);
}

/** Where the player is now. */
export function moment(): Moment {
  if (shown?.kind === "world") return { seconds: position / shown.world.fps, frame: position };
  return { seconds: video.currentTime, frame: null };
}

/** Length of the clip in seconds; NaN until a file is open far enough. */
export function duration(): number {
  return shown?.kind === "world" ? shown.world.frames.length / shown.world.fps : video.duration;
}

/** Width and height of the clip in pixels; zeros until a file is open far enough. */
export function pictureSize(): [number, number] {
  return shown?.kind === "world" ? [canvas.width, canvas.height] : [video.videoWidth, video.videoHeight];
}

const tell = (): void => {
  const now = moment();
  for (const listener of listeners) listener(now);
};

/** Shows a clip in its player. */
export function showClip(clip: Clip): void {
  stop();
  shown = clip;
  const isWorld = clip.kind === "world";
  element("stage-empty", HTMLParagraphElement).hidden = true;
  picture.hidden = false;
  canvas.hidden = !isWorld;
  play.hidden = !isWorld;
  video.hidden = isWorld;
  element("clip-name", HTMLParagraphElement).textContent = nameOf(clip);
  if (clip.kind === "world") showWorld(clip.world);
  else showFile(clip.file);
}

function stop(): void {
  cancelAnimationFrame(animation);
  video.removeAttribute("src");
  if (objectUrl) URL.revokeObjectURL(objectUrl);
  objectUrl = "";
}

/** The picture's box takes the clip's own shape, so that what is laid over it lies right. */
const shape = (width: number, height: number): void => {
  if (width > 0 && height > 0) picture.style.setProperty("--ratio", String(width / height));
};

function showFile(file: File): void {
  objectUrl = URL.createObjectURL(file);
  video.src = objectUrl;
  if (!reducedMotion()) void video.play().catch(() => {});
}

video.addEventListener("loadedmetadata", () => shape(video.videoWidth, video.videoHeight));
video.addEventListener("seeked", tell);
if ("requestVideoFrameCallback" in video) {
  const each = (): void => {
    if (shown?.kind === "file") tell();
    video.requestVideoFrameCallback(each);
  };
  video.requestVideoFrameCallback(each);
} else {
  (video as HTMLVideoElement).addEventListener("timeupdate", tell);
}

function showWorld({ frames }: WorldClip): void {
  const [first] = frames;
  if (!first) return;
  canvas.width = first.width;
  canvas.height = first.height;
  shape(first.width, first.height);
  position = 0;
  draw();
  setPlaying(!reducedMotion());
}

function draw(): void {
  const frame = shown?.kind === "world" ? shown.world.frames[position] : undefined;
  if (frame) canvas.getContext("2d")?.putImageData(frame, 0, 0);
  tell();
}

function step(now: number): void {
  if (!playing || shown?.kind !== "world") return;
  const { fps, frames } = shown.world;
  if (now - lastStep >= 1000 / fps) {
    lastStep = now;
    position = (position + 1) % frames.length;
    draw();
  }
  animation = requestAnimationFrame(step);
}

function setPlaying(wanted: boolean): void {
  playing = wanted;
  play.textContent = playing ? "Pause" : "Play";
  cancelAnimationFrame(animation);
  if (playing) animation = requestAnimationFrame(step);
}

play.addEventListener("click", () => setPlaying(!playing));

/** Stops on the frame that is shown. */
export function pause(): void {
  if (shown?.kind === "world") setPlaying(false);
  else video.pause();
}

/** Stops on a frame: by index in generated clips, by time in files. */
export function seek({ seconds, frame }: Moment): void {
  pause();
  if (shown?.kind === "world") {
    const wanted = frame ?? Math.round(seconds * shown.world.fps);
    position = Math.min(Math.max(wanted, 0), shown.world.frames.length - 1);
    draw();
  } else {
    video.currentTime = seconds;
  }
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
  element("timeline-text", HTMLParagraphElement).textContent =
    `The model sees ${distinct} of ${frameCount} frames${times}.`;
  element("timeline", HTMLDivElement).hidden = false;
}

/** Takes the marks away: they were another clip's. */
export function hideTimeline(): void {
  element("timeline", HTMLDivElement).hidden = true;
}

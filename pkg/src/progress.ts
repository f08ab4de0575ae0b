/** One figure for a call of several stages. */

import type { Progress } from "./types.js";

/** Shares of the whole by stage, in order. */
export type Plan = Readonly<Partial<Record<Progress["stage"], number>>>;

/** Opening: with weights from a server, downloading takes most of the time. */
export const OPEN_PLAN: Plan = { engine: 0.1, download: 0.6, device: 0.1, weights: 0.2 };
/** Encoding a clip. */
export const VIDEO_PLAN: Plan = { decode: 0.5, encode: 0.5 };
/** Encoding captions. */
export const TEXT_PLAN: Plan = { captions: 1 };
/** Captions, then a clip. */
export const SCORE_PLAN: Plan = { captions: 0.2, decode: 0.4, encode: 0.4 };

/** Turns reports of stages into one figure that never falls. */
export class ProgressMeter {
  #fraction = 0;
  readonly #plan: Plan;
  readonly #report: ((progress: Progress) => void) | undefined;

  /** Reports by a plan. */
  constructor(plan: Plan, report: ((progress: Progress) => void) | undefined) {
    this.#plan = plan;
    this.#report = report;
  }

  /** `done` of `total` units of a stage (total 0: unknown) are finished. */
  at(stage: Progress["stage"], done: number, total: number): void {
    let before = 0;
    for (const [name, share] of Object.entries(this.#plan)) {
      if (name === stage) {
        const part = total > 0 ? Math.min(done / total, 1) : 0;
        this.#fraction = Math.max(this.#fraction, Math.min(before + part * share, 1));
        break;
      }
      before += share;
    }
    this.#report?.({ fraction: this.#fraction, stage, done, total });
  }
}

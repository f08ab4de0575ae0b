/** The benchmarks, and what their files hold. */

import type { EvaluateTask } from "sgcr";

/** One of them. */
export interface Task {
  /** Its name in the library. */
  readonly name: EvaluateTask;
  /** Its name for people. */
  readonly title: string;
  /** What its files hold. */
  readonly hint: string;
}

/** All of them, the one that needs no files first. */
export const TASKS: readonly Task[] = [
  {
    name: "world",
    title: "The generated world",
    hint: "Seven kinds of near misses on drawn clips that no model was trained on. No files are needed; the limit counts clips.",
  },
  {
    name: "pairs",
    title: "Your own pairs",
    hint: "A table of video, positive and negative (and perhaps kind): JSON lines, JSON or CSV.",
  },
  { name: "velociti", title: "VELOCITI", hint: "Rows of test_name, video_id, pos and neg: JSON lines, JSON or CSV." },
  {
    name: "videocon",
    title: "VideoCon",
    hint: "videocon_human.csv, videocon_llm_entailment.csv or videocon_llm_feedback.csv.",
  },
  { name: "vitatecs", title: "VITATECS", hint: "Its six files of JSON lines." },
  { name: "sugarcrepe", title: "SugarCrepe", hint: "Its JSON files; the videos are images, clips of one frame." },
  {
    name: "msrvtt",
    title: "MSR-VTT retrieval",
    hint: "msrvtt_ret_test1k.json, MSRVTT_JSFUSION_test.csv, or MSRVTT_data.json with a list of videos.",
  },
  { name: "msvd", title: "MSVD retrieval", hint: "msvd_ret_test.json, or raw-captions.pkl with a list of videos." },
  { name: "didemo", title: "DiDeMo retrieval", hint: "didemo_ret_test.json, or test_data.json with a list of videos." },
  {
    name: "k400",
    title: "Kinetics-400, zero-shot",
    hint: "JSON or CSV with video and caption (the class), and perhaps a list of all classes.",
  },
];

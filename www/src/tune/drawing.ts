/** What is drawn on a clip's frames: objects with boxes, and who does what to whom. */

import type { Box, DrawnGraph, DrawnTriplet } from "sgcr";

/** Somebody or something; the same over all frames. */
export interface DrawnObject {
  /** Tells it from others of its label. */
  readonly id: number;
  /** What it is. */
  label: string;
  /** Where it is, by frame. */
  readonly boxes: Map<number, Box>;
}

/** A relation on one frame, by the objects' ids. */
export interface DrawnRelation {
  /** On which frame. */
  readonly frame: number;
  /** Who. */
  subject: number;
  /** Does what. */
  predicate: string;
  /** To whom. */
  object: number;
}

/** A drawing. */
export interface Drawing {
  /** Everybody and everything. */
  objects: DrawnObject[];
  /** Relations of all frames. */
  relations: DrawnRelation[];
}

/** Nothing drawn yet. */
export const emptyDrawing = (): Drawing => ({ objects: [], relations: [] });

/** Adds an object without boxes. */
export function addObject(drawing: Drawing): DrawnObject {
  const object = {
    id: Math.max(0, ...drawing.objects.map(({ id }) => id)) + 1,
    label: "",
    boxes: new Map<number, Box>(),
  };
  drawing.objects.push(object);
  return object;
}

/** Removes an object, and what it does. */
export function removeObject(drawing: Drawing, gone: DrawnObject): void {
  drawing.objects = drawing.objects.filter((object) => object !== gone);
  drawing.relations = drawing.relations.filter(({ subject, object }) => subject !== gone.id && object !== gone.id);
}

/** Takes over what one frame has and the other lacks. */
export function copyFrame(drawing: Drawing, from: number, to: number): void {
  for (const { boxes } of drawing.objects) {
    const box = boxes.get(from);
    if (box && !boxes.has(to)) boxes.set(to, box);
  }
  const same = (a: DrawnRelation, b: DrawnRelation): boolean =>
    a.subject === b.subject && a.predicate === b.predicate && a.object === b.object;
  const there = drawing.relations.filter(({ frame }) => frame === to);
  const copied = drawing.relations.filter((one) => one.frame === from && !there.some((other) => same(one, other)));
  drawing.relations.push(...copied.map((relation) => ({ ...relation, frame: to })));
}

/** The drawing as a graph, or what is missing. */
export function toGraph(drawing: Drawing): { graph: DrawnGraph } | { lacks: string } {
  const frames = new Map<number, DrawnTriplet[]>();
  for (const { frame, subject, predicate, object } of drawing.relations) {
    const who = drawing.objects.find(({ id }) => id === subject);
    const whom = drawing.objects.find(({ id }) => id === object);
    if (!who || !whom || who === whom) return { lacks: "a relation needs two different objects" };
    if (predicate.trim() === "") return { lacks: `say what “${who.label}” does to “${whom.label}”` };
    for (const one of [who, whom]) {
      if (one.label.trim() === "") return { lacks: "an object has no label" };
      if (!one.boxes.has(frame))
        return { lacks: `“${one.label}” has no box on a frame where it does something; draw one` };
    }
    const entity = ({ id, label, boxes }: DrawnObject) => ({
      id,
      label: label.trim(),
      box: boxes.get(frame) ?? ([0.5, 0.5, 1, 1] as const),
    });
    const triplets = frames.get(frame) ?? [];
    triplets.push({ subject: entity(who), predicate: predicate.trim(), object: entity(whom) });
    frames.set(frame, triplets);
  }
  if (frames.size === 0) return { lacks: "there is no relation yet" };
  return { graph: { frames: [...frames].sort(([a], [b]) => a - b).map(([frame, triplets]) => ({ frame, triplets })) } };
}

/** What a person works on: plain values, never changed, so that steps share what did not change. */

import type { Rle } from "./rle";

export type Guide =
  | { kind: "box"; x0: number; y0: number; x1: number; y1: number }
  | { kind: "point"; x: number; y: number }
  | { kind: "scribble"; points: [number, number][][] };

/** A layer of the scene. `painted`: how it comes into the picture; without it it is known, but not painted. */
export interface Layer {
  id: string;
  name: string;
  thing: boolean;
  mask: Rle;
  hidden?: boolean;
  added?: boolean;
  seed?: number;
  painted?: { how: "paste"; cutout: string; file: string } | { how: string; cutout?: undefined; file?: undefined };
}

/** A mask that the service proposes; `order`: index among the layers that are not hidden. */
export interface Suggestion {
  mask: Rle;
  visible: Rle;
  score: number;
  order: number;
  seed: number;
  in_front_of: string | null;
  behind: string | null;
}

export interface Asked {
  object: string;
  guides: Guide[];
  request: Record<string, unknown>;
  found: Suggestion[];
  notes: string[];
  taken: number | null;
  layer: string | null;
}

/** What was painted over the photo: pixels with transparency, their upper left corner in the photo. */
export interface Piece {
  blob: string;
  name: string;
  kind: string;
  x: number;
  y: number;
  visible: boolean;
}

/** The picture with what was painted, of the layers as they were then. */
export interface Result {
  blob: string;
  pieces: readonly Piece[];
  outside: number;
  painted: number;
  layers: readonly Layer[];
}

/** One step of the work. photo: key of the picture as it came; shown: of one that browsers can show. */
export interface Doc {
  name: string;
  width: number;
  height: number;
  photo: string;
  shown: string;
  caption: string | null;
  layers: readonly Layer[];
  selected: string | null;
  guides: readonly Guide[];
  asked: Asked | null;
  result: Result | null;
}

/** The keys of all pictures that a step needs. */
export function blobsOf(doc: Doc): string[] {
  const cutouts = doc.layers.flatMap((layer) => (layer.painted?.cutout ? [layer.painted.cutout] : []));
  return [doc.photo, doc.shown, ...cutouts, ...(doc.result ? [doc.result.blob, ...doc.result.pieces.map((piece) => piece.blob)] : [])];
}

export function selectedLayer(doc: Doc): Layer | undefined {
  return doc.layers.find((layer) => layer.id === doc.selected);
}

/** Layers that count: those not hidden, back to front. */
export function seen(doc: Doc): Layer[] {
  return doc.layers.filter((layer) => !layer.hidden);
}

/** What scene.json holds; `layers` of it are those given. */
export function sceneOf(doc: Doc, layers: readonly Layer[]) {
  return {
    format: "smartmask-scene", version: 1, width: doc.width, height: doc.height, caption: doc.caption, source: null,
    layers: layers.map(({ name, thing, mask }) => ({ name, thing, mask })), history: [],
  };
}

/** The layers with a new one before the `order`-th of those that are seen; at the front where there are fewer. */
export function insertedAt(layers: readonly Layer[], layer: Layer, order: number): Layer[] {
  const places = layers.flatMap((one, index) => (one.hidden ? [] : [index]));
  const place = order < places.length ? places[order] : layers.length;
  return [...layers.slice(0, place), layer, ...layers.slice(place)];
}

/** Whether the result shows the layers as they are now. */
export function isFresh(doc: Doc): boolean {
  const told = (layers: readonly Layer[]) =>
    JSON.stringify(layers.filter((one) => !one.hidden).map((one) => [one.mask.counts, one.painted ?? null]));
  return doc.result !== null && told(doc.result.layers) === told(doc.layers);
}

export function newId(): string {
  return Math.random().toString(36).slice(2, 10);
}

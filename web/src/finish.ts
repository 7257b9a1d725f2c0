/** From layers to a picture, what could come next, and what a person takes away. */

import * as api from "./api";
import * as keep from "./keep";
import { type Doc, type Layer, type Piece, isFresh, sceneOf, seen } from "./model";
import { amend, busy, commit, doc, set } from "./store";
import { recipes } from "./recipes";
import { maskOf } from "./masks";
import { maskPicture, offer, readable } from "./pictures";
import type { Rle } from "./rle";

export const PASTE = "paste";

interface Inserted {
  result: { url: string };
  layers: { file: { url: string }; name: string; kind: string; window: [number, number, number, number]; in_result: boolean }[];
  painted: number;
  changed_outside: number;
  notes: string[];
}

/** Gives a layer a cut-out, and paints the picture again. */
export async function setCutout(id: string, file: File): Promise<void> {
  await busy("Reading the cut-out", "mask", async () => {
    const picture = await readable(file);
    picture.close();
    const cutout = await keep.setBlob(file);
    paintedBy(id, { how: PASTE, cutout, file: file.name });
  });
  await paint();
}

export function paintedBy(id: string, painted: Layer["painted"]): void {
  const now = doc();
  if (now) commit({ layers: now.layers.map((layer) => (layer.id === id ? { ...layer, painted } : layer)) });
}

/**
 * Paints all layers that have something to be painted from into the photo as it came, back to front.
 *
 * Layers that one painter draws one after the other go in one request; the next painter goes on with its result.
 */
export function paint(): Promise<void> {
  return busy("Painting", "mask", async (signal, progress) => {
    const now = doc();
    if (!now) return;
    const layers = seen(now);
    const groups: Layer[][] = [];
    for (const layer of layers.filter((one) => one.painted)) {
      const last = groups.at(-1);
      if (last && last[0].painted!.how === layer.painted!.how) last.push(layer);
      else groups.push([layer]);
    }
    if (!groups.length) {
      commit({ result: null });
      return;
    }
    let [photo, outside, painted] = [now.photo, 0, 0];
    const pieces: Piece[] = [];
    for (const group of groups) {
      const order = new Map(layers.filter((one) => !one.painted || group.includes(one) || isDone(one)).map((one, at) => [one.id, at]));
      const known = layers.filter((one) => order.has(one.id) && !group.includes(one));
      const answer = await api.ask<Inserted>("insert", async (file) => ({
        photo: await file(photo, now.name), scene: sceneOf(now, known), inpainter: group[0].painted!.how, num_masks: 1,
        objects: await Promise.all(group.map(async (one) => ({
          object: one.name, mask: one.mask, order: order.get(one.id),
          ...(one.painted?.cutout ? { cutout: await file(one.painted.cutout, one.painted.file) } : {}),
        }))),
      }), signal, progress);
      function isDone(one: Layer): boolean {
        return groups.slice(0, groups.indexOf(group)).some((earlier) => earlier.includes(one));
      }
      photo = await keep.setBlob(await api.download(answer.result.url));
      for (const { file, name, kind, window, in_result } of answer.layers) {
        const blob = await keep.setBlob(await api.download(file.url));
        pieces.push({ blob, name, kind, x: window[0], y: window[1], visible: in_result });
      }
      [outside, painted] = [outside + answer.changed_outside, painted + answer.painted];
    }
    commit({ result: { blob: photo, pieces, outside, painted, layers: now.layers } });
    set({ before: false, tool: "hand" });
  });
}

export interface Idea {
  name: string;
  wanted: boolean;
  score: number;
  why: string;
}

/** What could come next; shown where it was asked for, kept nowhere. */
export async function ideas(): Promise<Idea[]> {
  const now = doc();
  let found: Idea[] = [];
  if (!now) return found;
  await busy("Thinking of what comes next", "layers", async (signal, progress) => {
    const body = async () => ({ scene: sceneOf(now, seen(now)), ...(now.caption ? { text: now.caption } : {}), planner: "learned", count: 5 });
    const answer = await api.ask<{ next: Idea[]; notes: string[] }>("plan", body, signal, progress);
    found = answer.next;
    if (!found.length) throw new Error(answer.notes[0] ?? "Nothing comes to mind for this scene.");
  });
  return found;
}

const stem = (now: Doc) => now.name.replace(/\.[^.]*$/, "") || "smartmask";

/** Paints what has changed since the picture was painted last. */
async function paintIfNeeded(): Promise<void> {
  const now = doc();
  if (now && !isFresh(now) && now.layers.some((layer) => layer.painted)) await paint();
}

/** The finished picture at the photo's own size and depth: what the service painted, else the photo as it came. */
export async function savePicture(): Promise<void> {
  await paintIfNeeded();
  const now = doc();
  if (!now) return;
  await busy("Saving", "save", async () => {
    const blob = await keep.blob(now.result ? now.result.blob : now.photo);
    if (!blob) throw new Error("The browser has lost the picture; paint it again.");
    offer(blob, now.result ? `${stem(now)}-smartmask.png` : now.name);
  });
}

export function saveMasks(): Promise<void> {
  return busy("Saving", "save", async () => {
    const now = doc();
    const chosen = now ? seen(now).filter((layer) => layer.added) : [];
    if (!now || !chosen.length) throw new Error("There is no mask yet; ask for an object and take a suggestion.");
    for (const [number, layer] of chosen.entries()) {
      const name = `mask_${String(number).padStart(2, "0")}_${layer.name.replace(/[^\p{L}\p{N}]+/gu, "_")}.png`;
      offer(await maskPicture(maskOf(layer.mask)), name);
    }
  });
}

export function saveScene(): void {
  const now = doc();
  if (now) offer(json(sceneOf(now, seen(now))), "scene.json");
}

/** The files that the command of `recipe` reads. */
export async function saveAsked(): Promise<void> {
  const now = doc();
  if (!now) return;
  offer(json(sceneOf(now, seen(now).filter((layer) => layer.id !== now.asked?.layer))), "scene_asked.json");
  const like = now.asked?.request.like as Rle | undefined;
  if (like) offer(await maskPicture(maskOf(like)), "like.png");
}

function json(value: unknown): Blob {
  return new Blob([JSON.stringify(value)], { type: "application/json" });
}

/** One of the formats of /v1/export, where the service has it. */
export async function saveAs(format: string): Promise<void> {
  await paintIfNeeded();
  return busy("Saving", "save", async (signal, progress) => {
    const now = doc();
    if (!now) return;
    const answer = await api.ask<{ file: { url: string; name: string } }>("export", async (file) => ({
      photo: await file(now.photo, now.name), scene: sceneOf(now, seen(now)), format, name: stem(now),
      painted: await Promise.all((now.result?.pieces ?? []).map(async ({ blob, ...piece }) => ({ ...piece, picture: await file(blob, `${piece.name}.png`) }))),
    }), signal, progress);
    offer(await api.download(answer.file.url), answer.file.name);
  });
}

/** The formats that /v1/export of this service knows. */
export async function formats(): Promise<string[]> {
  const told = await api.get<any>("/openapi.json");
  const { format, painted } = told.components?.schemas?.ExportBody?.properties ?? {};
  return told.paths?.["/v1/export"] && painted ? (format?.enum ?? []) : [];
}

export function recipe(): { command: string; python: string } | null {
  const now = doc();
  return now && recipes(now);
}

/** Selects a layer; no step of the work. */
export function select(id: string | null): void {
  amend({ selected: id });
}

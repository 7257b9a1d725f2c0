/** What a person can do: each asks the service where it must, and ends in one step of the work. */

import * as api from "./api";
import { PHOTO_SIDE, blankPicture, readable } from "./pictures";
import { begun } from "./history";
import * as keep from "./keep";
import { type Asked, type Doc, type Guide, type Layer, type Suggestion, insertedAt, newId, sceneOf, seen } from "./model";
import type { Rle } from "./rle";
import { busy, commit, doc, fail, get, set } from "./store";

interface Scene {
  width: number;
  height: number;
  caption: string | null;
  layers: { name: string; thing: boolean; mask: Rle }[];
}

const layersOf = (scene: Scene): Layer[] =>
  scene.layers.map(({ name, thing, mask }) => ({ id: newId(), name, thing, mask }));

function start(made: Omit<Doc, "selected" | "guides" | "asked" | "result">): void {
  const first: Doc = { ...made, selected: null, guides: [], asked: null, result: null };
  const typed = { ...get().typed, object: "", context: "" };
  set({ history: begun(first), typed, tool: "hand", panel: "ask", sheet: null, fault: null, hovered: null, before: false });
}

/** Opens a photo that was picked, dropped or pasted; a scene file beside it gives the layers. */
export function openFiles(files: readonly File[]): Promise<void> {
  const photo = files.find((file) => !file.name.endsWith(".json"));
  const layers = files.find((file) => file.name.endsWith(".json"));
  if (!photo && layers) return openScene(layers);
  if (!photo) return Promise.resolve();
  return busy(`Opening ${photo.name}`, "open", async () => {
    const made = await opened(photo, photo.name);
    const scene = layers ? parsedScene(await layers.text()) : null;
    if (scene && (scene.width !== made.width || scene.height !== made.height))
      throw new Error(`The photo is ${made.width} x ${made.height}, but the scene file is of ${scene.width} x ${scene.height}.`);
    start({ ...made, caption: scene?.caption ?? null, layers: scene ? layersOf(scene) : [] });
  });
}

async function opened(picture: Blob, name: string) {
  const photo = await keep.setBlob(picture);
  const { width, height, view } = await api.shown(photo, name, PHOTO_SIDE);
  const upright = await readable(view);
  // the header tells the sides before the picture is turned upright
  const turned = width > height !== upright.width > upright.height && width !== height;
  const [w, h] = turned ? [height, width] : [width, height];
  return { name, width: w, height: h, photo, shown: await keep.setBlob(view) };
}

function parsedScene(text: string): Scene {
  const found = JSON.parse(text);
  if (found?.format !== "smartmask-scene") throw new Error("The JSON file is not a scene file; save one with 'Scene'.");
  return found;
}

/** A scene file alone: its layers take the place of those that are there, if the sizes agree; else a canvas. */
function openScene(file: File): Promise<void> {
  return busy(`Opening ${file.name}`, "open", async () => {
    const scene = parsedScene(await file.text());
    const now = doc();
    if (now && now.width === scene.width && now.height === scene.height) {
      commit({ layers: layersOf(scene), selected: null, asked: null, result: null });
      set({ sheet: null });
      return;
    }
    const picture = await keep.setBlob(await blankPicture(scene.width, scene.height));
    start({ name: "canvas.png", width: scene.width, height: scene.height, photo: picture, shown: picture,
            caption: scene.caption, layers: layersOf(scene) });
  });
}

export function openExample(name: string): Promise<void> {
  return busy("Opening the example", "open", async () => {
    const [picture, text] = await Promise.all([api.own(`/examples/${name}.png`), api.own(`/examples/${name}.json`)]);
    const scene = parsedScene(await text.text());
    const photo = await keep.setBlob(picture);
    start({ name: `${name}.png`, width: scene.width, height: scene.height, photo, shown: photo, caption: null,
            layers: layersOf(scene) });
  });
}

/** An empty canvas; with a sentence its layers are drawn from it. */
export function openCanvas(width: number, height: number, text: string): Promise<void> {
  return busy(text ? "Drawing the layout" : "Making the canvas", "open", async (signal, progress) => {
    if (!(width >= 16 && height >= 16 && width <= 4096 && height <= 4096))
      throw new Error(`The size ${width} x ${height} is out of range; both sides must be 16 to 4096 pixels.`);
    if (!text) {
      const picture = await keep.setBlob(await blankPicture(width, height));
      start({ name: "canvas.png", width, height, photo: picture, shown: picture, caption: null, layers: [] });
      return;
    }
    const body = async () => ({ text, size: [width, height], seed: get().typed.seed, inline: true });
    const drawn = await api.ask<{ scene: Scene; colour: string }>("layout", body, signal, progress);
    const picture = await keep.setBlob(await (await fetch(drawn.colour)).blob());
    start({ name: "canvas.png", width, height, photo: picture, shown: picture, caption: text, layers: layersOf(drawn.scene) });
  });
}

export interface Wish {
  like?: Rle;
  diverse?: boolean;
  facing?: "left" | "right";
  order?: number;
  fresh?: boolean;
}

/** Asks for masks of what is typed, where the guides say. */
export function askMasks(wish: Wish = {}): Promise<void> {
  const now = doc();
  const { typed } = get();
  const object = typed.object.trim();
  if (!now) return Promise.resolve();
  if (!object) {
    fail("ask", new Error("Type what is to come into the picture first, for instance 'dog'."));
    return Promise.resolve();
  }
  const seed = wish.fresh && !typed.locked ? typed.seed + 8 : typed.seed;
  if (seed !== typed.seed) set({ typed: { ...typed, seed } });
  return busy("Looking for places", "ask", async (signal, progress) => {
    const { fresh: _, ...wished } = wish;
    const request = {
      object, guides: now.guides, num_masks: 8, seed, ...(typed.context.trim() ? { context: typed.context.trim() } : {}), ...wished,
    };
    // what is asked about is the layers alone; the photo need not be sent
    const others = seen(now).filter((layer) => layer.id !== replaced(now));
    const body = async () => ({ ...request, size: [now.width, now.height], scene: sceneOf(now, others) });
    const answer = await api.ask<{ masks: Suggestion[]; notes: string[] }>("masks", body, signal, progress);
    const found = answer.masks.map(({ mask, visible, score, order, seed, in_front_of, behind }) =>
      ({ mask, visible, score, order, seed, in_front_of, behind }));
    if (!found.length) throw new Error(answer.notes[0] ?? `There is no place for '${object}' here; draw another guide.`);
    const asked: Asked = { object, guides: [...now.guides], request, found, notes: answer.notes, taken: null, layer: replaced(now) };
    commit({ asked });
    set({ hovered: 0 });
  });
}

/** The layer that the suggestions of the last question are for, if one of them was taken and it is still there. */
function replaced(now: Doc): string | null {
  const { asked } = now;
  const isSame = asked?.object === get().typed.object.trim();
  return isSame && asked?.layer && now.layers.some((layer) => layer.id === asked.layer && !layer.painted) ? asked.layer : null;
}

/** Takes a suggestion as a layer; another one of the same question takes the place of the first. */
export function take(index: number): void {
  const now = doc();
  const chosen = now?.asked?.found[index];
  if (!now?.asked || !chosen) return;
  const id = now.asked.layer ?? newId();
  const before = now.layers.find((layer) => layer.id === id);
  const layer: Layer = { ...before, id, name: now.asked.object, thing: true, added: true, mask: chosen.mask, seed: chosen.seed };
  const others = now.layers.filter((one) => one.id !== id);
  commit({ layers: insertedAt(others, layer, chosen.order), selected: id, asked: { ...now.asked, taken: index, layer: id } });
  set({ hovered: null, panel: "mask", tool: "hand" });
}

/** Ready for another object: the layers stay, the question goes. */
export function nextObject(name = ""): void {
  commit({ asked: null, guides: [], selected: null });
  set({ typed: { ...get().typed, object: name }, panel: "ask", tool: "hand", hovered: null, fault: null });
}

export function setGuides(guides: readonly Guide[]): void {
  commit({ guides });
}

export function changeLayer(id: string, patch: Partial<Layer>): void {
  const now = doc();
  if (now) commit({ layers: now.layers.map((layer) => (layer.id === id ? { ...layer, ...patch } : layer)) });
}

export function deleteLayer(id: string): void {
  const now = doc();
  if (!now) return;
  const asked = now.asked?.layer === id ? { ...now.asked, layer: null, taken: null } : now.asked;
  commit({ layers: now.layers.filter((layer) => layer.id !== id), selected: now.selected === id ? null : now.selected, asked });
}

/** A layer `by` places nearer to the front (+1) or the back (-1). */
export function shiftLayer(id: string, by: -1 | 1): void {
  const now = doc();
  const at = now?.layers.findIndex((layer) => layer.id === id) ?? -1;
  if (!now || at < 0 || at + by < 0 || at + by >= now.layers.length) return;
  const layers = [...now.layers];
  [layers[at], layers[at + by]] = [layers[at + by], layers[at]];
  commit({ layers });
}

/** Masks of run lengths, decoded once, and pictures of them to be drawn over the photo. */

import { type Mask, type Rle, decode } from "./rle";
import { sheet } from "./pictures";

const decoded = new Map<string, Mask>();
const MOST = 200;
const TINT_SIDE = 1400; // of what is drawn of a mask; finer is not seen over the photo

/** The mask of run lengths; the same object for the same text. */
export function maskOf(rle: Rle): Mask {
  const key = `${rle.size}:${rle.counts}`;
  let found = decoded.get(key);
  if (!found) {
    if (decoded.size >= MOST) decoded.delete(decoded.keys().next().value!);
    decoded.set(key, (found = decode(rle)));
  }
  return found;
}

const tints = new WeakMap<Mask, Map<string, HTMLCanvasElement>>();

/** The mask's window in a colour, its border stronger; [r, g, b] 0-255, fill and edge 0-255. */
export function tint(mask: Mask, colour: readonly [number, number, number], fill: number, edge: number): HTMLCanvasElement {
  const key = `${colour}/${fill}/${edge}`;
  const known = tints.get(mask) ?? new Map<string, HTMLCanvasElement>();
  tints.set(mask, known);
  let canvas = known.get(key);
  if (!canvas) known.set(key, (canvas = drawn(mask, colour, fill, edge)));
  return canvas;
}

function drawn(mask: Mask, [r, g, b]: readonly [number, number, number], fill: number, edge: number) {
  const scale = Math.min(1, TINT_SIDE / Math.max(mask.w, mask.h, 1));
  const [w, h] = [Math.max(1, Math.round(mask.w * scale)), Math.max(1, Math.round(mask.h * scale))];
  const [canvas, context] = sheet(w, h);
  if (mask.w === 0) return canvas;
  const small = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    const row = Math.min(mask.h - 1, Math.floor((y + 0.5) / scale)) * mask.w;
    for (let x = 0; x < w; x++) small[y * w + x] = mask.bits[row + Math.min(mask.w - 1, Math.floor((x + 0.5) / scale))];
  }
  const pixels = context.createImageData(w, h);
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < w && y < h && small[y * w + x] === 1;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (!small[y * w + x]) continue;
      const isEdge = !inside(x - 1, y) || !inside(x + 1, y) || !inside(x, y - 1) || !inside(x, y + 1);
      pixels.data.set([r, g, b, isEdge ? edge : fill], (y * w + x) * 4);
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

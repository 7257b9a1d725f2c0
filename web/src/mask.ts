/** What can be done to a mask. Nothing here changes a mask that it is given, and all works on its window alone. */

import type { Mask } from "./rle";

export interface Point {
  x: number;
  y: number;
}

/** An empty mask of a scene. */
export function empty(width: number, height: number): Mask {
  return { width, height, x: 0, y: 0, w: 0, h: 0, bits: new Uint8Array(0) };
}

/** How many pixels it has. */
export function area(mask: Mask): number {
  let sum = 0;
  for (const bit of mask.bits) sum += bit;
  return sum;
}

/** The same mask in a window that holds (x0, y0)-(x1, y1) as well, cut at the scene's border. */
export function widened(mask: Mask, x0: number, y0: number, x1: number, y1: number): Mask {
  if (mask.w > 0) {
    [x0, y0] = [Math.min(x0, mask.x), Math.min(y0, mask.y)];
    [x1, y1] = [Math.max(x1, mask.x + mask.w), Math.max(y1, mask.y + mask.h)];
  }
  [x0, y0] = [Math.max(0, Math.floor(x0)), Math.max(0, Math.floor(y0))];
  [x1, y1] = [Math.min(mask.width, Math.ceil(x1)), Math.min(mask.height, Math.ceil(y1))];
  const [w, h] = [Math.max(0, x1 - x0), Math.max(0, y1 - y0)];
  const bits = new Uint8Array(w * h);
  for (let row = 0; row < mask.h; row++) {
    const start = (mask.y + row - y0) * w + mask.x - x0;
    bits.set(mask.bits.subarray(row * mask.w, (row + 1) * mask.w), start);
  }
  return { ...mask, x: x0, y: y0, w, h, bits };
}

/** The same mask in its tight window. */
export function trimmed(mask: Mask): Mask {
  let [left, right, top, bottom] = [mask.w, -1, mask.h, -1];
  for (let row = 0; row < mask.h; row++) {
    for (let column = 0; column < mask.w; column++) {
      if (!mask.bits[row * mask.w + column]) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = row;
    }
  }
  if (right < 0) return empty(mask.width, mask.height);
  const [w, h] = [right - left + 1, bottom - top + 1];
  const bits = new Uint8Array(w * h);
  for (let row = 0; row < h; row++) {
    const start = (row + top) * mask.w + left;
    bits.set(mask.bits.subarray(start, start + w), row * w);
  }
  return { ...mask, x: mask.x + left, y: mask.y + top, w, h, bits };
}

/** A stroke of a round brush from `a` to `b` put into `mask`, whose window must hold it already: changed in place. */
export function stamp(mask: Mask, a: Point, b: Point, radius: number, value: 0 | 1): void {
  const length = (b.x - a.x) ** 2 + (b.y - a.y) ** 2;
  const top = Math.max(mask.y, Math.floor(Math.min(a.y, b.y) - radius));
  const bottom = Math.min(mask.y + mask.h, Math.ceil(Math.max(a.y, b.y) + radius));
  const left = Math.max(mask.x, Math.floor(Math.min(a.x, b.x) - radius));
  const right = Math.min(mask.x + mask.w, Math.ceil(Math.max(a.x, b.x) + radius));
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [px, py] = [column + 0.5 - a.x, row + 0.5 - a.y];
      const along = length === 0 ? 0 : (px * (b.x - a.x) + py * (b.y - a.y)) / length;
      const t = Math.max(0, Math.min(1, along));
      const far = (px - t * (b.x - a.x)) ** 2 + (py - t * (b.y - a.y)) ** 2;
      if (far <= radius * radius) mask.bits[(row - mask.y) * mask.w + column - mask.x] = value;
    }
  }
}

/** Grown by a disc of `radius` pixels; shrunk where it is negative. */
export function grown(mask: Mask, radius: number): Mask {
  if (mask.w === 0 || radius === 0) return mask;
  const reach = Math.ceil(Math.abs(radius)) + 1;
  const room = widened(mask, mask.x - reach, mask.y - reach, mask.x + mask.w + reach, mask.y + mask.h + reach);
  // beside the picture nothing is known: a border that the mask touches is not eaten away
  const far = squaredDistances(room.bits, room.w, room.h, radius > 0 ? 1 : 0);
  const limit = radius * radius;
  const bits = room.bits.map((bit, index) => (radius > 0 ? Number(far[index] <= limit) : bit && Number(far[index] > limit)));
  return trimmed({ ...room, bits });
}

/** Outline made calmer: the mask's mean over a square, taken twice, and what is above a half kept. */
export function smoothed(mask: Mask, radius: number): Mask {
  if (mask.w === 0) return mask;
  const reach = 2 * radius;
  let room = widened(mask, mask.x - reach, mask.y - reach, mask.x + mask.w + reach, mask.y + mask.h + reach);
  let values = Float32Array.from(room.bits);
  for (let turn = 0; turn < 2; turn++) {
    values = blurred(values, room.w, room.h, 1, room.w, radius);
    values = blurred(values, room.h, room.w, room.w, 1, radius);
  }
  room = { ...room, bits: Uint8Array.from(values, (value) => Number(value > 0.5)) };
  return trimmed(room);
}

/** Running means of `2 * radius + 1` along lines of `length`; at a line's ends of what there is. */
function blurred(values: Float32Array, length: number, lines: number, step: number, jump: number, radius: number) {
  const found = new Float32Array(values.length);
  for (let line = 0; line < lines; line++) {
    const start = line * jump;
    let sum = 0;
    for (let at = 0; at < Math.min(radius, length); at++) sum += values[start + at * step];
    for (let at = 0; at < length; at++) {
      if (at + radius < length) sum += values[start + (at + radius) * step];
      if (at - radius > 0) sum -= values[start + (at - radius - 1) * step];
      const count = Math.min(length, at + radius + 1) - Math.max(0, at - radius);
      found[start + at * step] = sum / count;
    }
  }
  return found;
}

/** Moved by whole pixels, scaled about a point of the scene, mirrored there: nearest pixels; cut at the border. */
export function transformed(mask: Mask, scale: number, at: Point, dx: number, dy: number, mirror = false): Mask {
  if (mask.w === 0) return mask;
  const sx = mirror ? -scale : scale;
  const place = (x: number, y: number) => ({ x: at.x + (x - at.x) * sx + dx, y: at.y + (y - at.y) * scale + dy });
  const [a, b] = [place(mask.x, mask.y), place(mask.x + mask.w, mask.y + mask.h)];
  const corners = [Math.min(a.x, b.x), a.y, Math.max(a.x, b.x), b.y] as const;
  const room = widened(empty(mask.width, mask.height), ...corners);
  for (let row = 0; row < room.h; row++) {
    const from = Math.floor((room.y + row + 0.5 - dy - at.y) / scale + at.y) - mask.y;
    if (from < 0 || from >= mask.h) continue;
    for (let column = 0; column < room.w; column++) {
      const source = Math.floor((room.x + column + 0.5 - dx - at.x) / sx + at.x) - mask.x;
      if (source >= 0 && source < mask.w) room.bits[row * room.w + column] = mask.bits[from * mask.w + source];
    }
  }
  return trimmed(room);
}

/** The middle of its window. */
export function middle(mask: Mask): Point {
  return { x: mask.x + mask.w / 2, y: mask.y + mask.h / 2 };
}

/** Whether a point of the scene lies on it. */
export function holds(mask: Mask, { x, y }: Point): boolean {
  const [column, row] = [Math.floor(x) - mask.x, Math.floor(y) - mask.y];
  return column >= 0 && row >= 0 && column < mask.w && row < mask.h && mask.bits[row * mask.w + column] === 1;
}

/** Squared distance of every pixel to the nearest of `value` (Felzenszwalb and Huttenlocher 2012, section 2). */
function squaredDistances(bits: Uint8Array, w: number, h: number, value: 0 | 1): Float32Array {
  const far = Float32Array.from(bits, (bit) => (bit === value ? 0 : 1e12));
  for (let column = 0; column < w; column++) lowerEnvelope(far, column, w, h);
  for (let row = 0; row < h; row++) lowerEnvelope(far, row * w, 1, w);
  return far;
}

/** One line of the distance transform: the lower envelope of parabolas, written over the line. */
function lowerEnvelope(values: Float32Array, start: number, step: number, length: number): void {
  const line = new Float64Array(length);
  for (let at = 0; at < length; at++) line[at] = values[start + at * step];
  const roots = new Int32Array(length);
  const borders = new Float64Array(length + 1);
  let last = 0;
  borders[0] = -Infinity;
  borders[1] = Infinity;
  for (let at = 1; at < length; at++) {
    const meets = (root: number) => (line[at] + at * at - line[root] - root * root) / (2 * (at - root));
    let cut = meets(roots[last]);
    while (cut <= borders[last]) cut = meets(roots[--last]);
    roots[++last] = at;
    borders[last] = cut;
    borders[last + 1] = Infinity;
  }
  for (let at = 0, index = 0; at < length; at++) {
    while (borders[index + 1] < at) index++;
    values[start + at * step] = (at - roots[index]) ** 2 + line[roots[index]];
  }
}

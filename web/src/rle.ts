/**
 * COCO's compressed run lengths and the mask they stand for.
 *
 * Runs go down columns, first of zeros; a count is written in groups of five bits, each plus 48, bit six saying that
 * more follow; from the third count on it is the difference to the count two before (pycocotools' rleToString).
 */

/** A mask of a scene of `width` x `height`: the bits (0 or 1, row by row) of its tight box, `w` x `h` at (`x`, `y`). */
export interface Mask {
  width: number;
  height: number;
  x: number;
  y: number;
  w: number;
  h: number;
  bits: Uint8Array;
}

/** As the service gives and takes masks; size is [height, width]. */
export interface Rle {
  size: [number, number];
  counts: string;
}

/** The counts of a text of run lengths. */
export function readCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    let code = 0;
    do {
      code = text.charCodeAt(at++) - 48;
      if (!(code >= 0 && code < 64)) throw new Error("The mask's run lengths cannot be read.");
      value += (code & 31) * 2 ** shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value -= 2 ** shift;
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value);
  }
  return counts;
}

/** The text of counts. */
export function writeCounts(counts: readonly number[]): string {
  let text = "";
  counts.forEach((count, index) => {
    let value = index > 2 ? count - counts[index - 2] : count;
    for (let more = true; more; ) {
      const bits = value & 31;
      value >>= 5;
      more = bits & 16 ? value !== -1 : value !== 0;
      text += String.fromCharCode((more ? bits | 32 : bits) + 48);
    }
  });
  return text;
}

/** The mask of run lengths, of its tight box alone: a large photo costs no more than its object. */
export function decode(rle: Rle): Mask {
  const [height, width] = rle.size;
  const counts = readCounts(rle.counts);
  let [left, right, top, bottom] = [width, 0, height, 0];
  eachRun(counts, height, (column, from, to) => {
    left = Math.min(left, column);
    right = Math.max(right, column + 1);
    top = Math.min(top, from);
    bottom = Math.max(bottom, to);
  });
  if (right <= left) return { width, height, x: 0, y: 0, w: 0, h: 0, bits: new Uint8Array(0) };
  const [w, h] = [right - left, bottom - top];
  const bits = new Uint8Array(w * h);
  eachRun(counts, height, (column, from, to) => {
    for (let row = from; row < to; row++) bits[(row - top) * w + column - left] = 1;
  });
  return { width, height, x: left, y: top, w, h, bits };
}

/** Calls `each(column, from, to)` for every piece of a run of ones within one column; `to` is exclusive. */
function eachRun(counts: readonly number[], height: number, each: (column: number, from: number, to: number) => void) {
  let at = 0;
  counts.forEach((count, index) => {
    const end = at + count;
    if (index % 2) {
      for (let start = at; start < end; ) {
        const column = Math.floor(start / height);
        const stop = Math.min(end, (column + 1) * height);
        each(column, start - column * height, stop - column * height);
        start = stop;
      }
    }
    at = end;
  });
}

/** The run lengths of a mask. */
export function encode(mask: Mask): Rle {
  const { width, height, x, y, w, h, bits } = mask;
  const counts: number[] = [];
  let value = 0;
  let run = x * height;
  for (let column = 0; column < w; column++) {
    run = step(counts, run, value, 0, y);
    if (y > 0) value = 0;
    for (let row = 0; row < h; row++) {
      const bit = bits[row * w + column];
      if (bit !== value) {
        counts.push(run);
        run = 0;
        value = bit;
      }
      run++;
    }
    run = step(counts, run, value, 0, height - y - h);
    if (height - y - h > 0) value = 0;
  }
  run = step(counts, run, value, 0, (width - x - w) * height);
  counts.push(run);
  return { size: [height, width], counts: writeCounts(counts) };
}

/** Goes on for `length` pixels of `next`; returns the run that is now open. */
function step(counts: number[], run: number, value: number, next: number, length: number): number {
  if (length === 0 || value === next) return run + length;
  counts.push(run);
  return length;
}

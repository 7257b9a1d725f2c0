import { describe, expect, it } from "vitest";
import * as mask from "../src/mask";
import type { Mask } from "../src/rle";

function rectangle(x: number, y: number, w: number, h: number, width = 60, height = 50): Mask {
  return { width, height, x, y, w, h, bits: new Uint8Array(w * h).fill(1) };
}

const boxOf = ({ x, y, w, h }: Mask) => [x, y, w, h];

describe("masks", () => {
  it("grow by a disc and shrink back", () => {
    const one = rectangle(20, 15, 12, 10);
    const large = mask.grown(one, 3);
    expect(boxOf(large)).toEqual([17, 12, 18, 16]);
    expect(mask.holds(large, { x: 17.5, y: 12.5 })).toBe(false); // a disc rounds the corner
    expect(mask.holds(large, { x: 17.5, y: 18.5 })).toBe(true);
    expect(mask.grown(large, -3)).toEqual(one);
  });

  it("are not eaten away at the picture's border, and vanish when they are thin", () => {
    expect(boxOf(mask.grown(rectangle(0, 10, 20, 20), -2))).toEqual([0, 12, 18, 16]);
    expect(mask.area(mask.grown(rectangle(5, 5, 3, 30), -2))).toBe(0);
  });

  it("lose specks and keep their size when they are smoothed", () => {
    const one = rectangle(20, 15, 20, 20);
    const speckled = mask.widened(one, 5, 5, 50, 45);
    speckled.bits[0] = 1;
    const calm = mask.smoothed(speckled, 2);
    expect(mask.holds(calm, { x: 5.5, y: 5.5 })).toBe(false);
    expect(Math.abs(mask.area(calm) - mask.area(one))).toBeLessThan(30);
  });

  it("move, mirror and scale, cut at the border", () => {
    const one = rectangle(10, 10, 8, 6);
    one.bits[0] = 0;
    expect(boxOf(mask.transformed(one, 1, { x: 0, y: 0 }, -5, 7))).toEqual([5, 17, 8, 6]);
    expect(boxOf(mask.transformed(one, 1, { x: 0, y: 0 }, -15, 0))).toEqual([0, 10, 3, 6]);
    const turned = mask.transformed(one, 1, mask.middle(one), 0, 0, true);
    expect(boxOf(turned)).toEqual([10, 10, 8, 6]);
    expect([turned.bits[0], turned.bits[7]]).toEqual([1, 0]);
    expect(mask.transformed(turned, 1, mask.middle(turned), 0, 0, true)).toEqual(one);
    expect(boxOf(mask.transformed(one, 2, { x: 10, y: 10 }, 0, 0))).toEqual([10, 10, 16, 12]);
    expect(mask.area(mask.transformed(one, 1, { x: 0, y: 0 }, 500, 0))).toBe(0);
  });

  it("take strokes of a round brush", () => {
    const room = mask.widened(mask.empty(60, 50), 0, 0, 60, 50);
    mask.stamp(room, { x: 20, y: 20 }, { x: 40, y: 20 }, 5, 1);
    expect(mask.area(room)).toBeGreaterThan(20 * 10 + Math.PI * 25 - 15);
    expect(mask.area(room)).toBeLessThan(20 * 10 + Math.PI * 25 + 15);
    mask.stamp(room, { x: 30, y: 20 }, { x: 30, y: 20 }, 2, 0);
    expect(mask.holds(room, { x: 30, y: 20 })).toBe(false);
    expect(boxOf(mask.trimmed(room))).toEqual([15, 15, 30, 10]);
  });

  it("of a large photo cost what their window costs", () => {
    const one = rectangle(4000, 3000, 900, 900, 8000, 6000);
    const start = performance.now();
    const large = mask.grown(one, 8);
    expect(large.bits.length).toBe(916 * 916);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

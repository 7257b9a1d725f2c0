import { describe, expect, it } from "vitest";
import { type Mask, decode, encode, readCounts, writeCounts } from "../src/rle";

function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
}

function dense(mask: Mask): number[] {
  const all = new Array(mask.width * mask.height).fill(0);
  mask.bits.forEach((bit, index) => (all[(mask.y + Math.floor(index / mask.w)) * mask.width + mask.x + (index % mask.w)] = bit));
  return all;
}

describe("run lengths", () => {
  // from pycocotools: encode(asfortranarray) of a 2x3 block at row 1, column 2 of 6x5; of nothing; of everything
  it("are those of pycocotools", () => {
    const block = decode({ size: [5, 6], counts: ";230004" });
    expect([block.x, block.y, block.w, block.h]).toEqual([2, 1, 3, 2]);
    expect(encode(block).counts).toBe(";230004");
    expect(encode(decode({ size: [5, 6], counts: "n0" })).counts).toBe("n0");
    expect(encode(decode({ size: [5, 6], counts: "0n0" })).counts).toBe("0n0");
  });

  it("come back as they went, also for large counts and falling ones", () => {
    const counts = [0, 48_000_000, 5, 1, 3, 40_000_000, 1];
    expect(readCounts(writeCounts(counts))).toEqual(counts);
  });

  it("give back every mask, whatever borders it touches", () => {
    const next = random(7);
    for (let round = 0; round < 200; round++) {
      const [width, height] = [1 + Math.floor(next() * 9), 1 + Math.floor(next() * 9)];
      const share = next();
      const bits = Uint8Array.from({ length: width * height }, () => Number(next() < share));
      const whole: Mask = { width, height, x: 0, y: 0, w: width, h: height, bits };
      const back = decode(encode(whole));
      expect(dense(back)).toEqual([...bits]);
      expect(encode(back)).toEqual(encode(whole));
    }
  });

  it("refuses what is none", () => {
    expect(() => readCounts("\u0001")).toThrow(/cannot be read/);
  });
});

import "fake-indexeddb/auto";
import { describe, expect, it } from "vitest";
import { begun, canMove, current, moved, pushed } from "../src/history";
import * as keep from "../src/keep";

describe("history", () => {
  it("goes back and forth without limit", () => {
    let all = begun(0);
    for (let step = 1; step <= 2000; step++) all = pushed(all, step);
    for (let step = 0; step < 2000; step++) all = moved(all, -1);
    expect([current(all), canMove(all, -1), canMove(all, 1)]).toEqual([0, false, true]);
    expect(current(moved(all, 1))).toBe(1);
  });

  it("forgets what was undone once something else is done, and ignores what changes nothing", () => {
    const all = pushed(moved(pushed(pushed(begun("a"), "b"), "c"), -1), "d");
    expect(all.steps).toEqual(["a", "b", "d"]);
    expect(pushed(all, "d")).toBe(all);
  });

  it("is kept step by step, as it was left", async () => {
    const first = begun({ n: 0 });
    await keep.saveHistory(undefined, first);
    const second = pushed(pushed(first, { n: 1 }), { n: 2 });
    await keep.saveHistory(first, second);
    const back = moved(second, -1);
    await keep.saveHistory(second, back);
    expect(await keep.loadHistory()).toEqual({ steps: [{ n: 0 }, { n: 1 }, { n: 2 }], at: 1 });
    await keep.saveHistory(back, pushed(back, { n: 9 }));
    expect(await keep.loadHistory()).toEqual({ steps: [{ n: 0 }, { n: 1 }, { n: 9 }], at: 2 });
    await keep.saveHistory(undefined, begun({ n: 7 }));
    expect(await keep.loadHistory()).toEqual({ steps: [{ n: 7 }], at: 0 });
  });
});

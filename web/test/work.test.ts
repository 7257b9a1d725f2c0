import { describe, expect, it } from "vitest";
import { insertedAt, isFresh, type Doc, type Layer } from "../src/model";
import { recipes } from "../src/recipes";
import { fitted, toPhoto, zoomed } from "../src/view";

const layer = (id: string, hidden = false): Layer => ({ id, name: id, thing: true, hidden, mask: { size: [4, 4], counts: id } });
const doc: Doc = {
  name: "my photo.png", width: 100, height: 80, photo: "a", shown: "b", caption: null, layers: [layer("sky"), layer("road")],
  selected: null, guides: [], asked: null, result: null,
};

describe("the work", () => {
  it("puts a layer among those that are seen", () => {
    const layers = [layer("sky"), layer("gone", true), layer("road")];
    const ids = (order: number) => insertedAt(layers, layer("dog"), order).map((one) => one.id);
    expect(ids(0)).toEqual(["dog", "sky", "gone", "road"]);
    expect(ids(1)).toEqual(["sky", "gone", "dog", "road"]);
    expect(ids(2)).toEqual(["sky", "gone", "road", "dog"]);
  });

  it("knows when the picture is of other layers", () => {
    const painted = { ...doc, result: { blob: "c", pieces: [], outside: 0, painted: 5, layers: doc.layers } };
    expect(isFresh(painted)).toBe(true);
    expect(isFresh({ ...painted, layers: [...doc.layers, layer("dog")] })).toBe(false);
    expect(isFresh({ ...painted, layers: [...doc.layers, layer("dog", true)] })).toBe(true);
    expect(isFresh({ ...painted, layers: [{ ...doc.layers[0], name: "heaven" }, doc.layers[1]] })).toBe(true);
    expect(isFresh(doc)).toBe(false);
  });

  it("is said as a command and as Python", () => {
    const box = { kind: "box", x0: 1.26, y0: 2, x1: 30, y1: 40 } as const;
    const request = { seed: 8, facing: "left", diverse: true };
    const asked = { object: "a man's dog", guides: [box], request, found: [], notes: [], taken: null, layer: null };
    const { command, python } = recipes({ ...doc, asked });
    expect(command).toBe(
      "smartmask masks 'my photo.png' --object 'a man'\\''s dog' --scene scene_asked.json --box 1.3,2,30,40 --facing left --diverse -n 8 --seed 8 --out out",
    );
    expect(python).toContain('out = pipe(scene, "a man\'s dog", num_masks=8, generator=8, guidance=[Box(1.3, 2, 30, 40)], facing="left", diverse=True)');
  });

  it("zooms about the pointer", () => {
    const view = fitted(doc, { width: 500, height: 300 });
    const at = { x: 123, y: 77 };
    const near = zoomed(view, 2.5, at);
    expect(toPhoto(near, at).x).toBeCloseTo(toPhoto(view, at).x);
    expect(toPhoto(near, at).y).toBeCloseTo(toPhoto(view, at).y);
  });
});

/** What pointers do on the stage: pan, pinch, and what the tool makes of a drag. */

import * as mask from "./mask";
import type { Point } from "./mask";
import { maskOf } from "./masks";
import { type Guide, type Layer, seen, selectedLayer } from "./model";
import type { Stroke } from "./paintings";
import { type Mask, encode } from "./rle";
import { changeLayer, setGuides } from "./actions";
import { select } from "./finish";
import { type Tool, doc, get } from "./store";
import { type View, inside, panned, toPhoto, zoomed } from "./view";

/** What is under way: drawn by the stage, put into the work when the pointer leaves it. */
export interface Draft {
  guide?: Guide;
  stroke?: Stroke;
  moved?: { scale: number; at: Point; dx: number; dy: number };
}

const HANDLE = 22; // pixels of the screen from a corner that still take it
const CLICK = 5; // pixels that a click may wander

export class Gestures {
  view: View = { x: 0, y: 0, scale: 1 };
  draft: Draft = {};
  cursor: Point | null = null;
  holdsSpace = false;
  isFitted = true;
  private down = new Map<number, Point>();
  private start: Point = { x: 0, y: 0 };
  private pans = false;
  private corner: Point | null = null;

  constructor(private readonly redraw: () => void) {}

  /** Another view, chosen by the person. */
  show(view: View): void {
    this.view = view;
    this.isFitted = false;
    this.redraw();
  }

  /** The view in which all is seen; it follows the stage's size until another one is chosen. */
  fit(view: View): void {
    this.show(view);
    this.isFitted = true;
  }

  press(id: number, at: Point, button: number): void {
    this.down.set(id, at);
    this.start = at;
    if (this.down.size > 1) {
      this.draft = {};
      return;
    }
    const now = doc();
    const { tool } = get();
    this.pans = tool === "hand" || button === 1 || this.holdsSpace;
    if (!now || this.pans) return;
    this.draft = this.begun(tool, inside(toPhoto(this.view, at), now), toPhoto(this.view, at));
    this.redraw();
  }

  private begun(tool: Tool, at: Point, free: Point): Draft {
    const layer = selectedLayer(doc()!);
    if (tool === "box") return { guide: { kind: "box", x0: at.x, y0: at.y, x1: at.x, y1: at.y } };
    if (tool === "point") return { guide: { kind: "point", ...at } };
    if (tool === "scribble") return { guide: { kind: "scribble", points: [[[at.x, at.y]]] } };
    if ((tool === "add" || tool === "erase") && layer)
      return { stroke: { points: [free], radius: get().typed.brush / 2 / this.view.scale, value: tool === "add" ? 1 : 0 } };
    if (tool === "move" && layer) {
      const one = maskOf(layer.mask);
      this.corner = this.oppositeOf(one, free);
      return { moved: { scale: 1, at: this.corner ?? mask.middle(one), dx: 0, dy: 0 } };
    }
    return {};
  }

  /** The corner that stays where it is while the one under the pointer is dragged; null beside the corners. */
  private oppositeOf(one: Mask, at: Point): Point | null {
    const near = HANDLE / this.view.scale;
    for (const [x, far] of [[one.x, one.x + one.w], [one.x + one.w, one.x]])
      for (const [y, away] of [[one.y, one.y + one.h], [one.y + one.h, one.y]])
        if (Math.hypot(at.x - x, at.y - y) < near) return { x: far, y: away };
    return null;
  }

  move(id: number, at: Point): void {
    this.cursor = at;
    const before = this.down.get(id);
    const now = doc();
    if (before && now) {
      this.down.set(id, at);
      if (this.down.size > 1) this.pinch(id, before, at);
      else if (this.pans && this.wanders(at)) this.show(panned(this.view, at.x - before.x, at.y - before.y));
      else this.drag(toPhoto(this.view, at), inside(toPhoto(this.view, at), now));
    }
    this.redraw();
  }

  /** Whether a pointer has gone farther than a click does. */
  private wanders(at: Point): boolean {
    return Math.hypot(at.x - this.start.x, at.y - this.start.y) >= CLICK;
  }

  private pinch(id: number, before: Point, at: Point): void {
    const other = [...this.down].find(([key]) => key !== id)![1];
    const spread = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y);
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    const near = zoomed(this.view, spread(at) / Math.max(1, spread(before)), middle);
    this.show(panned(near, (at.x - before.x) / 2, (at.y - before.y) / 2));
  }

  private drag(free: Point, at: Point): void {
    const { guide, stroke, moved } = this.draft;
    if (guide?.kind === "box") this.draft = { guide: { ...guide, x1: at.x, y1: at.y } };
    if (guide?.kind === "point") this.draft = { guide: { ...guide, ...at } };
    if (guide?.kind === "scribble") guide.points[0].push([at.x, at.y]);
    stroke?.points.push(free);
    if (!moved) return;
    const from = toPhoto(this.view, this.start);
    const scale = Math.hypot(free.x - moved.at.x, free.y - moved.at.y) / Math.max(1, Math.hypot(from.x - moved.at.x, from.y - moved.at.y));
    this.draft = {
      moved: this.corner ? { ...moved, scale: Math.max(0.05, scale) } : { ...moved, dx: free.x - from.x, dy: free.y - from.y },
    };
  }

  release(id: number, at: Point): void {
    const pointers = this.down.size;
    this.down.delete(id);
    if (pointers > 1) {
      this.pans = true; // what is left of a pinch moves the photo and draws nothing
      return;
    }
    const isClick = !this.wanders(at);
    const { draft } = this;
    this.draft = {};
    if (this.pans && isClick && get().tool === "hand") this.pick(toPhoto(this.view, at));
    else finished(draft, isClick);
    this.redraw();
  }

  /** Selects the frontmost added layer under a point. */
  private pick(at: Point): void {
    const now = doc();
    const found = now && seen(now).findLast((layer) => layer.added && mask.holds(maskOf(layer.mask), at));
    if (now && (found?.id ?? null) !== now.selected) select(found?.id ?? null);
  }

  cancel(): void {
    this.down.clear();
    this.draft = {};
    this.redraw();
  }

  wheel(at: Point, dx: number, dy: number, pinches: boolean, sideways: boolean): void {
    if (sideways) this.show(panned(this.view, -(dx || dy), 0));
    else this.show(zoomed(this.view, Math.exp(-dy * (pinches ? 0.01 : 0.0016)), at));
  }
}

function finished({ guide, stroke, moved }: Draft, isClick: boolean): void {
  const now = doc();
  const layer = now && selectedLayer(now);
  if (now && guide) addGuide(now.guides, guide, isClick);
  if (!layer) return;
  if (stroke) changeMask(layer, brushed(maskOf(layer.mask), stroke));
  if (moved && !isClick) {
    const { scale, at } = moved;
    changeMask(layer, mask.transformed(maskOf(layer.mask), scale, at, Math.round(moved.dx), Math.round(moved.dy)));
  }
}

/** A box takes the place of the box before it; points and scribbles add up. */
function addGuide(guides: readonly Guide[], guide: Guide, isClick: boolean): void {
  if (guide.kind !== "box") {
    setGuides([...guides, guide]);
    return;
  }
  if (isClick) return;
  const { x0, y0, x1, y1 } = guide;
  const upright = { kind: "box", x0: Math.min(x0, x1), y0: Math.min(y0, y1), x1: Math.max(x0, x1), y1: Math.max(y0, y1) } as const;
  setGuides([...guides.filter((one) => one.kind !== "box"), upright]);
}

export function brushed(one: Mask, stroke: Stroke): Mask {
  const { points, radius, value } = stroke;
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const reach = radius + 1;
  const corners = [Math.min(...xs) - reach, Math.min(...ys) - reach, Math.max(...xs) + reach, Math.max(...ys) + reach] as const;
  const room = value ? mask.widened(one, ...corners) : { ...one, bits: one.bits.slice() };
  points.forEach((point, index) => mask.stamp(room, points[Math.max(0, index - 1)], point, radius, value));
  return mask.trimmed(room);
}

/** The layer with another mask: a step of the work. */
export function changeMask(layer: Layer, made: Mask): void {
  const rle = encode(made);
  if (rle.counts !== layer.mask.counts) changeLayer(layer.id, { mask: rle });
}

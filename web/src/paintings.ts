/** What is drawn on the stage: photo, layers, suggestion, guides, the stroke that is being made. */

import type { Point } from "./mask";
import { tint } from "./masks";
import type { Guide } from "./model";
import type { Mask } from "./rle";
import type { View } from "./view";

export type Colour = readonly [number, number, number];
export const ACCENT: Colour = [64, 132, 255];
export const SUGGESTED: Colour = [255, 122, 60];
export const KNOWN: Colour = [30, 190, 150];

/** A stroke of the brush in points of the photo. */
export interface Stroke {
  points: Point[];
  radius: number;
  value: 0 | 1;
}

export function clear(context: CanvasRenderingContext2D, ratio: number): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

export function picture(context: CanvasRenderingContext2D, image: ImageBitmap, width: number, height: number, view: View) {
  context.imageSmoothingEnabled = view.scale < 3;
  context.shadowColor = "rgba(0, 0, 0, 0.25)";
  context.shadowBlur = 18;
  context.fillStyle = "#888";
  context.fillRect(view.x, view.y, width * view.scale, height * view.scale);
  context.shadowBlur = 0;
  context.drawImage(image, view.x, view.y, width * view.scale, height * view.scale);
}

export function mask(context: CanvasRenderingContext2D, one: Mask, colour: Colour, view: View, strength = 105): void {
  if (one.w === 0) return;
  context.imageSmoothingEnabled = true;
  context.drawImage(tint(one, colour, strength, 255), ...placed(one, view));
}

function placed({ x, y, w, h }: Mask, view: View): [number, number, number, number] {
  return [view.x + x * view.scale, view.y + y * view.scale, w * view.scale, h * view.scale];
}

/** The mask with the stroke that is being made already in it. */
export function edited(context: CanvasRenderingContext2D, one: Mask, stroke: Stroke, view: View, spare: HTMLCanvasElement) {
  [spare.width, spare.height] = [context.canvas.width, context.canvas.height];
  const under = spare.getContext("2d")!;
  under.setTransform(context.getTransform());
  if (one.w > 0) under.drawImage(tint(one, ACCENT, 255, 255), ...placed(one, view));
  under.globalCompositeOperation = stroke.value ? "source-over" : "destination-out";
  under.strokeStyle = under.fillStyle = `rgb(${ACCENT})`;
  [under.lineCap, under.lineJoin] = ["round", "round"];
  under.lineWidth = 2 * stroke.radius * view.scale;
  path(under, stroke.points, view);
  under.stroke();
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 0.45;
  context.drawImage(spare, 0, 0);
  context.restore();
}

function path(context: CanvasRenderingContext2D, points: readonly Point[], view: View): void {
  context.beginPath();
  points.forEach((point, index) => {
    const [x, y] = [view.x + point.x * view.scale, view.y + point.y * view.scale];
    if (index) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  const [first] = points;
  if (points.length === 1) context.lineTo(view.x + first.x * view.scale + 0.01, view.y + first.y * view.scale);
}

export function guides(context: CanvasRenderingContext2D, all: readonly Guide[], view: View): void {
  for (const guide of all) guideOf(context, guide, view);
}

function guideOf(context: CanvasRenderingContext2D, guide: Guide, view: View): void {
  const at = (x: number, y: number) => [view.x + x * view.scale, view.y + y * view.scale] as const;
  const twice = (draw: () => void) => {
    [context.strokeStyle, context.lineWidth] = ["rgba(0, 0, 0, 0.45)", 4];
    draw();
    [context.strokeStyle, context.lineWidth] = ["#fff", 2];
    draw();
  };
  context.save();
  [context.lineCap, context.lineJoin] = ["round", "round"];
  if (guide.kind === "box") {
    const [x0, y0] = at(guide.x0, guide.y0);
    const [x1, y1] = at(guide.x1, guide.y1);
    twice(() => context.strokeRect(x0, y0, x1 - x0, y1 - y0));
  } else if (guide.kind === "point") {
    const [x, y] = at(guide.x, guide.y);
    twice(() => {
      context.beginPath();
      context.arc(x, y, 7, 0, 2 * Math.PI);
      context.stroke();
    });
    context.fillStyle = `rgb(${SUGGESTED})`;
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
  } else {
    for (const stroke of guide.points)
      twice(() => {
        path(context, stroke.map(([x, y]) => ({ x, y })), view);
        context.stroke();
      });
  }
  context.restore();
}

/** The frame of a mask that is moved, with a handle at each corner. */
export function frame(context: CanvasRenderingContext2D, one: Mask, view: View): void {
  const [x, y, w, h] = placed(one, view);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.strokeRect(x, y, w, h);
  context.setLineDash([]);
  for (const [hx, hy] of [[x, y], [x + w, y], [x, y + h], [x + w, y + h]]) {
    context.beginPath();
    context.arc(hx, hy, 6, 0, 2 * Math.PI);
    context.fillStyle = "#fff";
    context.fill();
    context.strokeStyle = `rgb(${ACCENT})`;
    context.stroke();
  }
}

export function brush(context: CanvasRenderingContext2D, at: Point, radius: number): void {
  for (const [colour, width] of [["rgba(0, 0, 0, 0.6)", 3], ["#fff", 1.5]] as const) {
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.beginPath();
    context.arc(at.x, at.y, Math.max(1, radius), 0, 2 * Math.PI);
    context.stroke();
  }
}

/** A small picture of the photo with a mask over it, cut round the mask where that is small. */
export function preview(canvas: HTMLCanvasElement, image: ImageBitmap, one: Mask, colour: Colour): void {
  const context = canvas.getContext("2d")!;
  const ratio = canvas.width / canvas.height;
  let h = Math.max(one.h * 1.6, (one.w * 1.6) / ratio, one.height * 0.5);
  h = Math.min(h, Math.max(one.height, one.width / ratio));
  const w = h * ratio;
  const clamp = (middle: number, length: number, all: number) =>
    length >= all ? (all - length) / 2 : Math.max(0, Math.min(all - length, middle - length / 2));
  const scale = canvas.height / h;
  const view = { scale, x: -clamp(one.x + one.w / 2, w, one.width) * scale, y: -clamp(one.y + one.h / 2, h, one.height) * scale };
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, view.x, view.y, one.width * scale, one.height * scale);
  mask(context, one, colour, view, 150);
}

/** Where the photo lies on the screen: a point p of it is seen at (x + p.x * scale, y + p.y * scale) of the stage. */

import type { Point } from "./mask";

export interface View {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

/** The whole photo in the middle of the stage, `bottom` pixels of which are taken by something else. */
export function fitted(photo: Size, stage: Size, margin = 16, bottom = 0): View {
  const [width, height] = [stage.width - 2 * margin, stage.height - 2 * margin - bottom];
  const scale = Math.max(1e-3, Math.min(width / photo.width, height / photo.height, 4));
  return { scale, x: (stage.width - photo.width * scale) / 2, y: (stage.height - bottom - photo.height * scale) / 2 };
}

/** Nearer or farther by a factor, with the point of the photo under `at` staying where it is. */
export function zoomed(view: View, factor: number, at: Point): View {
  const scale = Math.max(0.01, Math.min(64, view.scale * factor));
  const change = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * change, y: at.y - (at.y - view.y) * change };
}

export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x + dx, y: view.y + dy };
}

/** The point of the photo that is seen at a point of the stage. */
export function toPhoto(view: View, at: Point): Point {
  return { x: (at.x - view.x) / view.scale, y: (at.y - view.y) / view.scale };
}

/** A point of the photo, brought inside. */
export function inside({ x, y }: Point, { width, height }: Size): Point {
  return { x: Math.max(0, Math.min(width, x)), y: Math.max(0, Math.min(height, y)) };
}

/** Pictures in the browser: how large they are shown, blank ones, and the PNG of a mask. */

import type { Mask } from "./rle";

/** The longer side of the photo that is shown; the service works on the photo itself. */
export const PHOTO_SIDE = 2048;

/** A picture that can be drawn, or one sentence why not. */
export async function readable(picture: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(picture);
  } catch {
    throw new Error("The browser cannot show this picture; open a JPEG, PNG, WebP or TIFF.");
  }
}

export function sheet(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return [canvas, canvas.getContext("2d")!];
}

export function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((made) => (made ? resolve(made) : reject(new Error("The browser has no memory for this picture."))), "image/png"),
  );
}

export function blankPicture(width: number, height: number): Promise<Blob> {
  const [canvas, context] = sheet(width, height);
  context.fillStyle = "#f4f1ea";
  context.fillRect(0, 0, width, height);
  return pngOf(canvas);
}

/** The mask as a PNG of the photo's size, white on black. */
export function maskPicture(mask: Mask): Promise<Blob> {
  const [canvas, context] = sheet(mask.width, mask.height);
  context.fillStyle = "#000";
  context.fillRect(0, 0, mask.width, mask.height);
  if (mask.w > 0) {
    const pixels = context.createImageData(mask.w, mask.h);
    mask.bits.forEach((bit, index) => pixels.data.fill(bit ? 255 : 0, index * 4, index * 4 + 3));
    for (let alpha = 3; alpha < pixels.data.length; alpha += 4) pixels.data[alpha] = 255;
    context.putImageData(pixels, mask.x, mask.y);
  }
  return pngOf(canvas);
}

/** Hands a file to the person. */
export function offer(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

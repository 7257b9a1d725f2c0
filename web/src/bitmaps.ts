/** Kept pictures as bitmaps for drawing, each read once; results larger than the stage needs are read smaller. */

import { useEffect, useState } from "preact/hooks";
import * as keep from "./keep";
import { PHOTO_SIDE } from "./pictures";
import { fail } from "./store";

const known = new Map<string, Promise<ImageBitmap>>();
const MOST = 4;

async function read(key: string): Promise<ImageBitmap> {
  const picture = await keep.blob(key);
  if (!picture) throw new Error("The browser has lost a picture of this work; open the photo again.");
  const bitmap = await createImageBitmap(picture);
  const scale = PHOTO_SIDE / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return bitmap;
  const small = await createImageBitmap(bitmap, {
    resizeWidth: Math.round(bitmap.width * scale), resizeHeight: Math.round(bitmap.height * scale), resizeQuality: "medium",
  });
  bitmap.close();
  return small;
}

function bitmapOf(key: string): Promise<ImageBitmap> {
  let found = known.get(key);
  if (!found) {
    known.set(key, (found = read(key)));
    if (known.size > MOST) known.delete(known.keys().next().value!);
  }
  return found;
}

/** The bitmap of a key once it is there; until then the one before. */
export function useBitmap(key: string): ImageBitmap | null {
  const [bitmap, setBitmap] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    let isWanted = true;
    bitmapOf(key).then((found) => isWanted && setBitmap(found), (error) => fail("open", error));
    return () => void (isWanted = false);
  }, [key]);
  return bitmap;
}

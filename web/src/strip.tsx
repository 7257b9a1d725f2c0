/** The suggestions, best first: a row of pictures over the photo; hovering shows one in place, a click takes it. */

import { useEffect, useRef } from "preact/hooks";
import { take } from "./actions";
import { useBitmap } from "./bitmaps";
import { maskOf } from "./masks";
import type { Doc, Suggestion } from "./model";
import { ACCENT, SUGGESTED, preview } from "./paintings";
import { commit, set, useStore } from "./store";
import { IconButton } from "./parts";

export function Strip({ doc }: { doc: Doc }) {
  const { hovered } = useStore();
  const image = useBitmap(doc.shown);
  const { asked } = doc;
  if (!asked || !image) return null;
  return (
    <div class="strip" role="group" aria-label={`Suggestions for ${asked.object}, best first`} onPointerLeave={() => set({ hovered: null })}>
      {asked.found.map((one, index) => (
        <Preview key={one.mask.counts} image={image} one={one} index={index} isShown={hovered === index} isTaken={asked.taken === index} />
      ))}
      <IconButton icon="close" label="Put the suggestions away" onClick={() => commit({ asked: null })} />
    </div>
  );
}

interface PreviewProps {
  image: ImageBitmap;
  one: Suggestion;
  index: number;
  isShown: boolean;
  isTaken: boolean;
}

function Preview({ image, one, index, isShown, isTaken }: PreviewProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => preview(canvas.current!, image, maskOf(one.mask), isTaken ? ACCENT : SUGGESTED), [image, one, isTaken]);
  const place = [one.in_front_of && `in front of the ${one.in_front_of}`, one.behind && `behind the ${one.behind}`].filter(Boolean);
  const words = `Suggestion ${index + 1}${place.length ? `, ${place.join(", ")}` : ""}`;
  return (
    <button type="button" class="preview" aria-label={words} title={words} aria-pressed={isTaken} data-shown={isShown}
            onPointerEnter={(event) => event.pointerType === "mouse" && set({ hovered: index })}
            onFocus={() => set({ hovered: index })} onClick={() => take(index)}>
      <canvas ref={canvas} width={176} height={132} />
      <span>{index + 1}</span>
    </button>
  );
}

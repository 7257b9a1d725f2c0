/** The photo and what is drawn over it. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Gestures } from "./gestures";
import { maskOf } from "./masks";
import { type Doc, isFresh, selectedLayer } from "./model";
import * as paint from "./paintings";
import { useBitmap } from "./bitmaps";
import { type State, get, useStore } from "./store";
import { fitted, zoomed } from "./view";

/** What the top bar and keys do to the view; the stage puts itself here. */
export const lens = { zoom: (_factor: number) => {}, fit: () => {}, space: (_held: boolean) => {} };

export function Stage({ doc }: { doc: Doc }) {
  const state = useStore();
  const canvas = useRef<HTMLCanvasElement>(null);
  const spare = useMemo(() => document.createElement("canvas"), []);
  const [, redraw] = useState(0);
  const gestures = useMemo(() => new Gestures(() => redraw((count) => count + 1)), []);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const shown = doc.result && isFresh(doc) && !state.before ? doc.result.blob : doc.shown;
  const image = useBitmap(shown);

  useEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setSize({ width: entry.contentRect.width, height: entry.contentRect.height }));
    watcher.observe(canvas.current!.parentElement!);
    return () => watcher.disconnect();
  }, []);
  const fit = () => {
    const isSmall = size.width < 700;
    gestures.fit(fitted(doc, size, isSmall ? 8 : 24, doc.asked ? (isSmall ? 80 : 92) : 0));
  };
  useEffect(fit, [doc.photo]);
  useEffect(() => {
    if (gestures.isFitted) fit(); // whoever has zoomed keeps what they see
  }, [size.width, size.height, doc.asked === null]);
  lens.fit = fit;
  lens.space = (held) => (gestures.holdsSpace = held);
  lens.zoom = (factor) => {
    gestures.show(zoomed(gestures.view, factor, { x: size.width / 2, y: size.height / 2 }));
  };

  useEffect(() => {
    const element = canvas.current!;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    if (element.width !== w || element.height !== h) [element.width, element.height] = [w, h];
    const context = element.getContext("2d")!;
    paint.clear(context, ratio);
    if (image) drawn(context, image, doc, state, gestures, spare);
  });

  useEffect(() => {
    const element = canvas.current!;
    const turn = (event: WheelEvent) => {
      event.preventDefault();
      gestures.wheel(placeOf(event, element), event.deltaX, event.deltaY, event.ctrlKey, event.shiftKey);
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, []);

  const point = (event: PointerEvent) => placeOf(event, canvas.current!);
  return (
    <canvas
      ref={canvas} id="stage" tabIndex={0} role="img" class={`tool-${state.tool}`}
      aria-label={`${doc.name}, ${doc.width} by ${doc.height} pixels. Keys: question mark for help.`}
      onPointerDown={(event) => {
        canvas.current!.setPointerCapture(event.pointerId);
        gestures.press(event.pointerId, point(event), event.button);
      }}
      onPointerMove={(event) => gestures.move(event.pointerId, point(event))}
      onPointerUp={(event) => gestures.release(event.pointerId, point(event))}
      onPointerCancel={() => gestures.cancel()}
      onPointerLeave={() => {
        gestures.cursor = null;
        redraw((count) => count + 1);
      }}
    />
  );
}

function placeOf(event: MouseEvent, element: Element) {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

/** Everything of one frame, back to front. */
function drawn(
  context: CanvasRenderingContext2D, image: ImageBitmap, doc: Doc, state: State, gestures: Gestures, spare: HTMLCanvasElement,
): void {
  const { view, draft } = gestures;
  paint.picture(context, image, doc.width, doc.height, view);
  if (state.before) return;
  const chosen = selectedLayer(doc);
  const suggested = state.hovered === null ? undefined : doc.asked?.found[state.hovered];
  const edits = ["add", "erase", "move"].includes(state.tool);
  for (const layer of doc.layers) {
    if (layer.hidden && layer.id !== state.layerHovered) continue;
    if (layer.id === state.layerHovered) paint.mask(context, maskOf(layer.mask), paint.KNOWN, view);
    else if (layer.added && !suggested && layer.id !== chosen?.id && !(layer.painted && isFresh(doc)))
      paint.mask(context, maskOf(layer.mask), paint.KNOWN, view, 60);
  }
  if (suggested) paint.mask(context, maskOf(suggested.mask), paint.SUGGESTED, view, 60);
  if (suggested) paint.mask(context, maskOf(suggested.visible), paint.SUGGESTED, view, 110);
  else if (chosen && draft.stroke) paint.edited(context, maskOf(chosen.mask), draft.stroke, view, spare);
  else if (chosen && !(chosen.painted && isFresh(doc) && !edits)) {
    const { moved } = draft;
    const one = maskOf(chosen.mask);
    const seen = moved && moved.scale !== 1 ? { ...view, scale: view.scale * moved.scale } : view;
    // a mask that is moved is drawn as it is, elsewhere: its pixels are made when it is let go
    const at = moved ? { ...seen, x: view.x + (moved.at.x * view.scale - moved.at.x * seen.scale) + moved.dx * view.scale,
                         y: view.y + (moved.at.y * view.scale - moved.at.y * seen.scale) + moved.dy * view.scale } : view;
    paint.mask(context, one, paint.ACCENT, at, 90);
    if (state.tool === "move") paint.frame(context, one, at);
  }
  paint.guides(context, state.panel === "ask" ? [...doc.guides, ...(draft.guide ? [draft.guide] : [])] : [], view);
  if ((state.tool === "add" || state.tool === "erase") && gestures.cursor && chosen)
    paint.brush(context, gestures.cursor, get().typed.brush / 2);
}

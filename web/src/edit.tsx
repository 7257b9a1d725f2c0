/** The mask of the selected layer, and what is painted into it. */

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { nextObject } from "./actions";
import { PASTE, paint, paintedBy, setCutout } from "./finish";
import { changeMask } from "./gestures";
import * as mask from "./mask";
import { maskOf } from "./masks";
import { type Doc, type Layer, isFresh, selectedLayer } from "./model";
import { Fault, Section } from "./parts";
import { doc as current, get, set, useStore } from "./store";
import type { Mask } from "./rle";

/** Pixels of the photo that a step of grow, shrink or smooth takes. */
const stepOf = (doc: Doc) => Math.max(1, Math.round(Math.max(doc.width, doc.height) / 400));

/** The operations, by the names that buttons and keys use. */
export const EDITS: Record<string, (one: Mask, step: number) => Mask> = {
  Grow: (one, step) => mask.grown(one, step),
  Shrink: (one, step) => mask.grown(one, -step),
  Smooth: (one, step) => mask.smoothed(one, step),
  Larger: (one) => mask.transformed(one, 1.05, mask.middle(one), 0, 0),
  Smaller: (one) => mask.transformed(one, 1 / 1.05, mask.middle(one), 0, 0),
  Mirror: (one) => mask.transformed(one, 1, mask.middle(one), 0, 0, true),
};

/** Does an operation to the selected mask. */
export function edit(name: string): void {
  const doc = current();
  const layer = doc && selectedLayer(doc);
  if (doc && layer) changeMask(layer, EDITS[name](maskOf(layer.mask), stepOf(doc)));
}

/** Moves the selected mask by pixels of the photo. */
export function nudge(dx: number, dy: number): void {
  const doc = current();
  const layer = doc && selectedLayer(doc);
  if (layer) changeMask(layer, mask.transformed(maskOf(layer.mask), 1, { x: 0, y: 0 }, dx, dy));
}

const TOOLS = [["add", "Brush"], ["erase", "Erase"], ["move", "Move"]] as const;

export function MaskPanel({ doc }: { doc: Doc }) {
  const { tool, typed } = useStore();
  const layer = selectedLayer(doc);
  return (
    <Section title="Mask" id="mask-title">
      {!layer && <p class="hint">Take a suggestion, or choose a layer, to edit its mask and to paint it.</p>}
      {layer && (
        <>
          <p class="hint"><strong>{layer.name}</strong>, {mask.area(maskOf(layer.mask)).toLocaleString("en")} pixels</p>
          <div class="row wrap" role="group" aria-label="Tools for the mask">
            {TOOLS.map(([kind, name]) => (
              <button type="button" class="chip" aria-pressed={tool === kind} onClick={() => set({ tool: tool === kind ? "hand" : kind })}>
                {name}
              </button>
            ))}
          </div>
          <label for="brush">Brush, {typed.brush} pixels of the screen</label>
          <input id="brush" type="range" min="2" max="160" value={typed.brush}
                 onInput={(event) => set({ typed: { ...get().typed, brush: Number(event.currentTarget.value) } })} />
          <div class="row wrap" role="group" aria-label="Change the mask">
            {Object.keys(EDITS).map((name) => <button type="button" class="chip" onClick={() => edit(name)}>{name}</button>)}
          </div>
          <Paint doc={doc} layer={layer} />
          <div class="row wrap"><button type="button" onClick={() => nextObject()}>Next object</button></div>
        </>
      )}
      <Fault at="mask" />
    </Section>
  );
}

function Paint({ doc, layer }: { doc: Doc; layer: Layer }) {
  const models = useModels();
  const fresh = isFresh(doc);
  return (
    <div class="paint">
      <h3>Paint it in</h3>
      <label class="pick">
        <input type="file" accept="image/*" class="unseen" id="cutout"
               onChange={(event) => {
                 const [file] = event.currentTarget.files ?? [];
                 if (file) void setCutout(layer.id, file);
                 event.currentTarget.value = "";
               }} />
        <span class="button">{layer.painted?.cutout ? `Cut-out: ${layer.painted.file}` : "Choose a cut-out"}</span>
      </label>
      <p class="hint">A picture with transparency; or drop it on the photo.</p>
      {models.length > 0 && (
        <div class="row wrap" role="group" aria-label="Models that paint">
          {models.map((name) => (
            <button type="button" class="chip" aria-pressed={layer.painted?.how === name}
                    onClick={() => {
                      paintedBy(layer.id, { how: name });
                      void paint();
                    }}>
              {name}
            </button>
          ))}
        </div>
      )}
      {doc.layers.some((one) => one.painted) && (
        <button type="button" class={fresh ? "" : "primary"} onClick={() => void paint()} disabled={fresh}>
          {fresh ? "The picture is up to date" : "Paint the picture"}
        </button>
      )}
    </div>
  );
}

/** Models of the service beside 'paste'. */
function useModels(): string[] {
  const [models, setModels] = useState<string[]>([]);
  useEffect(() => {
    api.get<{ inpainters: string[] }>("/v1/models").then(
      (found) => setModels(found.inpainters.filter((name) => name !== PASTE)),
      () => setModels([]),
    );
  }, []);
  return models;
}

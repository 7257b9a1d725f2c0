/** The layers, front first, and what could come next. */

import { useState } from "preact/hooks";
import { changeLayer, deleteLayer, nextObject, shiftLayer } from "./actions";
import { type Idea, ideas, select } from "./finish";
import type { Doc, Layer } from "./model";
import { Fault, IconButton, Section } from "./parts";
import { set } from "./store";

export function LayersPanel({ doc }: { doc: Doc }) {
  const [found, setFound] = useState<Idea[]>([]);
  const front = [...doc.layers].reverse();
  return (
    <Section title="Layers" id="layers-title">
      {front.length === 0 && <p class="hint">No layers yet. Objects that you take come here; masks work without any.</p>}
      <ul class="layers" aria-label="Layers, front first">
        {front.map((layer) => (
          <Row key={layer.id} layer={layer} isSelected={layer.id === doc.selected}
               isFirst={layer === doc.layers.at(-1)} isLast={layer === doc.layers[0]} />
        ))}
      </ul>
      <button type="button" onClick={() => void ideas().then(setFound)}>What could come next?</button>
      {found.length > 0 && (
        <ul class="ideas" aria-label="What could come next">
          {found.map((idea) => (
            <li>
              <button type="button" class="chip" title={idea.why} onClick={() => nextObject(idea.name)}>
                {idea.name}
              </button>
            </li>
          ))}
        </ul>
      )}
      <Fault at="layers" />
    </Section>
  );
}

interface RowProps {
  layer: Layer;
  isSelected: boolean;
  isFirst: boolean;
  isLast: boolean;
}

function Row({ layer, isSelected, isFirst, isLast }: RowProps) {
  const [renames, setRenames] = useState(false);
  const rename = (name: string) => {
    setRenames(false);
    if (name.trim() && name.trim() !== layer.name) changeLayer(layer.id, { name: name.trim() });
  };
  return (
    <li data-selected={isSelected} data-hidden={layer.hidden ?? false}
        onPointerEnter={() => set({ layerHovered: layer.id })} onPointerLeave={() => set({ layerHovered: null })}>
      {renames ? (
        <input value={layer.name} aria-label={`New name of ${layer.name}`} autoFocus
               ref={(field) => field?.focus()}
               onBlur={(event) => rename(event.currentTarget.value)}
               onKeyDown={(event) => {
                 if (event.key === "Enter") rename(event.currentTarget.value);
                 if (event.key === "Escape") setRenames(false);
               }} />
      ) : (
        <button type="button" class="name" aria-pressed={isSelected} title="Double-click or F2 to rename"
                onClick={() => select(isSelected ? null : layer.id)} onDblClick={() => setRenames(true)}
                onKeyDown={(event) => event.key === "F2" && setRenames(true)}>
          <span class={layer.added ? "dot added" : "dot"} aria-hidden="true" />
          {layer.name}
        </button>
      )}
      <span class="row">
        <IconButton icon="up" label={`${layer.name} to the front`} disabled={isFirst} onClick={() => shiftLayer(layer.id, 1)} />
        <IconButton icon="down" label={`${layer.name} to the back`} disabled={isLast} onClick={() => shiftLayer(layer.id, -1)} />
        <IconButton icon={layer.hidden ? "shut" : "eye"} label={layer.hidden ? `Show ${layer.name}` : `Hide ${layer.name}`}
                    onClick={() => changeLayer(layer.id, { hidden: !layer.hidden })} />
        <IconButton icon="trash" label={`Delete ${layer.name}`} onClick={() => deleteLayer(layer.id)} />
      </span>
    </li>
  );
}

/** The page. */

import { render } from "preact";
import { openFiles } from "./actions";
import { AskPanel } from "./ask";
import { MaskPanel } from "./edit";
import { setCutout } from "./finish";
import { canMove } from "./history";
import { listenToKeys } from "./keys";
import { LayersPanel } from "./layers";
import { type Doc, isFresh } from "./model";
import { Busy, IconButton } from "./parts";
import { SavePanel } from "./save";
import { KeysSheet, OpenSheet } from "./sheets";
import { Stage, lens } from "./stage";
import { Strip } from "./strip";
import "./styles.css";
import { type Panel, type Tool, doc as current, fail, restore, set, travel, useStore } from "./store";
import type { IconName } from "./icons";

const TOOLS: [Tool, string, string][] = [
  ["hand", "Hand", "h"], ["box", "Box", "b"], ["point", "Point", "p"], ["scribble", "Scribble", "s"],
  ["add", "Brush", "a"], ["erase", "Erase", "e"], ["move", "Move the mask", "m"],
];
const NEEDS_LAYER: Tool[] = ["add", "erase", "move"];
const PANELS: [Panel, string][] = [["ask", "Ask"], ["mask", "Mask"], ["layers", "Layers"], ["save", "Save"]];

function TopBar({ doc }: { doc: Doc }) {
  const { history, before } = useStore();
  return (
    <header class="top">
      <span class="brand">SmartMask</span>
      <IconButton icon="open" label="Open" onClick={() => set({ sheet: "open" })} />
      <span class="title">{doc.name}</span>
      <span class="row">
        <IconButton icon="undo" label="Undo" hint="Ctrl+Z" disabled={!canMove(history!, -1)} onClick={() => travel(-1)} />
        <IconButton icon="redo" label="Redo" hint="Ctrl+Shift+Z" disabled={!canMove(history!, 1)} onClick={() => travel(1)} />
        <IconButton icon="fit" label="The whole photo" hint="0" onClick={() => lens.fit()} />
        {doc.result && isFresh(doc) && (
          <IconButton icon="compare" label="Before" hint="c" pressed={before} onClick={() => set({ before: !before })} />
        )}
        <IconButton icon="help" label="Keys" hint="?" onClick={() => set({ sheet: "keys" })} />
      </span>
    </header>
  );
}

/** The promise on the background, as the service counted it; and whether it is the photo before that is seen. */
function Kept({ doc }: { doc: Doc }) {
  const { before } = useStore();
  if (!doc.result || !isFresh(doc)) return null;
  const { outside, painted } = doc.result;
  return (
    <p class={outside === 0 ? "promise" : "promise broken"} role="status" title={`Pixels changed inside: ${painted.toLocaleString("en")}`}>
      {before ? "Before" : <>Pixels changed outside: <strong>{outside.toLocaleString("en")}</strong></>}
    </p>
  );
}

function Tools({ doc }: { doc: Doc }) {
  const { tool, panel } = useStore();
  const choose = (name: Tool) => set({ tool: name, panel: NEEDS_LAYER.includes(name) ? "mask" : name === "hand" ? panel : "ask" });
  return (
    <nav class="tools" aria-label="Tools">
      {TOOLS.map(([name, label, key]) => (
        <IconButton icon={name as IconName} label={label} hint={key} pressed={tool === name}
                    disabled={NEEDS_LAYER.includes(name) && !doc.selected} onClick={() => choose(name)} />
      ))}
    </nav>
  );
}

function Panels({ doc }: { doc: Doc }) {
  const { panel } = useStore();
  return (
    <aside class="panels">
      <div class="tabs" role="tablist" aria-label="Panels">
        {PANELS.map(([name, label]) => (
          <button type="button" role="tab" id={`tab-${name}`} aria-selected={panel === name} aria-controls="panel" onClick={() => set({ panel: name })}>
            {label}
          </button>
        ))}
      </div>
      <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${panel}`}>
        {panel === "ask" && <AskPanel doc={doc} />}
        {panel === "mask" && <MaskPanel doc={doc} />}
        {panel === "layers" && <LayersPanel doc={doc} />}
        {panel === "save" && <SavePanel />}
      </div>
    </aside>
  );
}

function App() {
  const { ready, sheet } = useStore();
  const doc = current();
  if (!ready) return null;
  return (
    <>
      {doc && (
        <div class="app">
          <TopBar doc={doc} />
          <main class="work">
            <Stage doc={doc} />
            <Kept doc={doc} />
            <Strip doc={doc} />
            <Busy />
          </main>
          <Tools doc={doc} />
          <Panels doc={doc} />
        </div>
      )}
      {(sheet === "open" || !doc) && <OpenSheet />}
      {sheet === "keys" && <KeysSheet />}
    </>
  );
}

/** A dropped picture is a cut-out where a layer waits for one, else the photo to work on; a pasted one likewise. */
function received(files: readonly File[]): void {
  const doc = current();
  if (!files.length) return;
  if (doc?.selected && files.length === 1 && files[0].type.startsWith("image/")) void setCutout(doc.selected, files[0]);
  else if (doc) {
    set({ sheet: "open" });
    void openFiles(files);
  } else void openFiles(files);
}

document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  received([...(event.dataTransfer?.files ?? [])]);
});
document.addEventListener("paste", (event) => received([...(event.clipboardData?.files ?? [])]));
addEventListener("unhandledrejection", (event) => fail("ask", event.reason));
listenToKeys();
render(<App />, document.getElementById("app")!);
void restore();

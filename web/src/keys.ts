/** Keys: one table, which the help sheet shows. */

import { askMasks, deleteLayer, nextObject, shiftLayer, take } from "./actions";
import { edit, nudge } from "./edit";
import { select } from "./finish";
import { lens } from "./stage";
import { type Tool, doc, get, set, travel } from "./store";

interface Key {
  keys: string;
  shown?: string;
  about: string;
  does: (key: string, event: KeyboardEvent) => void;
}

const tool = (name: Tool) => () => set({ tool: name, panel: ["add", "erase", "move"].includes(name) ? "mask" : name === "hand" ? get().panel : "ask" });

function brush(factor: number): void {
  const { typed } = get();
  set({ typed: { ...typed, brush: Math.max(2, Math.min(160, Math.round(typed.brush * factor))) } });
}

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function chosen(work: (id: string) => void): void {
  const id = doc()?.selected;
  if (id) work(id);
}

export const KEYS: readonly Key[] = [
  { keys: "Ctrl+z", about: "Undo", does: () => travel(-1) },
  { keys: "Ctrl+Shift+z Ctrl+y", about: "Redo", does: () => travel(1) },
  { keys: "h", about: "Hand: move the photo, choose an object", does: tool("hand") },
  { keys: "b", about: "Draw a box", does: tool("box") },
  { keys: "p", about: "Set a point", does: tool("point") },
  { keys: "s", about: "Scribble", does: tool("scribble") },
  { keys: "o", about: "Type an object", does: (_, event) => {
    event.preventDefault();
    set({ panel: "ask" });
    setTimeout(() => document.getElementById("object")?.focus());
  } },
  { keys: "Enter", about: "Suggest", does: () => void askMasks() },
  { keys: "1 2 3 4 5 6 7 8", shown: "1–8", about: "Take a suggestion", does: (key) => take(Number(key) - 1) },
  { keys: "n", about: "Next object", does: () => nextObject() },
  { keys: "a", about: "Brush: add to the mask", does: tool("add") },
  { keys: "e", about: "Erase from the mask", does: tool("erase") },
  { keys: "[", about: "Smaller brush", does: () => brush(1 / 1.2) },
  { keys: "]", about: "Larger brush", does: () => brush(1.2) },
  { keys: "m", about: "Move the mask, scale it at its corners", does: tool("move") },
  { keys: "ArrowLeft ArrowRight ArrowUp ArrowDown", shown: "← → ↑ ↓", about: "Move the mask by a pixel; with shift by ten", does: (key, event) => {
    const [dx, dy] = ARROWS[key];
    const far = event.shiftKey ? 10 : 1;
    nudge(dx * far, dy * far);
  } },
  { keys: "g", about: "Grow", does: () => edit("Grow") },
  { keys: "k", about: "Shrink", does: () => edit("Shrink") },
  { keys: "l", about: "Smooth", does: () => edit("Smooth") },
  { keys: "x", about: "Mirror", does: () => edit("Mirror") },
  { keys: "PageUp", about: "To the front by a layer", does: () => chosen((id) => shiftLayer(id, 1)) },
  { keys: "PageDown", about: "To the back by a layer", does: () => chosen((id) => shiftLayer(id, -1)) },
  { keys: "Delete", about: "Delete the layer", does: () => chosen(deleteLayer) },
  { keys: "Escape", about: "Put the tool down, choose nothing", does: () => {
    if (get().tool === "hand") select(null);
    set({ tool: "hand", hovered: null });
  } },
  { keys: "+", about: "Nearer", does: () => lens.zoom(1.25) },
  { keys: "-", about: "Farther", does: () => lens.zoom(0.8) },
  { keys: "0", about: "The whole photo", does: () => lens.fit() },
  { keys: "c", about: "Before and after", does: () => set({ before: !get().before }) },
  { keys: "?", about: "This sheet", does: () => set({ sheet: "keys" }) },
];

/** The name of a key with what is held beside it, as the table spells it. */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey">): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const held = event.ctrlKey || event.metaKey;
  return `${held ? "Ctrl+" : ""}${held && event.shiftKey ? "Shift+" : ""}${key}`;
}

const TYPES = ["INPUT", "TEXTAREA", "SELECT"];
const PRESSES = ["BUTTON", "SUMMARY"];

/** Listens; keys that are typed into a field or meant for a button are left to it. */
export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    const name = nameOf(event);
    const isRange = target instanceof HTMLInputElement && target.type === "range";
    if (get().sheet || !doc() || (TYPES.includes(target.tagName) && !isRange)) return;
    if (name === " ") {
      if (!PRESSES.includes(target.tagName)) {
        event.preventDefault();
        lens.space(true);
      }
      return;
    }
    if (isRange && name.startsWith("Arrow")) return;
    if (name === "Enter" && PRESSES.includes(target.tagName)) return;
    const found = KEYS.find(({ keys }) => keys.split(" ").includes(name));
    if (!found || (name.startsWith("Ctrl") && event.altKey)) return;
    event.preventDefault();
    found.does(name, event);
  });
  document.addEventListener("keyup", (event) => event.key === " " && lens.space(false));
}

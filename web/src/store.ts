/** The state of the page: the steps of the work, which are kept, and how they are looked at, which partly is. */

import { useEffect, useState } from "preact/hooks";
import * as history from "./history";
import type { History } from "./history";
import * as keep from "./keep";
import { blobsOf, type Doc } from "./model";
import type { Progress } from "./api";

export type Tool = "hand" | "box" | "point" | "scribble" | "add" | "erase" | "move";
export type Panel = "ask" | "mask" | "layers" | "save";

/** Where a sentence for the person belongs. */
export type Place = "open" | "ask" | "mask" | "layers" | "save";

export interface Typed {
  object: string;
  context: string;
  seed: number;
  locked: boolean;
  brush: number;
}

export interface State {
  ready: boolean;
  history: History<Doc> | null;
  tool: Tool;
  panel: Panel;
  typed: Typed;
  hovered: number | null;
  layerHovered: string | null;
  before: boolean;
  sheet: "open" | "keys" | null;
  fault: { place: Place; sentence: string } | null;
  busy: { what: string; progress: Progress | null; cancel: () => void } | null;
}

const TYPED: Typed = { object: "", context: "", seed: 0, locked: false, brush: 24 };
let state: State = {
  ready: false, history: null, tool: "hand", panel: "ask", typed: TYPED, hovered: null, layerHovered: null,
  before: false, sheet: null, fault: null, busy: null,
};
const listeners = new Set<() => void>();

export function get(): State {
  return state;
}

export function set(patch: Partial<State>): void {
  const before = state;
  state = { ...state, ...patch };
  if (state.history && state.history !== before.history) save(before.history ?? undefined, state.history);
  if (state.typed !== before.typed) void keep.setFact("typed", state.typed);
  listeners.forEach((listener) => listener());
}

/** At once, and not when earlier steps are written: the browser itself keeps their order. */
function save(before: History<Doc> | undefined, after: History<Doc>): void {
  keep.saveHistory(before, after).catch(() => {
    fail("save", new Error("The browser cannot keep this work (no space, or private); save it before you leave."));
  });
}

export function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useStore(): State {
  const [, redraw] = useState(0);
  useEffect(() => listen(() => redraw((count) => count + 1)) as () => void, []);
  return state;
}

export function doc(): Doc | null {
  return state.history && history.current(state.history);
}

/** A step of the work; nothing happens where there is nothing to work on. */
export function commit(patch: Partial<Doc>): void {
  if (state.history) set({ history: history.pushed(state.history, { ...history.current(state.history), ...patch }) });
}

/** A change that is no step of its own, such as what is selected. */
export function amend(patch: Partial<Doc>): void {
  if (!state.history) return;
  const { steps, at } = state.history;
  set({ history: { steps: steps.map((step, index) => (index === at ? { ...step, ...patch } : step)), at } });
}

export function travel(by: -1 | 1): void {
  if (state.history) set({ history: history.moved(state.history, by), hovered: null });
}

export function fail(place: Place, error: unknown): void {
  if ((error as Error)?.name === "AbortError") return;
  set({ fault: { place, sentence: error instanceof Error ? error.message : String(error) } });
}

/** Does something that takes its time: shown, can be cancelled, its error told at `place`. */
export async function busy(
  what: string, place: Place, work: (signal: AbortSignal, progress: (told: Progress) => void) => Promise<void>,
): Promise<void> {
  state.busy?.cancel();
  const stop = new AbortController();
  const mine = { what, progress: null, cancel: () => stop.abort() };
  set({ busy: mine, fault: null });
  const isMine = () => state.busy?.cancel === mine.cancel;
  try {
    await work(stop.signal, (progress) => isMine() && set({ busy: { ...mine, progress } }));
  } catch (error) {
    if (!stop.signal.aborted) fail(place, error);
  } finally {
    if (isMine()) set({ busy: null });
  }
}

/** Takes up the work where it was left. */
export async function restore(): Promise<void> {
  try {
    const [found, typed] = await Promise.all([keep.loadHistory<Doc>(), keep.fact<Typed>("typed")]);
    state = { ...state, history: found ?? null, typed: { ...TYPED, ...typed } };
    if (found) void keep.sweepBlobs(new Set(found.steps.flatMap(blobsOf)));
  } catch (error) {
    fail("open", error);
  }
  set({ ready: true });
}

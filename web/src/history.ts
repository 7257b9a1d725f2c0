/** Undo and redo without limit: all steps, and which of them is the one that is seen. Values are never changed. */

export interface History<T> {
  steps: readonly T[];
  at: number;
}

export function begun<T>(value: T): History<T> {
  return { steps: [value], at: 0 };
}

export function current<T>(history: History<T>): T {
  return history.steps[history.at];
}

/** With a step after the present one; what had been undone is gone. */
export function pushed<T>(history: History<T>, value: T): History<T> {
  if (value === current(history)) return history;
  const steps = [...history.steps.slice(0, history.at + 1), value];
  return { steps, at: steps.length - 1 };
}

/** The step before (-1) or after (+1); the same history where there is none. */
export function moved<T>(history: History<T>, by: -1 | 1): History<T> {
  const at = history.at + by;
  return at < 0 || at >= history.steps.length ? history : { ...history, at };
}

export function canMove<T>(history: History<T>, by: -1 | 1): boolean {
  return moved(history, by) !== history;
}

/**
 * What outlives a reload, in the browser's IndexedDB: every step, the pictures as they came, the session's secret.
 *
 * A step is small (masks are run lengths) and written once, when it is made; pictures are blobs under keys of their own.
 */

import type { History } from "./history";

const NAME = "smartmask-studio";

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const store of ["steps", "blobs", "facts"]) request.result.createObjectStore(store);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened: Promise<IDBDatabase> | undefined;

async function within<T>(
  stores: string[], mode: IDBTransactionMode, work: (store: (name: string) => IDBObjectStore) => IDBRequest<T> | void,
): Promise<T | undefined> {
  const database = await (opened ??= open());
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(stores, mode);
    const request = work((name) => transaction.objectStore(name));
    // not left to the browser's leisure: what is not committed when the page is left is lost
    if (mode === "readwrite") transaction.commit?.();
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** A fact of a name: the session, what is typed, which step is seen. */
export function fact<T>(name: string): Promise<T | undefined> {
  return within<T>(["facts"], "readonly", (store) => store("facts").get(name));
}

export async function setFact(name: string, value: unknown): Promise<void> {
  await within(["facts"], "readwrite", (store) => void store("facts").put(value, name));
}

export function blob(key: string): Promise<Blob | undefined> {
  return within<Blob>(["blobs"], "readonly", (store) => store("blobs").get(key));
}

/** Keeps a picture; returns its key. */
export async function setBlob(value: Blob): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  await within(["blobs"], "readwrite", (store) => void store("blobs").put(value, key));
  return key;
}

/** Writes what changed between two histories: the steps after those that both share, and which one is seen. */
export async function saveHistory<T>(before: History<T> | undefined, after: History<T>): Promise<void> {
  let same = 0;
  while (before && same < after.steps.length && before.steps[same] === after.steps[same]) same++;
  await within(["steps", "facts"], "readwrite", (store) => {
    const gone = before === undefined || before.steps.length > after.steps.length || same < before.steps.length;
    if (gone) store("steps").delete(IDBKeyRange.lowerBound(same));
    after.steps.slice(same).forEach((step, index) => store("steps").put(step, same + index));
    store("facts").put(after.at, "at");
  });
}

/** The history as it was left, undefined where there is none. */
export async function loadHistory<T>(): Promise<History<T> | undefined> {
  const steps = await within<T[]>(["steps"], "readonly", (store) => store("steps").getAll());
  const at = (await fact<number>("at")) ?? 0;
  return steps?.length ? { steps, at: Math.min(at, steps.length - 1) } : undefined;
}

/** Forgets the pictures that no step speaks of any more. */
export async function sweepBlobs(used: ReadonlySet<string>): Promise<void> {
  const keys = await within<IDBValidKey[]>(["blobs"], "readonly", (store) => store("blobs").getAllKeys());
  const gone = (keys ?? []).filter((key) => !used.has(String(key)));
  if (gone.length) await within(["blobs"], "readwrite", (store) => gone.forEach((key) => store("blobs").delete(key)));
}

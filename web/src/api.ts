/** The service: sessions that are begun again when they have ended, pictures sent when they are needed, streams. */

import * as keep from "./keep";

/** A refusal of the service, or that it cannot be reached; the message is one sentence for people. */
export class ServiceError extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

interface Stored {
  id: string;
  url: string;
  width?: number;
  height?: number;
}

interface Session {
  token: string;
  /** {key of a kept picture: its file in the session} */
  files: Record<string, Stored>;
}

const HEADER = "X-SmartMask-Session";
const LOST = ["no_session", "no_file"];
let session: Session | null = null;
let beginning: Promise<Session> | null = null;

async function current(): Promise<Session> {
  if (session) return session;
  return (beginning ??= begin().finally(() => (beginning = null)));
}

async function begin(): Promise<Session> {
  const kept = await keep.fact<Session>("session");
  if (kept) return (session = kept);
  const answer = await checked(await send("/v1/sessions", { method: "POST" }));
  session = { token: (await answer.json()).session, files: {} };
  await keep.setFact("session", session);
  return session;
}

async function forget(): Promise<void> {
  session = null;
  await keep.setFact("session", null);
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ServiceError("offline", "The service does not answer; start it again with 'smartmask serve'. Nothing is lost.");
  }
}

async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new ServiceError(told?.error?.code ?? "http", told?.error?.message ?? `The service answered ${answer.status}.`);
}

/** Does `work` in a session; once more in a new one if the old one has ended. */
async function inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  try {
    return await work(await current());
  } catch (error) {
    if (!(error instanceof ServiceError) || !LOST.includes(error.code)) throw error;
    await forget();
    return work(await current());
  }
}

async function stored(found: Session, key: string, name = "picture"): Promise<Stored> {
  if (found.files[key]) return found.files[key];
  const picture = await keep.blob(key);
  if (!picture) throw new ServiceError("lost", `The browser has lost the picture '${name}'; open it again.`);
  const answer = await send(`/v1/files?name=${encodeURIComponent(name)}`, {
    method: "POST", body: picture, headers: { [HEADER]: found.token, "Content-Type": "application/octet-stream" },
  });
  found.files[key] = await (await checked(answer)).json();
  await keep.setFact("session", found);
  return found.files[key];
}

/** Sends a kept picture; its size (upright) and a version of it, at most `side` pixels, that browsers can show. */
export function shown(key: string, name: string, side: number): Promise<{ width: number; height: number; view: Blob }> {
  return inSession(async (found) => {
    const file = await stored(found, key, name);
    if (!file.width || !file.height) throw new ServiceError("no_picture", `'${name}' is not a picture; open a photo.`);
    const answer = await send(`${file.url}?side=${side}`, { headers: { [HEADER]: found.token } });
    return { width: file.width, height: file.height, view: await (await checked(answer)).blob() };
  });
}

/** A file of the session as it is. */
export function download(url: string): Promise<Blob> {
  return inSession(async (found) => (await checked(await send(url, { headers: { [HEADER]: found.token } }))).blob());
}

export interface Progress {
  stage: string;
  done: number;
  all: number;
}

/** Asks `/v1/NAME`; `body` is made with a function that turns keys of kept pictures into files of the session. */
export function ask<T>(
  name: string,
  body: (file: (key: string, name?: string) => Promise<string>) => Promise<Record<string, unknown>>,
  signal: AbortSignal, progress: (told: Progress) => void,
): Promise<T> {
  return inSession(async (found) => {
    const filled = await body(async (key, called) => (await stored(found, key, called)).id);
    const answer = await send(`/v1/${name}`, {
      method: "POST", body: JSON.stringify(filled), signal,
      headers: { [HEADER]: found.token, "Content-Type": "application/json", Accept: "text/event-stream" },
    });
    for await (const [event, data] of events((await checked(answer)).body!)) {
      if (event === "progress") progress(data as Progress);
      if (event === "error") throw new ServiceError((data as any).error.code, (data as any).error.message);
      if (event === "result") return (data as { result: T }).result;
    }
    throw new ServiceError("ended", "The service ended before it had an answer; ask again.");
  });
}

/** Server-sent events of a stream: [name, data]. */
export async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<[string, unknown]> {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length)).join("\n");
      if (field("data: ")) yield [field("event: "), JSON.parse(field("data: "))];
    }
  }
}

export async function get<T>(path: string): Promise<T> {
  return (await checked(await send(path))).json();
}

/** A file that belongs to the page itself. */
export async function own(path: string): Promise<Blob> {
  return (await checked(await send(path))).blob();
}

import "fake-indexeddb/auto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import * as api from "../src/api";
import * as keep from "../src/keep";

function streamed(...pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      pieces.forEach((piece) => controller.enqueue(encoder.encode(piece)));
      controller.close();
    },
  });
}

const refused = (status: number, code: string, message: string) => Response.json({ error: { code, message } }, { status });
const RESULT = 'event: result\ndata: {"result": {"answer": 42}}\n\n';

/** A service whose sessions `lost` have ended. */
function service(lost: string[]) {
  const asked: string[] = [];
  let number = 0;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
    const token = (init.headers as Record<string, string> | undefined)?.["X-SmartMask-Session"];
    asked.push(`${init.method ?? "GET"} ${path.split("?")[0]} ${token ?? ""}`.trim());
    if (path === "/v1/sessions") return Response.json({ session: `t${number++}` }, { status: 201 });
    if (lost.includes(token ?? "")) return refused(404, "no_session", "The session has ended.");
    if (path.startsWith("/v1/files")) return Response.json({ id: `f_${token}`, url: "/v1/files/f" }, { status: 201 });
    return new Response(streamed('event: progress\ndata: {"stage": "masks", "done": 1, "all": 2}\n\nev', RESULT.slice(2)));
  });
  return asked;
}

describe("the service", () => {
  beforeEach(() => vi.unstubAllGlobals());

  it("reads events whatever pieces they come in", async () => {
    const found = [];
    for await (const event of api.events(streamed("event: a\nda", 'ta: {"x": 1}\n', '\n: at work\n\nevent: b\ndata: 2\n\n'))) found.push(event);
    expect(found).toEqual([["a", { x: 1 }], ["b", 2]]);
  });

  it("sends pictures again when the session has ended", async () => {
    const asked = service(["t0"]);
    const key = await keep.setBlob(new Blob(["picture"]));
    const told: api.Progress[] = [];
    const body = async (file: (key: string) => Promise<string>) => ({ photo: await file(key) });
    const answer = await api.ask("masks", body, new AbortController().signal, (progress) => told.push(progress));
    expect(answer).toEqual({ answer: 42 });
    expect(told).toEqual([{ stage: "masks", done: 1, all: 2 }]);
    expect(asked).toEqual(["POST /v1/sessions", "POST /v1/files t0", "POST /v1/sessions", "POST /v1/files t1", "POST /v1/masks t1"]);
    await api.ask("masks", body, new AbortController().signal, () => {});
    expect(asked.slice(5)).toEqual(["POST /v1/masks t1"]); // neither session nor picture again
  });

  it("says in one sentence that nobody answers", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("Failed to fetch")));
    await expect(api.get("/v1/models")).rejects.toThrow(/does not answer/);
    vi.stubGlobal("fetch", async () => refused(429, "busy", "16 requests are waiting already; try again in some seconds."));
    await expect(api.get("/v1/models")).rejects.toThrow("16 requests are waiting already; try again in some seconds.");
  });
});

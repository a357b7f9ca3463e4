import { Channel, invoke } from "@tauri-apps/api/core";
import type { AppFacts, EventListener, Host, HostResponse, RequestOptions } from "./host";

/** After the engine went away, in milliseconds. */
const REOPEN_AFTER_MS = 500;

/** Below this path the window saves what a link leads to. */
const BASE = "/api/v1";

/** Bytes before an answer's head, with its length. */
const LENGTH_BYTES = 4;

interface Head {
  status: number;
  headers: Record<string, string>;
}

type Told = { kind: "open" } | { kind: "event"; name: string; data: string } | { kind: "closed" };

async function bodyOf({ body, file }: RequestOptions): Promise<Uint8Array> {
  if (file) return new Uint8Array(await file.arrayBuffer());
  return new TextEncoder().encode(body === undefined ? "" : JSON.stringify(body));
}

async function request(path: string, options: RequestOptions = {}): Promise<HostResponse> {
  options.signal?.throwIfAborted();
  const headers = { "porthole-method": options.method ?? "GET", "porthole-path": path };
  const answer = await invoke<ArrayBuffer>("api", await bodyOf(options), { headers });
  options.signal?.throwIfAborted();
  const start = LENGTH_BYTES + new DataView(answer).getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(answer.slice(LENGTH_BYTES, start))) as Head;
  const body = new Uint8Array(answer, start);
  return {
    status: head.status,
    header: (name) => head.headers[name.toLowerCase()] ?? null,
    json: async () => JSON.parse(new TextDecoder().decode(body)),
    bytes: async () => body,
  };
}

/** Numbers begin anew with each page: what one before it listened to ends when its number is used again. */
let streams = 0;

function events(listener: EventListener): () => void {
  streams += 1;
  const number = streams;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const closed = () => {
    if (ended) return;
    listener.reachable(false);
    timer = setTimeout(open, REOPEN_AFTER_MS);
  };
  const open = () => {
    const channel = new Channel<Told>((told) => {
      if (ended) return;
      if (told.kind === "open") listener.reachable(true);
      else if (told.kind === "event") listener.event(told.name, JSON.parse(told.data || "null"));
      else closed();
    });
    invoke("api_stream", { number, channel }).catch(closed);
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    void invoke("api_stop", { number });
  };
}

/** The engine from the app's window: in-process, no port. */
export const windowHost: Host = {
  app: {
    facts: () => invoke<AppFacts | null>("facts"),
    ask: (what) => invoke("ask", { what }),
    quit: () => invoke("quit"),
  },
  request,
  events,
  downloadUrl: (path) => BASE + path,
};

/** Whether this page is in the app's window. */
export function isWindow(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

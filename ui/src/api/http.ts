import type { EventListener, Host, HostResponse, RequestOptions } from "./host";

const BASE = "/api/v1";

/** Every event of the API: `EventSource` wants each by name. */
const EVENTS = [
  "snapshot",
  "status",
  "mapping",
  "mapping-gone",
  "exchange",
  "exchanges-changed",
  "connection",
  "settings",
  "app",
  "lagged",
];

/** After an answer that ended the events for good (a lost session, say), in milliseconds. */
const REOPEN_AFTER_MS = 2000;

async function request(path: string, options: RequestOptions = {}): Promise<HostResponse> {
  const headers: Record<string, string> = { accept: "application/json", "x-porthole": "1" };
  const init: RequestInit = {
    method: options.method ?? "GET",
    headers,
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
  };
  if (options.file !== undefined || options.body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = options.file ?? JSON.stringify(options.body);
  }
  if (options.signal) init.signal = options.signal;
  const response = await fetch(BASE + path, init);
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    json: () => response.json(),
    bytes: async () => new Uint8Array(await response.arrayBuffer()),
  };
}

function events(listener: EventListener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(`${BASE}/events`);
    source.onopen = () => listener.reachable(true);
    source.onerror = () => {
      listener.reachable(false);
      // A browser gives up after an answer other than 200: it would never come back by itself.
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, REOPEN_AFTER_MS);
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (message) => listener.event(name, JSON.parse(message.data || "null")));
    }
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}

/** The engine over HTTP, from the page that it served itself. */
export const httpHost: Host = { request, events, downloadUrl: (path) => BASE + path };

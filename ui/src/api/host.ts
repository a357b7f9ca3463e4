/**
 * The one place that knows how the engine is reached. A page in a browser asks over HTTP; the app's
 * window will ask in-process. Everything else uses this interface and what the host says it can do.
 */
export interface Host {
  /** The app, where this is its window: what concerns the app itself is shown. */
  readonly app?: App;
  request(path: string, options?: RequestOptions): Promise<HostResponse>;
  /** Live events as they come; the answer ends them. */
  events(listener: EventListener): () => void;
  /** A link that downloads `path` when it is followed. */
  downloadUrl(path: string): string;
}

/** The program around the window. */
export interface App {
  facts(): Promise<AppFacts | null>;
  ask(what: "look-for-updates" | "install-update" | "open-update-page" | "open-logs"): Promise<void>;
  /** Ends the app, and this window with it. */
  quit(): Promise<void>;
}

/** What the app knows of itself. */
export interface AppFacts {
  update: Update;
  shortcut: ShortcutStanding;
}

/** Whether the keys that open the window are had; absent: this session gives none to programs. */
export type ShortcutStanding = { state: "off" | "held" | "absent" } | { state: "refused"; why: string };

/** How far the search for a newer version is; unknown: the app was built without a place to look. */
export type Update =
  | { state: "unknown" | "idle" | "looking" | "current" }
  | { state: "newer" | "fetching"; version: string; how: "install" | "page" | "told" }
  | { state: "waiting"; version: string; open: number };

export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  /** Instead of `body`: JSON as it lies in a file. */
  file?: Blob;
  signal?: AbortSignal;
}

export interface HostResponse {
  status: number;
  header(name: string): string | null;
  json(): Promise<unknown>;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface EventListener {
  event(name: string, data: unknown): void;
  /** The way to the engine is there, or has gone; the host tries again by itself. */
  reachable(yes: boolean): void;
}

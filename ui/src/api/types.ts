import type { components } from "./schema";

/**
 * The shapes of the local API: generated from its description (`npm run types`), narrowed where that says
 * less than is so. Times ending in `_us` are Unix microseconds, durations microseconds.
 */
type Described = components["schemas"];

/** The engine writes null rather than leave out what there is none of. */
type Whole<T> = { [K in keyof T]-?: Exclude<T[K], undefined> };

export type ExchangeKind = "http" | "websocket" | "sse" | "upgrade" | "tcp";
export type ExchangeState = "open" | "done" | "failed" | "cancelled";

/** A row of the list. */
export interface Summary extends Omit<Whole<Described["Listed"]>, "kind" | "source" | "state" | "started"> {
  kind: ExchangeKind;
  source: "visitor" | "replay" | "import";
  state: ExchangeState;
}

export type Field = [name: string, value: string];

/** A head, and what is known of its body. */
export interface Half extends Omit<Whole<Described["Half"]>, "fields"> {
  fields: Field[];
}

export type CopyFormat = "curl" | "fetch" | "httpie" | "raw";

export interface Exchange extends Summary {
  request: Half;
  response: Half | null;
  replays: number[];
}

export interface ExchangePage {
  exchanges: Summary[];
  next_before: number | null;
  total: number | null;
}

export type Status = Described["Status"];
export type LinkState = Described["LinkWord"];
export type Session = Whole<Described["SessionState"]>;

/** One local target and its public address. Conditions on requests are set on the command line only. */
export interface Mapping extends Omit<Whole<Described["Mapping"]>, "policy" | "matches"> {
  policy: Policy;
}

export interface Snapshot {
  status: Status;
  mappings: Mapping[];
  last_exchange: number;
}

export interface Frame {
  seq: number;
  at_us: number;
  from_visitor: boolean;
  opcode: string;
  bytes: number;
  payload: string;
  payload_encoding: "utf-8" | "base64";
  truncated: boolean;
  close_code?: number | null;
  event?: string | null;
  event_id?: string | null;
}

export interface FramePage {
  frames: Frame[];
  next_after: number | null;
}

export interface ConnectionEntry {
  id: number;
  at_us: number;
  event: "connected" | "disconnected" | "refused" | "failed";
  code?: string | null;
  message?: string | null;
  agent_version: string;
  gateway_version?: string | null;
  latency_ms?: number | null;
  lasted_ms?: number | null;
}

export interface Connections {
  summary: {
    since_us: number;
    uptime_ratio: number;
    success_ratio: number;
    median_reconnect_ms?: number | null;
  };
  entries: ConnectionEntry[];
}

export interface Policy {
  basic_auth: { user: string; password?: string }[];
  allow_ip: string[];
  deny_ip: string[];
}

/** What can be written of a mapping; only `target` must be there. */
export interface MappingInput {
  target: string;
  name?: string | null;
  host?: string | null;
  path?: string | null;
  strip_prefix?: boolean;
  remote_port?: number | null;
  protocol?: "http" | "tcp";
  host_header?: string;
  allow_invalid_certs?: boolean;
  timeout_ms?: number;
  inspect?: boolean;
  enabled?: boolean;
  policy?: Policy;
}

export interface Port {
  port: number;
  address: string;
  pid: number | null;
  process: string | null;
  command: string | null;
  project: string | null;
  folder: string | null;
  kind: string | null;
  mapping_id: string | null;
}

export interface ReplayInput {
  method?: string;
  target?: string;
  fields?: Field[];
  body?: string;
  body_encoding?: "utf-8" | "base64";
  to_port?: number;
  to_target?: string;
  mapping_id?: string;
  times?: number;
}

export interface Changed<T> {
  before: T;
  after: T;
}

export type JsonChange =
  | { change: "added"; path: string; after: string }
  | { change: "removed"; path: string; before: string }
  | { change: "changed"; path: string; before: string; after: string };

export interface Hunk {
  before: number;
  after: number;
  lines: { mark: "both" | "removed" | "added"; text: string }[];
}

export type Difference =
  | { kind: "none" }
  | { kind: "json"; changes: JsonChange[]; more: boolean }
  | { kind: "text"; hunks: Hunk[]; more: boolean }
  | { kind: "bytes"; before_bytes: number; after_bytes: number; first_difference: number };

export interface ResponseDiff {
  status: Changed<number> | null;
  fields: { name: string; before: string[]; after: string[] }[];
  body: { partial: boolean; difference: Difference };
}

export interface Settings {
  keep_days: number;
  keep_exchanges: number;
  keep_bytes: number;
  capture: boolean;
  body_bytes: number;
}

export interface StatsPoint {
  at_us: number;
  requests: number;
  status: Record<"1xx" | "2xx" | "3xx" | "4xx" | "5xx" | "failed", number>;
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
}

export interface Stats {
  step_ms: number;
  points: StatsPoint[];
}

/** What the engine tells as it happens. */
export type LiveEvent =
  | { event: "snapshot"; data: Snapshot }
  | { event: "status"; data: Status }
  | { event: "mapping"; data: Mapping }
  | { event: "mapping-gone"; data: { id: string } }
  | { event: "exchange"; data: Summary }
  | { event: "exchanges-changed"; data: unknown }
  | { event: "connection"; data: ConnectionEntry }
  | { event: "settings"; data: Settings }
  | { event: "lagged"; data: unknown };

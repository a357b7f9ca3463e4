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
  source: "visitor" | "replay" | "stand-in" | "import";
  state: ExchangeState;
}

export type Field = [name: string, value: string];

/** A head, and what is known of its body. */
export interface Half extends Omit<Whole<Described["Half"]>, "fields" | "trailers"> {
  fields: Field[];
  trailers: Field[];
}

/** A request's head as the local service got it. */
export interface SentHead extends Omit<Described["Sent"], "fields"> {
  fields: Field[];
}

export type CopyFormat = "curl" | "fetch" | "httpie" | "raw" | "test-sh" | "test-node";

/** An answer for a service that is down. */
export type StandIn = Whole<Described["StandIn"]>;

export interface Exchange extends Summary {
  request: Half;
  response: Half | null;
  /** Where the request was rewritten on its way to the service. */
  sent: SentHead | null;
  replays: number[];
  /** What its answer is for while the service is down. */
  stand_in: StandIn | null;
}

export interface ExchangePage {
  exchanges: Summary[];
  next_before: number | null;
  total: number | null;
}

export type Status = Described["Status"];
export type LinkState = Described["LinkWord"];
export type Session = Whole<Described["SessionState"]>;

/** One local target and its public address. */
export interface Mapping extends Omit<Whole<Described["Mapping"]>, "policy" | "matches"> {
  matches: MappingCondition[];
  policy: Policy;
}

/** What a request must have beside the address; null: any value. */
export type MappingCondition = Whole<Described["Condition"]>;

export type Snapshot = Omit<Described["Snapshot"], "mappings"> & { mappings: Mapping[] };

export type Frame = Described["ToldFrame"];

export interface FramePage {
  frames: Frame[];
  next_after: number | null;
}

export type ConnectionEntry = Described["ConnectionEntry"];
export type Connections = Described["Connections"];

/** With a secret on the way in, and never on the way out. */
export type JwtRule = Whole<Described["Jwt"]> & { secret?: string };

/** With passwords on the way in, and never on the way out. */
export interface Policy extends Omit<Described["Policy"], "basic_auth" | "bearer_keys" | "jwt"> {
  basic_auth: (Described["User"] & { password?: string })[];
  bearer_keys: (Described["BearerKey"] & { key?: string })[];
  jwt: JwtRule | null;
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
  matches?: MappingCondition[];
  inspect?: boolean;
  enabled?: boolean;
  policy?: Policy;
}

export type Port = Whole<Described["Port"]>;
export type ReplayInput = Partial<Described["ReplayInput"]>;
export type Imported = Described["Imported"];
export type Difference = Described["Difference"];
export type ResponseDiff = Described["ResponseDiff"];
export type Settings = Described["Settings"];
/** What the app in the tray does by itself. */
export type AppSettings = Described["AppSettings"];
export type Gateway = Described["Gateway"];
export type GatewayTried = Described["Tried"];
export type GatewayStep = Described["Tread"];
export type GatewayInput = Omit<Described["GatewayChoice"], "keep">;
export type GatewayKeep = Described["KeepWord"];
export type StatsPoint = Described["Point"];
export type Stats = Described["Stats"];

/** What the engine tells as it happens. */
export type LiveEvent =
  | { event: "snapshot"; data: Snapshot }
  | { event: "status"; data: Status }
  | { event: "mapping"; data: Mapping }
  | { event: "mapping-gone"; data: { id: string } }
  | { event: "exchange"; data: Summary }
  | { event: "exchanges-changed"; data: unknown }
  | { event: "stand-ins-changed"; data: Described["StandInsEvent"] }
  | { event: "connection"; data: Described["ConnectionEvent"] }
  | { event: "settings"; data: Settings }
  | { event: "app"; data: AppSettings }
  | { event: "lagged"; data: unknown };

export type LiveEventData<Name extends LiveEvent["event"]> = Extract<LiveEvent, { event: Name }>["data"];

import type { RequestOptions } from "./host";
import { httpHost } from "./http";
import { toProblem, unreachable } from "./problem";
import type {
  AppSettings,
  Connections,
  CopyFormat,
  Exchange,
  ExchangePage,
  FramePage,
  Gateway,
  GatewayInput,
  GatewayKeep,
  GatewayTried,
  Imported,
  Mapping,
  MappingInput,
  Port,
  ReplayInput,
  ResponseDiff,
  Session,
  Settings,
  StandIn,
  Stats,
  Status,
} from "./types";
import { isWindow, windowHost } from "./window";

/** The host that this page runs in. */
export const host = isWindow() ? windowHost : httpHost;

async function send(path: string, options?: RequestOptions) {
  let answer: Awaited<ReturnType<typeof host.request>>;
  try {
    answer = await host.request(path, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (answer.status >= 400) {
    throw toProblem(answer.status, await answer.json().catch(() => null));
  }
  return answer;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, signal ? { signal } : {})).json()) as T;
}

async function change<T>(method: "POST" | "PUT" | "PATCH", path: string, body?: unknown): Promise<T> {
  const answer = await send(path, { method, body });
  if (answer.status === 202 || answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function remove<T = void>(path: string, body?: unknown): Promise<T> {
  const answer = await send(path, { method: "DELETE", body });
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** `?a=1&b=2` of what is there. */
export function query(parts: Record<string, string | number | boolean | null | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value !== undefined && value !== null && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** A body as it is kept or decoded, with what the engine says about it. */
export interface BodyBytes {
  bytes: Uint8Array<ArrayBuffer>;
  decodeError: string | null;
}

export type Side = "request" | "response";

export const api = {
  session: () => get<Session>("/session"),
  login: (user: string, password: string) => change<void>("POST", "/login", { user, password }),
  logout: () => change<void>("POST", "/logout"),

  status: () => get<Status>("/status"),
  reconnect: () => change<void>("POST", "/reconnect"),
  connections: (limit: number) => get<Connections>(`/connections${query({ limit })}`),

  mappings: async () => (await get<{ mappings: Mapping[] }>("/mappings")).mappings,
  addMapping: (input: MappingInput) => change<Mapping>("POST", "/mappings", input),
  checkMapping: async (input: MappingInput) =>
    (await change<{ fields: Record<string, string> }>("POST", "/mappings/check", input)).fields,
  editMapping: (id: string, input: MappingInput) => change<Mapping>("PUT", `/mappings/${id}`, input),
  enableMapping: (id: string, enabled: boolean) => change<Mapping>("PATCH", `/mappings/${id}`, { enabled }),
  removeMapping: (id: string) => remove(`/mappings/${id}`),
  ports: async () => (await get<{ ports: Port[] }>("/ports")).ports,

  exchanges: (filter: string, limit: number, before?: number, signal?: AbortSignal) =>
    get<ExchangePage>(`/exchanges${query({ filter, limit, before })}`, signal),
  exchange: (id: number) => get<Exchange>(`/exchanges/${id}`),
  body: async (id: number, side: Side, view: "decoded" | "raw"): Promise<BodyBytes> => {
    const answer = await send(`/exchanges/${id}/${side}/body${query({ view })}`);
    return { bytes: await answer.bytes(), decodeError: answer.header("porthole-decode-error") };
  },
  /** `ignore`: what a test leaves out, with commas between. */
  copy: async (id: number, format: CopyFormat, ignore?: string) =>
    (await get<{ text: string }>(`/exchanges/${id}/copy/${format}${query({ ignore })}`)).text,
  standIn: (id: number) => change<StandIn>("PUT", `/exchanges/${id}/stand-in`),
  standDown: (id: number) => remove(`/exchanges/${id}/stand-in`),
  standIns: async (mappingId: string) =>
    (await get<{ stand_ins: StandIn[] }>(`/mappings/${mappingId}/stand-ins`)).stand_ins,
  frames: (id: number, after: number | undefined, limit: number) =>
    get<FramePage>(`/exchanges/${id}/frames${query({ after, limit })}`),
  replay: async (id: number, input: ReplayInput) =>
    (await change<{ exchanges: number[] }>("POST", `/exchanges/${id}/replay`, input)).exchanges,
  replaySeveral: async (ids: readonly number[]) =>
    (await change<{ exchanges: number[] }>("POST", "/exchanges/replay", { ids })).exchanges,
  diff: (before: number, after: number, ignore: string) =>
    get<ResponseDiff>(`/exchanges/${before}/diff/${after}${query({ ignore })}`),
  mark: (id: number, marks: { pinned?: boolean; note?: string | null }) =>
    change<unknown>("PATCH", `/exchanges/${id}`, marks),
  removeExchange: (id: number) => remove(`/exchanges/${id}`),
  removeExchanges: (filter: string) => remove<{ deleted: number }>("/exchanges", filter ? { filter } : {}),
  importHar: async (file: Blob) =>
    (await (await send("/exchanges/import", { method: "POST", file })).json()) as Imported,
  /** `ids`: with commas between. */
  exportUrl: (which: { filter: string } | { id: number } | { ids: string }, redact: boolean) =>
    host.downloadUrl(`/exchanges/export${query({ ...which, redact })}`),
  bodyUrl: (id: number, side: Side) => host.downloadUrl(`/exchanges/${id}/${side}/body?view=raw`),

  gateway: () => get<Gateway>("/gateway"),
  checkGateway: (input: GatewayInput) => change<GatewayTried>("POST", "/gateway/check", input),
  chooseGateway: (input: GatewayInput & { keep: GatewayKeep }) => change<void>("PUT", "/gateway", input),
  tryGatewayHere: () => change<void>("POST", "/gateway/trial"),
  declineGateway: () => remove("/gateway/offer"),
  app: () => get<AppSettings>("/app"),
  saveApp: (settings: AppSettings) => change<AppSettings>("PUT", "/app", settings),
  diagnostics: async () => new TextDecoder().decode(await (await send("/diagnostics")).bytes()),

  settings: () => get<Settings>("/settings"),
  saveSettings: (settings: Settings) => change<Settings>("PUT", "/settings", settings),
  stats: (mappingId: string | undefined, minutes: number) =>
    get<Stats>(`/stats${query({ mapping_id: mappingId, minutes })}`),
};

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { Exchange, Mapping, MappingInput, ReplayInput, Summary } from "../src/api/types";
import { connections, type FakeExchange, make, mappings, ports, status } from "./fake-data.ts";

/**
 * A stand-in for the engine's API, for work on the page alone: `npm run dev`, or `vite preview` with the
 * product's content security policy. FAKE_LIVE=N adds N exchanges a second, FAKE_EMPTY=1 begins with none.
 */

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
  "font-src 'self'; frame-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const START = process.env.FAKE_EMPTY ? 0 : 1200;
let exchanges: FakeExchange[] = Array.from({ length: START }, (_, index) =>
  make(START - index, Date.now() - index * 9000 - (index % 7) * 700),
);
const listeners = new Set<ServerResponse>();

function tell(event: string, data: unknown): void {
  for (const one of listeners) one.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function summary({ bodies, rows, request, response, replays, ...rest }: FakeExchange): Summary {
  return rest;
}

function whole({ bodies, rows, ...rest }: FakeExchange): Exchange {
  return { ...rest, replays: exchanges.filter((one) => one.original_id === rest.id).map((one) => one.id) };
}

function add(given: FakeExchange): void {
  exchanges.unshift(given);
  tell("exchange", summary(given));
}

const nextId = () => (exchanges[0]?.id ?? 0) + 1;

/** Enough of the language to click through: words anywhere, `status:`, `method:`, `is:failed|pinned|replay|websocket`. */
function matches(one: FakeExchange, filter: string): boolean {
  return filter
    .split(/\s+/)
    .filter(Boolean)
    .every((term) => {
      const [key, value = ""] = term.split(/:(.*)/s);
      if (key === "status") return String(one.status ?? "").startsWith(value.replace(/x/g, ""));
      if (key === "method") return one.method === value.toUpperCase();
      if (key === "is")
        return (
          one.state === value ||
          one.kind === value ||
          one.source === value ||
          (value === "pinned" && one.pinned)
        );
      if (key === "type") return (one.response_type ?? "").includes(value);
      if (key === "duration") return (one.total_us ?? 0) > 500_000;
      return (one.url + one.bodies.request + one.bodies.response).toLowerCase().includes(term.toLowerCase());
    });
}

function check(input: MappingInput): Record<string, string> {
  const fields: Record<string, string> = {};
  if (!/^(https?:\/\/)?[\w.:[\]-]+$/.test(input.target ?? ""))
    fields.target = `“${input.target}” is not a target: write it like 3000, host:port or a URL`;
  if (input.name && !/^[a-z0-9-]{1,63}$/i.test(input.name))
    fields.name = `“${input.name}” cannot be a name: use 1 to 63 letters, digits and dashes, with no dash at either end`;
  if (input.path && !input.path.startsWith("/"))
    fields.path = `“${input.path}” is not a path prefix: start it with /`;
  for (const cidr of input.policy?.allow_ip ?? [])
    if (!/^[\d.:a-f/]+$/.test(cidr)) fields["policy.allow_ip"] = `“${cidr}” is not an address or network`;
  return fields;
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const [, , , what, id, more, other] = url.pathname.split("/");
  const method = request.method ?? "GET";
  const send = (body: unknown, code = 200) => {
    response.writeHead(code, {
      "content-type": code >= 400 ? "application/problem+json" : "application/json",
    });
    response.end(code === 204 ? undefined : JSON.stringify(body));
  };
  const problem = (code: number, name: string, detail: string, fields?: Record<string, string>) =>
    send({ status: code, code: name, detail, fields }, code);
  const filter = url.searchParams.get("filter") ?? "";
  const one = exchanges.find((exchange) => exchange.id === Number(id));
  switch (what) {
    case "session":
      return send({ login_required: false, signed_in: true, user: null });
    case "status":
      return send(status);
    case "reconnect":
      return send({}, 202);
    case "connections":
      return send({
        summary: {
          since_us: (Date.now() - 86_400_000) * 1000,
          uptime_ratio: 0.9987,
          success_ratio: 0.75,
          median_reconnect_ms: 840,
        },
        entries: connections,
      });
    case "settings":
      return send(
        method === "PUT"
          ? await read(request)
          : {
              keep_days: 7,
              keep_exchanges: 100_000,
              keep_bytes: 1024 ** 3,
              capture: true,
              body_bytes: 2 * 1024 ** 2,
            },
      );
    case "ports":
      return send({ ports });
    case "stats":
      return send({
        step_ms: 60_000,
        points: Array.from({ length: Number(url.searchParams.get("minutes") ?? 60) }, (_, index) =>
          point(index),
        ),
      });
    case "mappings":
      return mappingAnswer(method, id, request, send, problem);
    case "events": {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(
        `event: snapshot\ndata: ${JSON.stringify({ status, mappings, last_exchange: exchanges[0]?.id ?? 0 })}\n\n`,
      );
      listeners.add(response);
      request.on("close", () => listeners.delete(response));
      return;
    }
    case "exchanges":
      break;
    default:
      return problem(404, "not-found", "There is nothing here.");
  }
  if (!id) {
    if (/(^|\s)nope:/.test(filter))
      return problem(422, "invalid-filter", "There is no key “nope”. Did you mean “note”?", {
        filter: "There is no key “nope”.",
      });
    const found = exchanges.filter((exchange) => matches(exchange, filter));
    if (method === "DELETE") {
      exchanges = exchanges.filter((exchange) => exchange.pinned || !found.includes(exchange));
      return send({ deleted: found.length });
    }
    const before = Number(url.searchParams.get("before") ?? Number.MAX_SAFE_INTEGER);
    const limit = Number(url.searchParams.get("limit") ?? 100);
    const page = found.filter((exchange) => exchange.id < before).slice(0, limit);
    return send({
      exchanges: page.map(summary),
      next_before: page.length === limit ? page.at(-1)?.id : null,
      total: found.length,
    });
  }
  if (id === "import") return send({ imported: 3, skipped: [] });
  if (!one) return problem(404, "no-exchange", `There is no exchange ${id}; it may have been forgotten.`);
  if (more === "copy") return send({ text: `curl ${one.url}` });
  if (more === "frames") return send({ frames: one.rows, next_after: null });
  if (more === "diff")
    return send(
      diff(
        one,
        exchanges.find((exchange) => exchange.id === Number(other)),
      ),
    );
  if (more === "replay") {
    const input = (await read(request)) as ReplayInput;
    const made = Array.from({ length: input.times ?? 1 }, () => {
      const id = nextId();
      const copy = {
        ...make(id),
        ...summary(one),
        id,
        request: one.request,
        response: one.response,
        bodies: one.bodies,
        started_us: Date.now() * 1000,
        source: "replay" as const,
        original_id: one.id,
        request_id: `r-${id}`,
        pinned: false,
        note: null,
      };
      add(copy);
      return id;
    });
    return send({ exchanges: made });
  }
  if (more === "request" || more === "response") {
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
    });
    return void response.end(one.bodies[more]);
  }
  if (method === "PATCH") {
    Object.assign(one, await read(request));
    return send(summary(one));
  }
  if (method === "DELETE") {
    exchanges = exchanges.filter((exchange) => exchange !== one);
    return send(null, 204);
  }
  return send(whole(one));
}

async function mappingAnswer(
  method: string,
  id: string | undefined,
  request: IncomingMessage,
  send: (body: unknown, code?: number) => void,
  problem: (code: number, name: string, detail: string, fields?: Record<string, string>) => void,
): Promise<void> {
  const at = mappings.findIndex((mapping) => mapping.id === id);
  const known = mappings[at];
  if (method === "GET") return send({ mappings });
  if (method === "DELETE") {
    mappings.splice(at, 1);
    tell("mapping-gone", { id });
    return send(null, 204);
  }
  const input = (await read(request)) as MappingInput;
  if (id === "check") return send({ fields: check(input) });
  if (method !== "PATCH" && Object.keys(check(input)).length > 0)
    return problem(422, "invalid-mapping", "The mapping is not valid.", check(input));
  const target = /^\d+$/.test(input.target ?? "") ? `http://127.0.0.1:${input.target}` : input.target;
  const changed = {
    ...(known ?? mappings[0]),
    ...input,
    ...(target ? { target } : {}),
    id: known?.id ?? `m${Date.now()}`,
  } as Mapping;
  changed.state = changed.enabled ? "live" : "off";
  changed.public_url = changed.enabled ? `https://${changed.name ?? "quiet-otter"}.tunnel.example.com` : null;
  if (known) mappings[at] = changed;
  else mappings.push(changed);
  tell("mapping", changed);
  return send(changed, known ? 200 : 201);
}

function diff(a: FakeExchange, b: FakeExchange | undefined) {
  if (!b || a.status === b.status)
    return {
      status: null,
      fields: [
        { name: "date", before: ["Sat, 21 Nov 2026 10:00:00 GMT"], after: ["Sat, 21 Nov 2026 10:00:09 GMT"] },
      ],
      body: {
        partial: false,
        difference: {
          kind: "json",
          more: false,
          changes: [
            { change: "changed", path: "$.received", before: "true", after: "false" },
            { change: "added", path: "$.lines[2]", after: '{"sku":"X"}' },
          ],
        },
      },
    };
  return {
    status: { before: a.status, after: b.status },
    fields: [],
    body: {
      partial: false,
      difference: {
        kind: "text",
        more: false,
        hunks: [
          {
            before: 1,
            after: 1,
            lines: [
              { mark: "both", text: "<h1>Shop</h1>" },
              { mark: "removed", text: "<p>old</p>" },
              { mark: "added", text: "<p>new</p>" },
            ],
          },
        ],
      },
    },
  };
}

function point(index: number) {
  const requests = Math.round(20 + 15 * Math.sin(index / 5) + ((index * 7919) % 13));
  const bad = index % 17 === 0 ? 6 : 0;
  return {
    at_us: (Date.now() - (60 - index) * 60_000) * 1000,
    requests,
    status: {
      "1xx": index % 9 === 0 ? 1 : 0,
      "2xx": requests - 4 - bad,
      "3xx": 2,
      "4xx": 2,
      "5xx": bad,
      failed: index % 23 === 0 ? 2 : 0,
    },
    p50_us: 12_000 + 4000 * Math.sin(index / 4),
    p95_us: 60_000 + 30_000 * Math.sin(index / 6),
    p99_us: 180_000 + 90_000 * Math.sin(index / 3),
  };
}

export function fakeApi(): Plugin {
  const middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    if (request.url?.startsWith("/api/v1/"))
      answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    else next();
  };
  return {
    name: "porthole-fake-api",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => {
      const rate = Number(process.env.FAKE_LIVE ?? 0);
      if (rate > 0) setInterval(() => add(make(nextId())), 1000 / rate).unref();
      server.middlewares.use((request, response, next) => {
        response.setHeader("content-security-policy", POLICY);
        middleware(request, response, next);
      });
    },
  };
}

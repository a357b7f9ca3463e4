import type {
  ConnectionEntry,
  Exchange,
  Field,
  Frame,
  Mapping,
  Port,
  Status,
  Summary,
} from "../src/api/types";

/** Made-up things to look at while working on the page; nothing of this is part of the product. */

export interface FakeExchange extends Exchange {
  bodies: { request: Buffer; response: Buffer };
  rows: Frame[];
}

const base: Mapping = {
  id: "m1",
  name: "shop",
  host: null,
  path: null,
  strip_prefix: false,
  remote_port: null,
  target: "http://127.0.0.1:3000",
  protocol: "http",
  host_header: "preserve",
  allow_invalid_certs: false,
  timeout_ms: 120_000,
  inspect: true,
  enabled: true,
  policy: { basic_auth: [], allow_ip: [], deny_ip: [] },
  source: "stored",
  gateway: null,
  created_at: null,
  updated_at: null,
  state: "live",
  public_url: "https://shop.tunnel.example.com",
  code: null,
  message: null,
};

export const mappings: Mapping[] = [
  base,
  {
    ...base,
    id: "m2",
    name: "hooks",
    target: "http://127.0.0.1:8787",
    public_url: "https://hooks.tunnel.example.com",
    policy: { basic_auth: [{ user: "alice" }], allow_ip: ["203.0.113.0/24"], deny_ip: [] },
  },
  {
    ...base,
    id: "m3",
    name: null,
    host: "docs.example.com",
    target: "http://127.0.0.1:5173",
    state: "off",
    enabled: false,
    public_url: null,
  },
  {
    ...base,
    id: "m4",
    name: null,
    protocol: "tcp",
    remote_port: 20001,
    target: "127.0.0.1:5432",
    source: "file",
    public_url: "tcp://tunnel.example.com:20001",
  },
  {
    ...base,
    id: "m5",
    name: "www",
    target: "http://127.0.0.1:4321",
    state: "refused",
    public_url: null,
    source: "command",
    code: "name-in-use",
    message: "The name “www” is used by another computer right now.",
  },
];

export const ports: Port[] = [
  {
    port: 3000,
    address: "127.0.0.1",
    pid: 4211,
    process: "node",
    command: "next dev",
    project: "shop-frontend",
    folder: "~/work/shop-frontend",
    kind: "next",
    mapping_id: "m1",
  },
  {
    port: 5173,
    address: "::1",
    pid: 5120,
    process: "node",
    command: "vite",
    project: "docs",
    folder: "~/work/docs",
    kind: "vite",
    mapping_id: "m3",
  },
  {
    port: 8000,
    address: "0.0.0.0",
    pid: 6001,
    process: "python3",
    command: "python3 -m http.server",
    project: null,
    folder: "~/tmp",
    kind: null,
    mapping_id: null,
  },
  {
    port: 5432,
    address: "127.0.0.1",
    pid: null,
    process: null,
    command: null,
    project: null,
    folder: null,
    kind: null,
    mapping_id: "m4",
  },
];

export const status: Status = {
  version: "0.1.0",
  pid: 999,
  gateway: "https://tunnel.example.com",
  trial: false,
  state: "connected",
  gateway_version: "0.1.0",
  latency_ms: 23,
  uptime_ms: 7_523_000,
  connected_since_us: (Date.now() - 7_400_000) * 1000,
  capture: { state: "running" },
  warnings: [],
};

export const connections: ConnectionEntry[] = [
  {
    id: 5,
    at_us: (Date.now() - 7_400_000) * 1000,
    event: "connected",
    agent_version: "0.1.0",
    gateway_version: "0.1.0",
    latency_ms: 21,
  },
  {
    id: 4,
    at_us: (Date.now() - 7_403_000) * 1000,
    event: "failed",
    code: "dns",
    message: "tunnel.example.com could not be resolved.",
    agent_version: "0.1.0",
  },
  {
    id: 3,
    at_us: (Date.now() - 7_410_000) * 1000,
    event: "disconnected",
    code: "network-changed",
    message: "The network of this computer changed.",
    agent_version: "0.1.0",
    gateway_version: "0.1.0",
    lasted_ms: 52_000_000,
  },
  {
    id: 2,
    at_us: (Date.now() - 59_410_000) * 1000,
    event: "connected",
    agent_version: "0.1.0",
    gateway_version: "0.1.0",
    latency_ms: 34,
  },
  {
    id: 1,
    at_us: (Date.now() - 59_500_000) * 1000,
    event: "refused",
    code: "token-expired",
    message: "The token expired on 2026-11-20.",
    agent_version: "0.1.0",
    gateway_version: "0.1.0",
  },
];

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC",
  "base64",
);

const order = {
  id: "order_42",
  object: "order",
  amount_total: 129900,
  big: "12345678901234567890",
  currency: "eur",
  paid: true,
  refunded: null,
  customer: {
    id: "cus_9f2",
    email: "ada@example.com",
    address: { city: "Zürich", lines: ["Bahnhofstrasse 1", ""] },
  },
  lines: Array.from({ length: 4 }, (_, index) => ({
    sku: `SKU-${100 + index}`,
    quantity: index + 1,
    price: 1999.5 + index,
  })),
};

interface Kind {
  method: string;
  target: string;
  status: number | null;
  mapping: number;
  error?: string;
  kind?: Summary["kind"];
  request?: [type: string, body: Buffer | string];
  response?: [type: string, body: Buffer | string];
  frames?: boolean;
  more?: number;
}

const HTML = `<!doctype html><html><head><title>Shop</title><link rel=stylesheet href=/a.css><script>alert(1)</script></head>
<body><h1>Shop</h1><img src="https://evil.example/beacon.png"><form action="https://evil.example"><input name=a><button>Send</button></form></body></html>`;
const MULTIPART = `--XX\r\nContent-Disposition: form-data; name="title"\r\n\r\nA picture\r\n--XX\r\nContent-Disposition: form-data; name="file"; filename="dot.png"\r\nContent-Type: image/png\r\n\r\n`;

const KINDS: Kind[] = [
  {
    method: "POST",
    target: "/hooks/stripe?livemode=false",
    status: 200,
    mapping: 1,
    request: [
      "application/json",
      JSON.stringify(order).replace('"12345678901234567890"', "12345678901234567890"),
    ],
    response: ["application/json", '{"received":true}'],
  },
  { method: "GET", target: "/", status: 200, mapping: 0, response: ["text/html; charset=utf-8", HTML] },
  {
    method: "GET",
    target: "/assets/app-4f2a.js",
    status: 200,
    mapping: 0,
    response: ["text/javascript", "console.log('hello');\n".repeat(900)],
  },
  { method: "GET", target: "/logo.png", status: 200, mapping: 0, response: ["image/png", PNG] },
  {
    method: "POST",
    target: "/api/login",
    status: 302,
    mapping: 0,
    request: ["application/x-www-form-urlencoded", "user=ada&password=secret+word&next=%2Faccount"],
  },
  {
    method: "POST",
    target: "/api/upload",
    status: 201,
    mapping: 0,
    request: [
      "multipart/form-data; boundary=XX",
      Buffer.concat([Buffer.from(MULTIPART), PNG, Buffer.from("\r\n--XX--\r\n")]),
    ],
    response: ["application/json", '{"id":7}'],
  },
  {
    method: "GET",
    target: "/api/orders?page=2&sort=-created",
    status: 500,
    mapping: 0,
    response: [
      "application/problem+json",
      '{"title":"Internal Server Error","detail":"relation \\"orders\\" does not exist"}',
    ],
  },
  { method: "GET", target: "/api/missing", status: 404, mapping: 0, response: ["text/plain", "not found\n"] },
  {
    method: "GET",
    target: "/report.pdf",
    status: 200,
    mapping: 0,
    response: [
      "application/pdf",
      Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 37) % 256)),
    ],
    more: 356_000_000,
  },
  { method: "GET", target: "/live", status: 101, mapping: 0, kind: "websocket", frames: true },
  {
    method: "GET",
    target: "/events",
    status: 200,
    mapping: 0,
    kind: "sse",
    frames: true,
    response: ["text/event-stream", 'event: order\nid: 1\ndata: {"id":1}\n\n'],
  },
  {
    method: "PUT",
    target: "/api/cart/7",
    status: null,
    mapping: 0,
    error: "service-down",
    request: ["application/json", '{"quantity":3}'],
  },
  { method: "GET", target: "/slow", status: 504, mapping: 1, error: "service-timeout" },
  {
    method: "GET",
    target: "/feed.xml",
    status: 200,
    mapping: 0,
    response: ["application/atom+xml", '<?xml version="1.0"?>\n<feed><title>News</title></feed>\n'],
  },
];

export function make(id: number, at = Date.now(), given: Partial<Kind> = {}): FakeExchange {
  // Every now and then a replay of an earlier one.
  const like = id % 23 === 0 ? id - 14 : id;
  const kind: Kind = { ...(KINDS[(like * 5 + (like >> 3)) % KINDS.length] as Kind), ...given };
  const mapping = mappings[kind.mapping] ?? base;
  const [requestType, request] = half(kind.request);
  const [responseType, response] = half(kind.response);
  const total = Math.round(3000 + ((id * 7919) % 97) ** 2 * 60);
  const host = `${mapping.name}.tunnel.example.com`;
  const fields: Field[] = [
    ["Host", host],
    ["User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"],
    ["Accept", "*/*"],
    ["Cookie", "session=abc123; theme=dark"],
    ...(requestType
      ? ([
          ["Content-Type", requestType],
          ["Content-Length", String(request.length)],
        ] as Field[])
      : []),
  ];
  const answer: Field[] = [
    ["Date", new Date(at).toUTCString()],
    ["Server", "next"],
    ["Set-Cookie", "session=abc123; Path=/; HttpOnly; SameSite=Lax"],
    ...(responseType ? ([["Content-Type", responseType]] as Field[]) : []),
  ];
  const open = kind.kind === "websocket" && id % 2 === 0;
  const rows = kind.frames ? frames(at, kind.kind === "sse") : [];
  const summary: Summary = {
    id,
    request_id: `r-${id}`,
    mapping_id: mapping.id,
    mapping: mapping.name,
    source: id % 23 === 0 ? "replay" : "visitor",
    original_id: id % 23 === 0 ? id - 14 : null,
    kind: kind.kind ?? "http",
    started_us: at * 1000,
    method: kind.method,
    scheme: "https",
    host,
    target: kind.target,
    url: `https://${host}${kind.target}`,
    visitor: "203.0.113.7",
    status: kind.status,
    error: kind.error ?? null,
    state: open ? "open" : kind.status === null ? "failed" : "done",
    request_type: requestType,
    response_type: responseType,
    connect_us: 300,
    first_byte_us: kind.status === null ? null : Math.round(total * 0.6),
    total_us: open ? null : total,
    link_us: 11_000,
    gateway_us: 180,
    request_bytes: request.length,
    response_bytes: response.length + (kind.more ?? 0),
    request_kept: request.length,
    response_kept: response.length,
    incomplete: false,
    frames: rows.length,
    edited: false,
    pinned: id % 31 === 0,
    note: id % 31 === 0 ? "The one that Ada asked about." : null,
  };
  const side = (line: string, all: Field[], type: string | null, total: number, kept: number) => ({
    line,
    fields: all,
    body_bytes: total,
    body_kept: kept,
    truncated: total > kept,
    media_type: type,
    charset: null,
    encoding: [],
  });
  return {
    ...summary,
    request: side(
      `${kind.method} ${kind.target} HTTP/1.1`,
      fields,
      requestType,
      request.length,
      request.length,
    ),
    response:
      kind.status === null
        ? null
        : side(`HTTP/1.1 ${kind.status} OK`, answer, responseType, summary.response_bytes, response.length),
    replays: [],
    bodies: { request, response },
    rows,
  };
}

function half(given: Kind["request"]): [string | null, Buffer] {
  return given ? [given[0], Buffer.from(given[1])] : [null, Buffer.alloc(0)];
}

function frames(at: number, events: boolean): Frame[] {
  return Array.from({ length: 60 }, (_, seq) => {
    const payload =
      seq === 59 && !events
        ? ""
        : JSON.stringify({ type: seq % 3 === 0 ? "ping" : "price", seq, value: 12.5 * seq });
    return {
      seq,
      at_us: (at + seq * 250) * 1000,
      from_visitor: !events && seq % 3 === 0,
      opcode: events ? "event" : seq === 59 ? "close" : "text",
      bytes: payload.length,
      payload,
      payload_encoding: "utf-8" as const,
      truncated: false,
      ...(events ? { event: "price", event_id: String(seq) } : {}),
      ...(seq === 59 && !events ? { close_code: 1001 } : {}),
    };
  });
}

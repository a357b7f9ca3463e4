// The shop of dev/day.ts: run with a port as its argument, in the folder of a project. Plain JavaScript, so
// that it runs as it is, under the name of any tool.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { deflateSync, gzipSync } from "node:zlib";

const PRODUCTS = [
  ["deck-chair", "Deck chair", 8900],
  ["signal-lamp", "Signal lamp", 12900],
  ["rope-20m", "Rope, 20 m", 2400],
  ["sextant", "Sextant, brass", 34900],
  ["fender", "Fender, blue", 1900],
].map(([sku, name, cents]) => ({
  sku,
  name,
  price: { amount: cents, currency: "EUR" },
  in_stock: sku !== "sextant",
}));

/** Whether the fault of the webhook's first version was mended. */
let mended = false;

const json = (response, status, value, fields = {}) =>
  response
    .writeHead(status, { "content-type": "application/json; charset=utf-8", ...fields })
    .end(JSON.stringify(value));

/** Answers in its own time: milliseconds that a believable shop takes. */
const ROUTES = {
  "GET /": [
    18,
    (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE),
  ],
  "GET /assets/app-4f2a91.js": [6, (_, response) => script(response)],
  "GET /img/harbour.png": [24, (_, response) => picture(response)],
  "GET /api/products": [42, (_, response) => json(response, 200, { page: 1, products: PRODUCTS })],
  "GET /api/cart": [
    31,
    (_, response) => json(response, 200, { items: [{ sku: "rope-20m", quantity: 2 }], total: 4800 }),
  ],
  "PUT /api/cart": [
    55,
    (_, response) => json(response, 200, { items: [{ sku: "sextant", quantity: 1 }], total: 34900 }),
  ],
  "POST /api/checkout": [420, (_, response) => json(response, 201, { order: "ord_1042", status: "pending" })],
  "POST /api/login": [96, (_, response) => login(response)],
  "GET /api/orders/1042": [
    64,
    (_, response) => json(response, 200, { id: "ord_1042", status: mended ? "paid" : "pending" }),
  ],
  "GET /api/reports/month": [
    1850,
    (_, response) => json(response, 500, { error: "query timed out", after_ms: 1800 }),
  ],
  "GET /exports/orders.csv": [130, (_, response) => table(response)],
  "POST /api/photos": [
    210,
    (_, response) => json(response, 201, { id: "photo_77", width: 480, height: 300 }),
  ],
  "POST /graphql": [
    58,
    (_, response) =>
      json(response, 200, { data: { order: { id: "ord_1042", status: "PENDING", lines: 2 } } }),
  ],
  "POST /hooks/stripe": [74, (_, response) => stripe(response)],
  "POST /hooks/github": [37, (_, response) => json(response, 202, { queued: true })],
  "GET /api/crash": [12, (_, response) => response.socket.destroy()],
  "GET /api/stock": [4, (_, response) => stock(response)],
  "POST /mended": [0, (_, response) => mend(response)],
};

const PAGE = `<!doctype html>
<html lang="en">
<head><title>Quay & Co.</title><link rel="stylesheet" href="/assets/app.css"></head>
<body><h1>Everything for a small boat</h1><img src="/img/harbour.png" alt="The harbour at dusk"></body>
</html>
`;

function stripe(response) {
  const date = { "x-shop-build": mended ? "2026.11.2" : "2026.11.1" };
  if (mended)
    json(response, 200, { received: true, order: { id: "ord_1042", status: "paid", total: 34900 } }, date);
  else
    json(
      response,
      500,
      {
        received: false,
        order: { id: "ord_1042", status: "pending", total: 34900 },
        error: "no handler for checkout.session.completed",
      },
      date,
    );
}

function mend(response) {
  mended = true;
  response.writeHead(204).end();
}

function login(response) {
  response
    .writeHead(303, {
      location: "/",
      "set-cookie": "session=s_9f31c2; Path=/; HttpOnly; Secure; SameSite=Lax",
    })
    .end();
}

function script(response) {
  const body = gzipSync("export const shop = (root) => root.replaceChildren();\n".repeat(900));
  response
    .writeHead(200, {
      "content-type": "text/javascript",
      "content-encoding": "gzip",
      "cache-control": "max-age=31536000",
    })
    .end(body);
}

/** Longer than what is kept of a body. */
function table(response) {
  response.writeHead(200, { "content-type": "text/csv; charset=utf-8" });
  response.end("order,date,total\n".concat("ord_1042,2026-11-21,349.00\n".repeat(240_000)));
}

/** The harbour at dusk. */
function picture(response) {
  const [width, height] = [480, 300];
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      const sun = Math.hypot(x - 320, y - 150) < 38 && y < 170;
      const sea = y >= 170;
      const wave = sea ? Math.sin((x + y * 3) / 9) * 8 : 0;
      const colour = sun
        ? [255, 214, 150]
        : sea
          ? [20 + wave, 84 + wave, 110 + wave]
          : [236 - y / 2, 150 - y / 4, 110 + y / 3];
      for (const [index, part] of colour.entries()) rows[at + index] = Math.max(0, Math.min(255, part));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const png = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  response.writeHead(200, { "content-type": "image/png" }).end(png);
}

function chunk(type, data) {
  const content = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc(content));
  return Buffer.concat([length, content, sum]);
}

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** Server-sent events, until the visitor has had enough. */
function stock(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  PRODUCTS.forEach(({ sku }, index) => {
    const left = 12 - index * 2;
    setTimeout(
      () => response.write(`id: ${index + 1}\nevent: stock\ndata: ${JSON.stringify({ sku, left })}\n\n`),
      index * 90,
    );
  });
  setTimeout(() => response.end(), PRODUCTS.length * 90);
}

const server = createServer((request, response) => {
  const path = (request.url ?? "").split("?")[0];
  const [ms, answer] = ROUTES[`${request.method} ${path}`] ?? [
    9,
    (_, missed) => json(missed, 404, { error: "not found", path }),
  ];
  request.resume();
  // A little faster or slower each time, as everything is.
  request.on("end", () => setTimeout(() => answer(request, response), ms * (0.6 + Math.random() * 0.9)));
});

server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const say = (value) => {
    const text = Buffer.from(JSON.stringify(value));
    const head = text.length < 126 ? [0x81, text.length] : [0x81, 126, text.length >> 8, text.length & 255];
    socket.write(Buffer.concat([Buffer.from(head), text]));
  };
  say({ type: "welcome", session: "ws_4f02", heartbeat_ms: 30000 });
  socket.on("error", () => socket.destroy());
  let orders = 1041;
  socket.on("data", (frame) => {
    // Its end, with the visitor's code.
    if ((frame[0] & 15) === 8) return socket.end(Buffer.from([0x88, 2, 3, 232]));
    orders += 1;
    say({
      type: "order",
      order: {
        id: `ord_${orders}`,
        total: { amount: 4800 + orders, currency: "EUR" },
        lines: 2,
        country: "NL",
      },
    });
  });
});

server.listen(Number(process.argv.at(-1)), "127.0.0.1");
